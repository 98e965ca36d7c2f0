"""Bronze to silver for a range of load dates: which tables change, and the feeds as their queries read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import date, timedelta

from conf.dates import DateRange
from conf.settings import Settings
from conf.tables import query_text, tables_of_job
from jobs.lakehouse.lineage import feed_views_in, sources
from jobs.lakehouse.plan import StagePlan
from jobs.lakehouse.tables import Tables
from jobs.view import as_of
from jobs.view.references import register_references
from jobs.view.required_feeds import require_feeds

JOB = "conform"
ANCHOR = "silver.usage_daily"  # written every night; its publication says which dates are conformed
CLOSING_DAY = 2


def plan(tables: Tables, dates: DateRange) -> StagePlan:
    """The silver tables these load dates change, and what their queries read.

    A resend inside the range, or dates loaded out of order, widen the range to all dates it changes. Raises FeedsMissing
    when the last night lacks a feed whose contract says stop.
    """
    require_feeds(tables.settings, dates)
    wide = as_of.dates_to_rebuild(tables.settings, dates, ANCHOR)
    wanted = tables_to_write(tables, wide)
    register_inputs(tables, wanted, wide)
    delivered = rows_by_feed(tables.settings, DateRange(earliest_closed_month(wide) or wide.first, wide.last))
    read = {
        name: sum(delivered[feed] for kind in ("as_of", "month") for feed in feeds_read(kind, [name]))
        for name in wanted
    }
    return StagePlan((wide,), tuple(wanted), rows_read=read)


def register_inputs(tables: Tables, names: Collection[str], dates: DateRange) -> None:
    """Make readable for SQL what the queries of these tables read beside tables: code lists, and feeds as known of each date."""
    register_references(tables.spark, tables.settings)
    as_of.register_feeds(tables, feeds_read("as_of", names), dates)
    month = earliest_closed_month(dates)
    if month:
        as_of.register_feeds(tables, feeds_read("month", names), DateRange(month, dates.last), prefix="month")


def rows_by_feed(settings: Settings, dates: DateRange) -> Counter[str]:
    """Good rows delivered by each feed on these dates."""
    rows: Counter[str] = Counter()
    for delivery in as_of.deliveries(settings):
        if delivery.load_date in dates:
            rows[delivery.feed] += delivery.rows
    return rows


def tables_to_write(tables: Tables, dates: DateRange) -> list[str]:
    """Tables these dates may change: of a new night those whose feeds brought rows, of dates built before all of them.

    The anchor table is always written, so that every conformed date leaves its mark in ops.published. Tables of closed
    months are written when a month closes inside the dates, so most nights they cost nothing.
    """
    built = as_of.newest_built(tables.settings, ANCHOR)
    is_new = built is None or dates.first > built
    brought = {d.feed for d in as_of.deliveries(tables.settings) if d.load_date in dates and d.rows}
    closes_a_month, made = earliest_closed_month(dates) is not None, set(tables_of_job(JOB))

    def is_due(name: str) -> bool:
        if feeds_read("month", [name]):
            return closes_a_month
        needs = feeds_read("as_of", [name]) or feeds_read(
            "as_of", sources(name) & made
        )  # no feed of its own: it follows others
        return name == ANCHOR or bool(brought & needs) or not (is_new or tables.version(name) == 0)

    return [name for name in tables_of_job(JOB) if is_due(name)]


def feeds_read(kind: str, names: Iterable[str]) -> set[str]:
    """Feeds whose as-of views (as_of_ or month_) the queries of these tables name."""
    return {feed for name in names for found, feed in feed_views_in(query_text(name)) if found == kind}


def earliest_closed_month(dates: DateRange) -> date | None:
    """First day of the earliest month that is closed inside the range, None when none is."""
    closings = (day for day in dates if day.day == CLOSING_DAY)
    first = next(closings, None)
    return (first.replace(day=1) - timedelta(days=1)).replace(day=1) if first else None
