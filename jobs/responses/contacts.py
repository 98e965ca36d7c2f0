"""The unified contact query: every contact with the holder of a number, over all channels, newest first; no JVM needed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from conf.errors import InputRefused
from conf.settings import Settings
from jobs.lakehouse import delta_rs, published
from jobs.lakehouse.withheld import without_withheld
from jobs.people.msisdn import canonical, national_mobile
from jobs.people.person_lookup import look_up

Rows = list[dict[str, Any]]


def contact_query(settings: Settings, msisdn: str, by: str | None = None) -> Rows:
    """Contacts with the owner of the line that holds a number now: ours with answers, tonight's lists, the customer's own.

    `msisdn` as a person writes it (blanks, hyphens, +86). Columns: when, direction, channel, campaign, product, wave, reach,
    answer, order, source. Raises InputRefused for a text that is no mobile number or a number nobody holds.
    """
    versions = published.published_versions(settings)
    subscription_id = _holder(settings, _token(settings, msisdn, by), versions)
    newest = _newest_snapshot(settings, versions)
    rows = _contacts(settings, subscription_id, newest, versions)
    since = _owner_since(settings, subscription_id, newest, versions)
    rows += _lists_ahead(settings, subscription_id, newest, versions)
    rows += _own_contacts(settings, subscription_id, since, versions)
    return sorted(rows, key=lambda row: row["when"], reverse=True)


def _token(settings: Settings, msisdn: str, by: str | None) -> int:
    token = look_up(settings, msisdn, "contacts", by)
    if national_mobile(msisdn) is None:
        raise InputRefused(
            f"number: found a text of class {canonical(msisdn)[1] or 'BLANK'}, wanted a mobile number, with or without +86"
        )
    if token is None:
        raise InputRefused("number: never seen in any feed, wanted a number of the network")
    return token


def _holder(settings: Settings, token: int, versions: dict[str, int]) -> str:
    rows = _read(settings, "silver.msisdn_assignment", [("msisdn_token", "=", token)], versions)
    intervals: dict[tuple, dict] = {}
    for row in sorted(rows, key=lambda row: row["load_date"]):
        intervals[row["subscription_id"], row["valid_from"]] = row
    if not intervals:
        raise InputRefused("number: seen in the feeds but held by no subscription of ours")
    return max(intervals.values(), key=lambda row: (row["valid_to"], row["valid_from"]))["subscription_id"]


def _newest_snapshot(settings: Settings, versions: dict[str, int]) -> date:
    return published.newest_date(settings, "gold.contact_history", versions=versions) or date.min


def _contacts(settings: Settings, subscription_id: str, newest: date, versions: dict[str, int]) -> Rows:
    filters = [("snapshot_date", "=", newest), ("subscription_id", "=", subscription_id)]
    rows = _read(settings, "gold.contact_history", filters, versions)
    return [
        _line(
            settings,
            row["contacted_at"] or row["planned_date"],
            "OUT",
            row,
            reach=row["reach_code"],
            answer="held back" if row["is_control"] else row["response_code"] or "not yet mature",
            order=row["order_id"],
        )
        for row in rows
        if row["is_present_owner"] is not False
    ]


def _lists_ahead(settings: Settings, subscription_id: str, newest: date, versions: dict[str, int]) -> Rows:
    filters = [("subscription_id", "=", subscription_id), ("business_date", ">=", newest)]
    rows = delta_rs.read(settings, "gold.campaign_contact", filters, versions.get("gold.campaign_contact", 0))
    to_make = without_withheld(settings, rows).to_pylist()
    return [_line(settings, row["planned_date"], "OUT", row, answer="on a list") for row in to_make]


def _owner_since(settings: Settings, subscription_id: str, newest: date, versions: dict[str, int]) -> date:
    """Day since which the present owner has the line, as the newest night knows it."""
    filters = [("snapshot_date", "=", newest), ("subscription_id", "=", subscription_id)]
    rows = _read(settings, "gold.channel_preference", filters, versions)
    return next((row["owner_since"] for row in rows if row["owner_since"]), date.min)


def _own_contacts(settings: Settings, subscription_id: str, since: date, versions: dict[str, int]) -> Rows:
    rows = _read(settings, "silver.cs_contact", [("subscription_id", "=", subscription_id)], versions)
    newest = {row["contact_id"]: row for row in sorted(rows, key=lambda row: row["load_date"])}
    return [
        _line(settings, row["contact_date"], row["direction"] or "IN", row, answer=row["reason_l1"])
        for row in newest.values()
        if row["contact_date"] >= since
    ]


def _line(settings: Settings, when: datetime | date, direction: str, row: dict, **more: Any) -> dict[str, Any]:
    # Times are kept in UTC; people read them on the operator's clock.
    local = (
        when.astimezone(ZoneInfo(settings.time_zone)).strftime("%Y-%m-%d %H:%M")
        if isinstance(when, datetime)
        else str(when)
    )
    names = {"campaign": "campaign_id", "product": "product_id", "wave": "wave_no", "source": "source"}
    kept = {name: row.get(column) for name, column in names.items()}
    line = {
        "when": local,
        "direction": direction,
        "channel": row["channel_code"],
        **kept,
        "reach": None,
        "answer": None,
        "order": None,
    }
    return {**line, **more}


def _read(settings: Settings, name: str, filters: list[tuple], versions: dict[str, int]) -> Rows:
    return delta_rs.read(settings, name, filters, versions.get(name, 0)).to_pylist()
