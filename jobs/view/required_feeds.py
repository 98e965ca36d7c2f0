"""Feeds a night must not go on without, as ingest left word of them in ops.feed_status."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from conf.dates import DateRange
from conf.errors import ClosedLoopError
from conf.feeds import load_feeds
from conf.settings import Settings
from jobs.lakehouse import delta_rs
from jobs.lakehouse.file_states import LOADED

FEED_STATUS = "ops.feed_status"
NOT_THERE = ("MISSING", "LATE", "REJECTED")


class FeedsMissing(ClosedLoopError):
    """A feed whose contract says `when_missing: stop` did not come for the night: nothing is built on half the truth."""


def require_feeds(settings: Settings, dates: DateRange) -> None:
    """Raise FeedsMissing when the last night of `dates` lacks a feed it must not go on without, as ingest found it.

    Suppression feeds stop the lists instead (targeting asks for them). The initial load takes history as it is.
    """
    night = dates.last
    if night < settings.first_night:
        return
    rows = delta_rs.read(settings, FEED_STATUS, filters=[("business_date", "=", night)]).to_pylist()
    must = {feed.feed: feed for feed in load_feeds().values() if feed.when_missing == "stop" and not feed.suppression}
    missing = sorted(
        (row for row in rows if row["feed"] in must and row["status"] in NOT_THERE), key=lambda r: r["feed"]
    )
    if missing:
        raise FeedsMissing(_stop_text(settings, night, missing))


def _stop_text(settings: Settings, night: date, missing: Sequence[dict[str, Any]]) -> str:
    lines = [
        f"  - {row['feed']}: {row['status']}, {row['detail']}; {_last_seen(settings, row['feed'], night)}"
        for row in missing
    ]
    cutoff, after = f"{settings.load_cutoff_hour:02d}:00", night + timedelta(days=1)
    return (
        f"night {night} stops: {len(missing)} feed(s) it must not go on without (when_missing: stop); yesterday's tables stay\n"
        + "\n".join(lines)
        + f"\n  to do:  have the file delivered (control file made before {cutoff} of {after}), then: closedloop run ingest --date {night}"
        " and the stages after it\n"
        f"          a file made later joins the next night; then: closedloop run conform --date {night} --to {after}\n"
        "          `closedloop skip` is no way round: it skips a night's lists, never a feed"
    )


def _last_seen(settings: Settings, feed: str, night: date) -> str:
    """How long a night has gone without a feed."""
    filters = [("feed", "=", feed), ("load_date", "<=", night), ("status", "in", list(LOADED))]
    days = delta_rs.read(settings, "ops.file_ledger", filters=filters, columns=["data_date"])["data_date"].to_pylist()
    last = max((day for day in days if day), default=None)
    return f"last delivered for {last}, {(night - last).days} day(s) before" if last else "never delivered before"
