"""The unified contact query: every contact with the holder of a number, over all channels, newest first; no JVM needed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from conf.errors import InputRefused
from conf.settings import Settings
from jobs.ingest.msisdn import NATIONAL_MOBILE, canonical
from jobs.lakehouse import ledger, published

Rows = list[dict[str, Any]]


def contact_query(settings: Settings, msisdn: str) -> Rows:
    """Contacts of the subscription that holds a number now: ours with their answers, tonight's lists, and the customer's own.

    `msisdn` as a person writes it (blanks, hyphens, +86). Columns: when, direction, channel, campaign, product, wave, reach,
    answer, order, source. Raises InputRefused for a text that is no mobile number or a number nobody holds.
    """
    versions = published.published_versions(settings)
    subscription_id = _holder(settings, _token(settings, msisdn), versions)
    newest = _newest_snapshot(settings, versions)
    rows = _contacts(settings, subscription_id, newest, versions)
    rows += _lists_ahead(settings, subscription_id, newest, versions)
    rows += _own_contacts(settings, subscription_id, versions)
    return sorted(rows, key=lambda row: row["when"], reverse=True)


def _token(settings: Settings, msisdn: str) -> int:
    number, number_class = canonical(msisdn)
    if number_class != NATIONAL_MOBILE:
        raise InputRefused(
            f"number: found a text of class {number_class or 'BLANK'}, wanted a mobile number, with or without +86"
        )
    filters = [("kind", "=", "MSISDN"), ("value", "=", number)]
    found = ledger.read(settings, "vault.identity", filters, columns=["token"])["token"].to_pylist()
    if not found:
        raise InputRefused("number: never seen in any feed, wanted a number of the network")
    return found[0]


def _holder(settings: Settings, token: int, versions: dict[str, int]) -> str:
    rows = _read(settings, "silver.msisdn_assignment", [("msisdn_token", "=", token)], versions)
    intervals: dict[tuple, dict] = {}
    for row in sorted(rows, key=lambda row: row["load_date"]):
        intervals[row["subscription_id"], row["valid_from"]] = row
    if not intervals:
        raise InputRefused("number: seen in the feeds but held by no subscription of ours")
    return max(intervals.values(), key=lambda row: (row["valid_to"], row["valid_from"]))["subscription_id"]


def _newest_snapshot(settings: Settings, versions: dict[str, int]) -> date:
    days = ledger.read(
        settings, "gold.contact_history", None, versions.get("gold.contact_history", 0), ["snapshot_date"]
    )
    return max(days["snapshot_date"].unique().to_pylist(), default=date.min)


def _contacts(settings: Settings, subscription_id: str, newest: date, versions: dict[str, int]) -> Rows:
    filters = [("snapshot_date", "=", newest), ("subscription_id", "=", subscription_id)]
    rows = _read(settings, "gold.contact_history", filters, versions)
    return [
        _line(settings, row["contacted_at"] or row["planned_date"], "OUT", row, reach=row["reach_code"],
              answer="held back" if row["is_control"] else row["response_code"] or "not yet mature", order=row["order_id"])
        for row in rows
    ]  # fmt: skip


def _lists_ahead(settings: Settings, subscription_id: str, newest: date, versions: dict[str, int]) -> Rows:
    filters = [("subscription_id", "=", subscription_id), ("business_date", ">=", newest)]
    rows = _read(settings, "gold.campaign_contact", filters, versions)
    files = ledger.read(
        settings, "ops.export_ledger", [("status", "in", ["REFUSED", "RECALLED"])], columns=["file_name"]
    )
    withheld = set(files["file_name"].to_pylist())
    recalled = set(ledger.read(settings, "ops.contact_recall", columns=["contact_id"])["contact_id"].to_pylist())
    return [
        _line(settings, row["planned_date"], "OUT", row, answer="on a list")
        for row in rows
        if row["file_name"] not in withheld and row["contact_id"] not in recalled
    ]


def _own_contacts(settings: Settings, subscription_id: str, versions: dict[str, int]) -> Rows:
    rows = _read(settings, "silver.cs_contact", [("subscription_id", "=", subscription_id)], versions)
    newest = {row["contact_id"]: row for row in sorted(rows, key=lambda row: row["load_date"])}
    return [
        _line(settings, row["contact_date"], row["direction"] or "IN", row, answer=row["reason_l1"])
        for row in newest.values()
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
    return ledger.read(settings, name, filters, versions.get(name, 0)).to_pylist()
