"""Which feeds a business date expects, and what came of them: complete, empty, late, missing, carried, rejected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from conf.feeds import Feed, load_feeds
from conf.settings import Settings
from jobs.ingest.landing import Delivered, discover
from jobs.ingest.names import last_day_of_month
from jobs.lakehouse import delta_rs
from jobs.lakehouse.file_states import LOADED, REJECTED

COMPLETE, EMPTY, LATE, MISSING, CARRIED = "COMPLETE", "EMPTY", "LATE", "MISSING", "CARRIED"
FEED_STATUS = "ops.feed_status"
_ABSENT = {"wait": "it joins the next night when it comes", "stop": "the night stops (a suppression feed: its lists)"}
STATUS_COLUMNS = [
    "feed",
    "data_date",
    "load_date",
    "resend_no",
    "sequence_no",
    "rows_in",
    "rows_good",
    "rows_quarantined",
    "rows_unreadable",
    "status",
    "reason",
    "file_name",
]


def feed_status(settings: Settings, day: date) -> list[dict[str, Any]]:
    """One row per feed expected on a business date, from the file ledger as it is now (see `status_rows`)."""
    rows = delta_rs.read(settings, "ops.file_ledger", columns=STATUS_COLUMNS).to_pylist()
    return status_rows(load_feeds().values(), rows, [day])


def missing_feeds(settings: Settings, day: date) -> list[str]:
    """Feeds expected on a business date of which landing holds no control file yet; the waiting task asks this.

    Feeds the ledger has already loaded for the date are not missing, whatever happened to their files.
    """
    wanted = {feed.feed: data_date_of(feed, day) for feed in load_feeds().values()}
    expected = {name: data_date for name, data_date in wanted.items() if data_date is not None}
    loaded = delta_rs.read(settings, "ops.file_ledger", columns=["feed", "data_date", "status"]).to_pylist()
    there = {(row["feed"], row["data_date"]) for row in loaded if row["status"] in LOADED}
    there |= {(file.feed.feed, file.data_date) for file in _ready(settings, expected)}
    return sorted(name for name, data_date in expected.items() if (name, data_date) not in there)


def _ready(settings: Settings, expected: Mapping[str, date]) -> list[Delivered]:
    feeds = load_feeds()
    return discover(settings, [feeds[name] for name in expected], expected)


def awaited_until(settings: Settings, name: str, day: date) -> datetime:
    """How long the night of a business date waits for a feed: its contract's deadline next morning, never past the cut-off."""
    cut_off = time(settings.load_cutoff_hour)
    until = min(time.fromisoformat(load_feeds()[name].deadline), cut_off)
    return datetime.combine(day + timedelta(days=1), until, ZoneInfo(settings.time_zone))


def data_date_of(feed: Feed, day: date) -> date | None:
    """Data date a feed must deliver on the night of a business date; None when none is due.

    A monthly feed is due on its due_day: totals of the month before, a snapshot of this month.
    """
    if feed.cadence == "daily":
        return day
    if day.day != feed.due_day:
        return None
    return day.replace(day=1) if feed.content == "snapshot" else day.replace(day=1) - timedelta(days=1)


def status_rows(feeds: Iterable[Feed], files: Sequence[dict[str, Any]], days: Iterable[date]) -> list[dict[str, Any]]:
    """Status of every feed expected on these business dates, by the rows of ops.file_ledger.

    COMPLETE or EMPTY: in time and good. LATE: came, with a later night. REJECTED: came in time and was refused.
    MISSING: did not come; the contract says whether the night waits for the next or stops (jobs/view/required_feeds.py).
    CARRIED: did not come, and the contract says yesterday's state goes on.
    """
    by_feed: dict[tuple[str, date], list[dict[str, Any]]] = defaultdict(list)
    for file in files:
        if file["data_date"] is not None:
            by_feed[(file["feed"], file["data_date"])].append(file)
    rows = []
    contracts = list(feeds)
    for day in days:
        for feed in contracts:
            data_date = data_date_of(feed, day)
            if data_date is not None:
                rows.append(_status_row(feed, day, data_date, by_feed[(feed.feed, data_date)]))
            elif early := _monthly_today(feed, day, by_feed):
                rows.append(_status_row(feed, day, early[0]["data_date"], early))
    return rows


def _monthly_today(
    feed: Feed, day: date, by_feed: dict[tuple[str, date], list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Files of a monthly feed that this night picked up on a day it was not due."""
    first = day.replace(day=1)
    periods = [first, first - timedelta(days=1), last_day_of_month(day)]
    return [file for period in periods for file in by_feed.get((feed.feed, period), []) if file["load_date"] == day]


def _status_row(feed: Feed, day: date, data_date: date, files: list[dict[str, Any]]) -> dict[str, Any]:
    status, detail, counted = _status(feed, day, data_date, files)
    return {
        "business_date": day,
        "feed": feed.feed,
        "status": status,
        "detail": detail,
        "file_cnt": len(counted),
        "rows_good": sum(file["rows_good"] or 0 for file in counted),
        "rows_quarantined": sum(file["rows_quarantined"] or 0 for file in counted),
        "rows_unreadable": sum(file["rows_unreadable"] or 0 for file in counted),
    }


def _status(
    feed: Feed, day: date, data_date: date, files: list[dict[str, Any]]
) -> tuple[str, str, list[dict[str, Any]]]:
    in_time = [file for file in files if file["load_date"] <= day]
    good = _newest([file for file in in_time if file["status"] in LOADED])
    refused = [file for file in in_time if file["status"] == REJECTED and not _mended(file, good)]
    if refused:
        return REJECTED, refused[0]["reason"] or "refused", good
    if good:
        rows = sum(file["rows_in"] or 0 for file in good)
        resend = f", resend {good[0]['resend_no']:02d}" if good[0]["resend_no"] else ""
        return (COMPLETE, f"{rows} rows{resend}", good) if rows else (EMPTY, f"an empty delivery{resend}", good)
    late = _newest([file for file in files if file["load_date"] > day and file["status"] in LOADED])
    if late:
        return LATE, f"came with the night of {late[0]['load_date']}, wanted by {feed.deadline} after {day}", late
    if feed.when_missing == "carry":
        return CARRIED, f"nothing for {data_date}; the last state goes on", []
    return MISSING, f"nothing for {data_date} by {feed.deadline}; {_ABSENT[feed.when_missing]}", []


def _newest(files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    highest = max((file["resend_no"] or 0 for file in files), default=0)
    return [file for file in files if (file["resend_no"] or 0) == highest]


def _mended(refused: dict[str, Any], good: list[dict[str, Any]]) -> bool:
    """A refused file is forgotten once a later resend of its date is good."""
    return any((file["resend_no"] or 0) > (refused["resend_no"] or 0) for file in good)
