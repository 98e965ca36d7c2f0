"""Reads the newest protection for the last gate, straight from lists, answers, complaints, customers and control groups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute
from pyarrow.dataset import Expression, field

from conf.channels import load_channels
from conf.responses import load_response_rules
from jobs.lakehouse import delta_rs
from jobs.lakehouse.file_states import LOADED
from jobs.lakehouse.tables import Tables
from jobs.people import vault
from jobs.targeting.complaint_check import Complaint, closures
from jobs.targeting.export_check import Protection

ALL_CAMPAIGNS = "GLOBAL"
STANDS = date(9999, 12, 31)


def read_protection(
    lake: Tables, business_date: date, contact_day: date, subscriptions: pa.Array | None = None
) -> Protection:
    """Protection in force on the contact day, as known now, and who holds which number on the business date.

    An entry that was bound to nobody when it was made protects whoever we would reach on its number now. Opt-outs and
    complaints count in every delivery, superseded ones too, until a person releases them (conf/responses.yaml).
    `subscriptions` are those whose protection is asked for, everybody when left out: only what concerns them is read.
    """
    protection, asked = Protection(), _Asked(subscriptions)
    reached = _read_holders(lake, business_date, protection, asked)
    _read_suppression(lake, contact_day, protection, asked)
    owners = _OwnerHistory(lake, asked)
    _read_lists(lake, contact_day, protection, _Binding(reached, owners), asked)
    _read_opt_outs(lake, business_date, protection, _Binding(reached, owners))
    _read_complaints(lake, business_date, contact_day, protection, owners, asked)
    _read_sensitive(lake, protection, owners)
    columns = ["campaign_id", "subscription_id", "control_kind"]
    groups = lake.dataset("gold.control_group").to_table(columns, filter=asked.of())
    for row in groups.to_pylist():
        protection.held_back.add((row["campaign_id"], row["subscription_id"]))
        if row["control_kind"] == ALL_CAMPAIGNS:
            protection.held_back_always.add(row["subscription_id"])
    return protection


@dataclass(frozen=True)
class _Asked:
    """Whose protection is read; None: everybody's."""

    subscriptions: pa.Array | None

    def of(self, column: str = "subscription_id") -> Expression | None:
        """Rows about them."""
        return None if self.subscriptions is None else field(column).isin(self.subscriptions)

    def or_reached(self, reached: Mapping[int, list[str]], column: str) -> Expression | None:
        """Rows about them, or about nobody known whose number is now theirs."""
        about = self.of()
        return None if about is None else about | field(column).isin(pa.array(list(reached), pa.int64()))


@dataclass(frozen=True)
class _Binding:
    """Whom an entry protects: those it was bound to, if the line is still theirs; nobody known: who holds the number now."""

    reached: dict[int, list[str]]
    owners: _OwnerHistory

    def of(self, at_the_time: Iterable[str | None], token: int | None, day: date) -> list[str]:
        """Subscriptions protected by an entry of that day."""
        bound = {subscription for subscription in at_the_time if subscription}
        if not bound:
            return self.reached.get(token or 0, [])
        return [subscription for subscription in bound if not self.owners.has_changed_since(subscription, day)]


def _read_holders(lake: Tables, business_date: date, protection: Protection, asked: _Asked) -> dict[int, list[str]]:
    """Fill the holders of the numbers of those asked for; returns all live subscriptions by token of their number."""
    view = lake.dataset("gold.customer_360")
    on_night, named = field("snapshot_date") == business_date, asked.of()
    if named is not None:
        tokens = view.to_table(["msisdn"], filter=on_night & named)["msisdn"].unique().drop_null()
        on_night &= field("msisdn").isin(tokens)
    columns = ["subscription_id", "msisdn", "subscription_status"]
    live = view.to_table(columns, filter=on_night & field("is_live") & field("msisdn").is_valid())
    known = vault.numbers(lake.settings, live["msisdn"].unique())
    number_of = dict(zip(known["token"].to_pylist(), known["value"].to_pylist(), strict=True))
    reached = defaultdict(list)
    for subscription, token, status in zip(*(live[name].to_pylist() for name in columns), strict=True):
        number = number_of.get(token)
        if not number:
            continue
        protection.live.add(subscription)
        protection.status[subscription] = status
        reached[token].append(subscription)
        twice = protection.holder.setdefault(number, subscription)
        if twice != subscription:  # two live lines on one number: nobody can say whom we would reach
            protection.holder[number] = ""
    return dict(reached)


def _read_suppression(lake: Tables, contact_day: date, protection: Protection, asked: _Asked) -> None:
    newest = lake.newest_date("gold.suppression")
    if newest is None:
        return
    of_night, named = field("snapshot_date") == newest, asked.of()
    rows = lake.dataset("gold.suppression").to_table(filter=of_night if named is None else of_night & named)
    suppressed = defaultdict(list)
    for row in rows.to_pylist():
        if row["valid_from"] <= contact_day <= row["valid_to"]:
            suppressed[row["subscription_id"]].append((row["scope_type"], row["scope_value"]))
    protection.suppressed = dict(suppressed)


def _read_lists(lake: Tables, contact_day: date, protection: Protection, binding: _Binding, asked: _Asked) -> None:
    nights = sorted(lake.arrow("silver.list_member", columns=["load_date"])["load_date"].unique().to_pylist())
    if not nights:
        return
    in_force, concerned = (
        field("load_date") >= _whole_since(lake, nights),
        asked.or_reached(binding.reached, "msisdn_token"),
    )
    rows = lake.dataset("silver.list_member").to_table(filter=in_force if concerned is None else in_force & concerned)
    listed = defaultdict(list)
    for row in rows.to_pylist():
        added = row["added_at"].date()
        starts, ends = row["valid_from"] or added, row["valid_to"] or date.max
        if row["superseded_on"] > nights[-1] and starts <= contact_day <= ends:
            for subscription in binding.of([row["subscription_id"]], row["msisdn_token"], added):
                listed[subscription].append(
                    (row["list_colour"], row["scope_type"], row["scope_value"], row["reason_code"] or "")
                )
    protection.listed = dict(listed)


def _whole_since(lake: Tables, nights: list[date]) -> date:
    """The newest night whose list could be read to the last row; what it and later ones hold stays in force."""
    columns = ["load_date", "status", "rows_unreadable"]
    files = delta_rs.read(lake.settings, "ops.file_ledger", filters=[("feed", "=", "list_member")], columns=columns)
    torn = {row["load_date"] for row in files.to_pylist() if row["rows_unreadable"] and row["status"] in LOADED}
    return max((night for night in nights if night not in torn), default=nights[0])


def _read_opt_outs(lake: Tables, business_date: date, protection: Protection, binding: _Binding) -> None:
    columns = ["contact_id", "subscription_id", "msisdn_token", "contact_time", "channel_code", "opt_out_scope"]
    answers = lake.dataset("silver.channel_result")
    # Few answers are opt-outs, and whom each concerns is known only with the contact it answers: all of them are looked at.
    asked = answers.to_table(
        columns, filter=field("opt_out_scope").is_valid() & (field("opt_out_scope") != "")
    ).to_pylist()
    if not asked:
        return
    promoted = _promoted_products(lake, {row["contact_id"] for row in asked})
    released = load_response_rules().protection.released("OPT_OUT", business_date)
    opted_out = defaultdict(list)
    for row in asked:
        contacted, product = promoted.get(row["contact_id"], (None, ""))
        day = row["contact_time"].date()
        for subscription in binding.of([contacted, row["subscription_id"]], row["msisdn_token"], day):
            if released.get(subscription, date.min) < day:
                opted_out[subscription].append((row["opt_out_scope"], row["channel_code"], product))
    protection.opted_out = dict(opted_out)


def _promoted_products(lake: Tables, contact_ids: set[str]) -> dict[str, tuple[str, str]]:
    """Subscription and product of contacts, from the lists and from executions before closedloop."""
    found: dict[str, tuple[str, str]] = {}
    is_wanted = field("contact_id").isin(pa.array(sorted(contact_ids), pa.string()))
    for name in ("silver.campaign_execution", "gold.campaign_contact"):
        rows = lake.dataset(name).to_table(["contact_id", "subscription_id", "product_id"], filter=is_wanted)
        found |= {row["contact_id"]: (row["subscription_id"], row["product_id"] or "") for row in rows.to_pylist()}
    return found


def _read_complaints(
    lake: Tables, business_date: date, contact_day: date, protection: Protection, owners: _OwnerHistory, asked: _Asked
) -> None:
    newest: dict[str, dict] = {}
    told = lake.dataset("silver.complaint")
    ids = told.to_table(["complaint_id"], filter=asked.of())["complaint_id"].unique()  # a later row may name nobody
    rows = told.to_table(filter=field("complaint_id").isin(ids)).to_pylist()
    for row in sorted(rows, key=lambda row: (row["data_date"], row["load_date"], row["status"] or "")):
        newest[row["complaint_id"]] = row
    complaints = defaultdict(list)
    for row in newest.values():
        person, day = row["subscription_id"], row["created_at"].date()
        if person and not owners.has_changed_since(person, day):
            complaints[person].append(_complaint(row, day))
    rules = load_response_rules()
    released = rules.protection.released("COMPLAINT", business_date)
    closed = {person: closures(theirs, contact_day, rules.complaint, released) for person, theirs in complaints.items()}
    protection.complained = {person: scopes for person, scopes in closed.items() if scopes}


def _complaint(row: dict, day: date) -> Complaint:
    closed_at = row["closed_at"] or row["created_at"]
    return Complaint(
        row["complaint_id"],
        day,
        row["category"] or "",
        row["about_channel"] or "",
        row["about_product"] or "",
        bool(row["is_escalated"]),
        closed_at.date() if row["status"] == "CLOSED" else None,
    )


def _read_sensitive(lake: Tables, protection: Protection, owners: _OwnerHistory) -> None:
    """Channels sensitive customers do not want; who names none wants no proactive one."""
    columns = ["customer_id", "is_sensitive", "sensitive_channels", "data_date", "load_date"]
    customers = lake.arrow("silver.customer", filters=[("superseded_on", "=", STANDS)], columns=columns)
    is_named = pa.compute.greater(
        pa.compute.fill_null(pa.compute.list_value_length(customers["sensitive_channels"]), 0), 0
    )
    once = customers.filter(pa.compute.or_(pa.compute.fill_null(customers["is_sensitive"], False), is_named))
    rows = customers.filter(
        pa.compute.is_in(customers["customer_id"], once["customer_id"].combine_chunks())
    ).to_pylist()
    proactive = {code for code, channel in load_channels().items() if not channel.is_passive}
    unwanted: dict[str, set[str]] = {}
    for row in sorted(rows, key=lambda row: (row["data_date"], row["load_date"])):
        named = set(row["sensitive_channels"] or ())
        unwanted[row["customer_id"]] = named or (proactive if row["is_sensitive"] else set())
    for subscription, customer in owners.present.items():
        if unwanted.get(customer):
            protection.sensitive[subscription] = unwanted[customer]


class _OwnerHistory:
    """When a line changed hands: what an earlier owner asked for does not bind the next one."""

    def __init__(self, lake: Tables, asked: _Asked):
        names = ["subscription_id", "data_date", "load_date", "customer_id"]
        stands, named = field("superseded_on") == STANDS, asked.of()
        known = lake.dataset("silver.subscription").to_table(names, filter=stands if named is None else stands & named)
        rows = known.sort_by([(name, "ascending") for name in names]).combine_chunks()
        lines, customers = (_codes(rows[name]) for name in ("subscription_id", "customer_id"))
        goes_on = lines[1:] == lines[:-1]
        newest = rows.filter(pa.array(np.append(~goes_on, [True] * bool(len(lines)))))
        self.present = dict(zip(newest["subscription_id"].to_pylist(), newest["customer_id"].to_pylist(), strict=True))
        sold = rows.take(pa.array(np.flatnonzero(goes_on & (customers[1:] != customers[:-1])) + 1, pa.int64()))
        self._changed = dict(zip(sold["subscription_id"].to_pylist(), sold["data_date"].to_pylist(), strict=True))

    def has_changed_since(self, subscription: str, day: date) -> bool:
        """Whether the line got its present owner after that day."""
        return subscription in self._changed and self._changed[subscription] > day


def _codes(texts: pa.ChunkedArray) -> np.ndarray:
    """A number for each text, the same for the same."""
    return texts.combine_chunks().dictionary_encode(null_encoding="encode").indices.to_numpy(zero_copy_only=False)
