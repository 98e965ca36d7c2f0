"""Bronze to silver for a range of load dates, in one pass: clean, translate codes, bind numbers to subscriptions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from conf.dates import DateRange
from conf.feeds import load_feeds
from conf.tables import table_of
from expectations.gate import run_gate
from jobs.lakehouse.lake import CommitInfo, Lake
from jobs.lakehouse.planning import is_long_work, static_plans
from jobs.lakehouse.run import Run, exclusive
from jobs.rules.holders import register_holders
from jobs.view import asof
from jobs.view.references import register_references
from jobs.view.required_feeds import require_feeds

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from conf.settings import Settings

STAGE = "ingest"
ANCHOR = "silver.usage_daily"  # written every night; its publication says which dates are conformed
# Keyed by subscription or catalogue in the feed itself: nothing to bind. The assignment of numbers comes from the first.
STATE_TABLES = [
    "silver.subscription", "silver.msisdn_assignment", "silver.subscription_status", "silver.customer",
    "silver.product_offering", "silver.product_subscription", "silver.product_order", "silver.bill_month",
    "silver.payment", "silver.balance", "silver.device", "silver.tac_device",
    "silver.corporate_customer", "silver.account_manager", "silver.agreement", "silver.campaign_execution",
]  # fmt: skip
# Named by a number: bound to the subscription that held it at the time of the event.
BOUND_TABLES = [
    "silver.usage_daily", "silver.vas_daily", "silver.crbt_subscription", "silver.misc_order", "silver.list_member",
    "silver.channel_result", "silver.cs_contact", "silver.complaint",
]  # fmt: skip
# Written when a calendar month is closed, so most nights they cost nothing.
MONTH_TABLES = ["silver.contact_edge_month", "silver.call_area_month"]
SILVER_TABLES = [*STATE_TABLES, *BOUND_TABLES, *MONTH_TABLES]
CLOSING_DAY = 2


# Named in a query as asof_<feed> or month_<feed>: the feed's rows as the as-of reading gives them.
_FEED_VIEW = re.compile(r"\b(asof|month)_([a-z_]+)\b")


def run(spark: SparkSession, settings: Settings, dates: DateRange) -> dict[str, Any]:
    """Build, check and publish the silver tables of these load dates.

    A resend inside the range, or dates loaded out of order, widen the range to all dates it changes. Raises FeedsMissing
    when the last night lacks a feed whose contract says stop.
    """
    require_feeds(settings, dates)
    with exclusive(settings, f"{STAGE}-conform"):
        wide = asof.dates_to_rebuild(settings, dates, ANCHOR)
        lake = Lake(spark, settings, Run(STAGE, wide, settings))
        lake.restore_ahead(SILVER_TABLES)
        rows = build(lake, wide)
        run_gate(lake, STAGE, sorted(lake.written), wide)
        return {"dates": str(wide), "rows": rows, "published_seq": lake.publish()}


def build(lake: Lake, dates: DateRange) -> dict[str, int]:
    """Write the silver tables these load dates change; returns rows by table."""
    wanted = tables_to_write(lake, dates)
    register_references(lake.spark, lake.settings)
    month = earliest_closed_month(dates)
    asof.register_feeds(lake, feeds_read("asof", wanted), dates)
    if month:
        asof.register_feeds(lake, feeds_read("month", wanted), DateRange(month, dates.last), prefix="month")
    delivered = rows_by_feed(lake.settings, DateRange(month or dates.first, dates.last))
    commits = _write(lake, [name for name in STATE_TABLES if name in wanted], dates, delivered)
    register_holders(lake.spark, lake.read("silver.msisdn_assignment"))
    commits |= _write(lake, [name for name in wanted if name not in STATE_TABLES], dates, delivered)
    return {name: commit.rows for name, commit in sorted(commits.items())}


def rows_by_feed(settings: Settings, dates: DateRange) -> Counter[str]:
    """Good rows delivered by each feed on these dates."""
    rows: Counter[str] = Counter()
    for delivery in asof.deliveries(settings):
        if delivery.load_date in dates:
            rows[delivery.feed] += delivery.rows
    return rows


def _write(lake: Lake, tables: list[str], dates: DateRange, delivered: Counter[str]) -> dict[str, CommitInfo]:
    """Tables of long feeds first, then those of short ones: Spark plans the two kinds differently."""
    read = {
        name: sum(delivered[feed] for kind in ("asof", "month") for feed in feeds_read(kind, [name])) for name in tables
    }
    commits: dict[str, CommitInfo] = {}
    for is_long in (True, False):
        chosen = [name for name in tables if is_long_work(read[name]) == is_long]
        with static_plans(lake.spark, lake.settings, max((read[name] for name in chosen), default=0)):
            commits |= lake.run_tables(chosen, dates)
    return commits


def tables_to_write(lake: Lake, dates: DateRange) -> list[str]:
    """Tables these dates may change: of a new night those whose feeds brought rows, of dates built before all of them.

    The anchor table is always written, so that every conformed date leaves its mark in ops.published.
    """
    candidates = [*STATE_TABLES, *BOUND_TABLES, *(MONTH_TABLES if earliest_closed_month(dates) else [])]
    built = asof.newest_built(lake.settings, ANCHOR)
    is_new = built is None or dates.first > built
    brought = {d.feed for d in asof.deliveries(lake.settings) if d.load_date in dates and d.rows}
    if "subscription" in brought:
        brought.add("msisdn_assignment")  # follows from silver.subscription

    def is_due(name: str) -> bool:
        needs = feeds_read("asof", [name]) | {name.split(".")[1]}
        return name in (ANCHOR, *MONTH_TABLES) or bool(brought & needs) or not (is_new or lake.version(name) == 0)

    return [name for name in candidates if is_due(name)]


def feeds_read(kind: str, tables: Iterable[str]) -> set[str]:
    """Feeds whose as-of views (asof_ or month_) the queries of these tables name."""
    texts = [table_of(name).sql_file.read_text(encoding="utf-8") for name in tables]
    found = {match[2] for text in texts for match in _FEED_VIEW.finditer(text) if match[1] == kind}
    return found & set(load_feeds())


def earliest_closed_month(dates: DateRange) -> date | None:
    """First day of the earliest month that is closed inside the range, None when none is."""
    closings = (day for day in dates if day.day == CLOSING_DAY)
    first = next(closings, None)
    return (first.replace(day=1) - timedelta(days=1)).replace(day=1) if first else None
