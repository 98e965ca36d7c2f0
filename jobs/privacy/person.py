"""Who holds a number, and every value that is this person's: numbers, name, document, addresses, SIM cards, handsets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from conf.errors import InputRefused
from conf.settings import Settings
from jobs.lakehouse import delta_rs, published
from jobs.people.msisdn import national_mobile
from jobs.people.tokens import Tokenizer
from jobs.people.vault import MSISDN, values_of

CUSTOMER_COLUMNS = ("cust_name_token", "contact_address_token", "home_address_token", "id_number_token")


@dataclass(frozen=True)
class Person:
    """A person by token of the number that named him; `own` values are his alone, `shared` ones (a name) others' too."""

    token: int
    own: dict[
        int, tuple[str, str]
    ]  # token -> kind, value in clear; the value is empty where the vault has none any more
    shared: dict[int, tuple[str, str]] = field(default_factory=dict)
    customers: frozenset[str] = frozenset()
    subscriptions: frozenset[str] = frozenset()

    def values(self, *kinds: str) -> list[str]:
        """Own values of these kinds in clear."""
        return sorted({value for kind, value in self.own.values() if value and kind in kinds})


def person_of(settings: Settings, msisdn: str) -> Person:
    """The present holder of a number as a person writes it; a number nobody of ours holds stands for itself alone.

    Of a company only the line is erased: its name and address are no person's. InputRefused for what is no mobile number.
    """
    number = national_mobile(msisdn)
    if number is None:
        raise InputRefused("number: found a text that is no mobile number, wanted one, with or without +86")
    token = Tokenizer.of(settings).token(MSISDN, number)
    lines = _subscriptions(settings)
    holder = _holder(settings, token)
    owner = lines.get(holder or "", [{}])[-1].get("customer_id")
    customers = _rows(settings, "silver.customer")
    mine = [row for row in customers if row["customer_id"] == owner]
    is_person = bool(mine) and not any(row["is_company_registered"] or row["corporate_id"] for row in mine)
    held = {holder} if not is_person else {name for name, rows in lines.items() if rows[-1]["customer_id"] == owner}
    subscriptions = frozenset(name for name in held if name)
    own = {token} | _tokens_of_lines(settings, lines, subscriptions, owner)
    named = {row[name] for row in mine if is_person for name in CUSTOMER_COLUMNS} - {None}
    others = {row[name] for row in customers if row["customer_id"] != owner for name in CUSTOMER_COLUMNS}
    clear = values_of(settings, own | named)
    clear[token] = (MSISDN, number)
    kept = {one: clear.get(one, ("", "")) for one in (own | named) if one not in others}
    people = frozenset([owner] if is_person and owner else [])
    return Person(token, kept, {one: clear[one] for one in named & others if one in clear}, people, subscriptions)


def newest_night(settings: Settings) -> date:
    """Business date as of which a person is erased: the newest published one."""
    return max((row["business_date"] for row in published.newest_rows(settings)), default=settings.first_night)


def _rows(settings: Settings, name: str, filters: list[tuple] | None = None) -> list[dict[str, Any]]:
    rows = delta_rs.read(settings, name, filters, published.reader_version(settings, name)).to_pylist()
    return sorted(
        rows, key=lambda row: (row["data_date"], row["load_date"]) if "data_date" in row else row["load_date"]
    )


def _subscriptions(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    """Rows of each subscription, oldest first."""
    lines: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(settings, "silver.subscription"):
        lines.setdefault(row["subscription_id"], []).append(row)
    return lines


def _holder(settings: Settings, token: int) -> str | None:
    intervals: dict[tuple, dict] = {}
    for row in _rows(settings, "silver.msisdn_assignment", [("msisdn_token", "=", token)]):
        intervals[row["subscription_id"], row["valid_from"]] = row
    newest = max(intervals.values(), key=lambda row: (row["valid_to"], row["valid_from"]), default=None)
    return newest["subscription_id"] if newest else None


def _tokens_of_lines(
    settings: Settings, lines: dict[str, list[dict]], subscriptions: Iterable[str], owner: str | None
) -> set[int]:
    """Numbers, SIM cards and handsets of these subscriptions while they were the owner's, and nobody else's now."""
    mine, wanted = set(), set(subscriptions)
    for name in wanted:
        rows = [row for row in lines.get(name, []) if row["customer_id"] == owner]
        mine |= {row[column] for row in rows for column in ("msisdn_token", "imsi_token")}
        mine -= {row["msisdn_token"] for row in rows if _holder(settings, row["msisdn_token"]) not in wanted}
    devices = _rows(settings, "silver.device")
    mine |= {row["imei_token"] for row in devices if row["subscription_id"] in wanted}
    return mine - {None} - {row["imei_token"] for row in devices if row["subscription_id"] not in wanted}
