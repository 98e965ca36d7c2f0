"""Closing counts of the KPI months: a closed month is counted once, and again only when a record could change it."""

from __future__ import annotations

from datetime import date, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeAlias

from conf.dates import DateRange
from conf.tables import query_text
from jobs.lakehouse.changes import earliest_change
from jobs.rules.uses import register_uses

if TYPE_CHECKING:
    from jobs.lakehouse.lake import Lake

Rows: TypeAlias = list[dict[str, Any]]
TABLE, QUERY = "gold.kpi_closing", "work.kpi_counts"
# Day from which on a record of each table counts in a closing, as the query has it.
COUNTS_FROM = {
    "silver.subscription_status": "coalesce(CAST(status_time AS DATE), data_date)",
    "silver.subscription": "data_date",
    "silver.product_subscription": "data_date",
    "silver.crbt_subscription": "data_date",
    "silver.vas_daily": "event_date",
}
_DEFINITIONS = ("kpi_products", "paying_products", "kpi_uses", "not_counted_user_types")


def kpi_closing(lake: Lake, dates: DateRange) -> Rows:
    """Rows of gold.kpi_closing for each night of the range that is reported."""
    rule, versions = _rule(lake), {name: int(lake.version(name) or 0) for name in COUNTS_FROM}
    made: Rows = []
    kept = _newest_before(lake, dates.first)
    for night in lake.parameters["report_dates"]:
        standing = [row for row in kept if row["rule"] == rule and row["business_date"].year == night.year]
        closed = _closings(night)
        if standing and _may_have_changed(lake, standing[0], night, versions):
            standing = []
        known = {row["month_id"] for row in standing}
        missing = [day for month, day in closed.items() if month not in known]
        counted = _counted(lake, night, missing) if missing else []
        own = {"business_date": night, "counted_from": list(versions.items()), "rule": rule}
        kept = [row | own for row in standing if row["month_id"] in closed]
        kept += [row | own | {"counted_on": night} for row in counted]
        made += kept
    return made


def _rule(lake: Lake) -> str:
    text = query_text(QUERY) + repr([lake.parameters[name] for name in _DEFINITIONS])
    return sha256(text.encode()).hexdigest()[:16]


def _newest_before(lake: Lake, night: date) -> Rows:
    """Rows of the last night before that has some."""
    newest = lake.newest_date(TABLE, before=night)
    return lake.rows(TABLE, [("business_date", "=", newest)]) if newest else []


def _closings(night: date) -> dict[str, date]:
    """Last day of each month of the year that is closed, by month, and of the year before under no month."""
    following = [date(night.year + month // 12, month % 12 + 1, 1) for month in range(13)]
    ends = [first - timedelta(days=1) for first in following]
    return {"": ends[0]} | {f"{day:%Y%m}": day for day in ends[1:] if day <= night}


def _counted(lake: Lake, night: date, closing_dates: list[date]) -> Rows:
    """Counts of these closing dates as known on the night; a month in which nobody was counted has no row."""
    register_uses(lake.spark)
    found = lake.sql(query_text(QUERY), report_dates=[night], closing_dates=closing_dates).toArrow().to_pylist()
    return [{key: row[key] for key in ("series", "month_id", "user_cnt")} for row in found]


def _may_have_changed(lake: Lake, kept: dict[str, Any], night: date, versions: dict[str, int]) -> bool:
    """Whether since the kept night a record became known, or was replaced, that counts in a closed month of it.

    What was loaded up to that night must be what it was, file by file; of what came since only the dates are looked at.
    """
    last, counted_from = kept["business_date"], dict(kept["counted_from"])
    for name, version in versions.items():
        changed = earliest_change(lake.settings, name, "load_date", counted_from.get(name, -1), version)
        if changed is not None and changed <= last:
            return True
    closing = max(_closings(last).values())
    with lake.duckdb(COUNTS_FROM) as connection:
        return any(
            connection.execute(
                f"SELECT count(*) FROM {name} WHERE {moved} > ? AND {moved} <= ? AND {counts_from} <= ?",
                [last, night, closing],
            ).fetchone()
            != (0,)
            for name, counts_from in COUNTS_FROM.items()
            for moved in ("load_date", "superseded_on")
        )
