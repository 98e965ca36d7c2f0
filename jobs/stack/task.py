"""What an Airflow task calls: one job for the run's business date, with settings from the environment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from conf.dates import DateRange
from conf.errors import ClosedLoopError
from conf.settings import Settings, load_settings


class NoBusinessDate(ClosedLoopError):
    """The DAG run has no partition key, so nobody knows which day to process."""


def business_date(key: str | None) -> date:
    """The business date of a run's partition key; a run started without one is refused at once."""
    if not key:
        raise NoBusinessDate(
            "this run has no partition key\n  found : a run triggered without a business date\n  wanted: YYYY-MM-DD\n"
            '  to do : POST /api/v2/dags/<dag>/dagRuns {"logical_date": null, "partition_key": "2026-03-10"}'
        )
    return date.fromisoformat(key)


def run_for_key(job: str, key: str | None) -> dict:
    """Run a job for one business date; returns its counts (ids and counts only: this becomes an XCom)."""
    day = business_date(key)
    return _run(job, DateRange(day, day))


def run_for_range(job: str, first: str | None, last: str | None) -> dict:
    """Run a job for a closed range of business dates; left open it is all that is loaded."""
    settings = load_settings()
    begin = date.fromisoformat(first) if first else settings.history_first
    return _run(job, DateRange(begin, date.fromisoformat(last) if last else newest_loaded(settings)))


def newest_loaded(settings: Settings) -> date:
    """Business date of the newest published customer view; refused while there is none."""
    from jobs.view.as_of import newest_built

    newest = newest_built(settings, "gold.customer_360")
    if newest is None:
        raise NoBusinessDate(
            "no customer view is published\n  found : a run without dates on an empty lake\n  wanted: a loaded history\n"
            "  to do : run the DAG initial_load, or give `first` and `last`"
        )
    return newest


def _run(job: str, dates: DateRange) -> dict:
    from jobs.catalogue import run_job
    from jobs.lakehouse.doors import keep
    from jobs.lakehouse.logs import log_to_home

    settings = load_settings()
    keep(settings)
    log_to_home(settings, verbose=True)
    return dict(counts_of(run_job(settings, job, dates)))


def counts_of(summary: dict, prefix: str = "") -> Iterator[tuple[str, int | float | str]]:
    """Ids and counts of a job's summary, nested ones named by their path."""
    for key, value in summary.items():
        if isinstance(value, dict):
            yield from counts_of(value, f"{prefix}{key}.")
        elif isinstance(value, int | float | str):
            yield f"{prefix}{key}", value


def feeds_have_come(key: str | None, now: datetime) -> bool:
    """True when every feed of the date is there or late: past its contract's deadline it joins the next night, and is told."""
    from jobs.ingest.feeds import awaited_until, missing_feeds
    from jobs.lakehouse.alerts import raise_alert_once
    from jobs.lakehouse.hang import ended_when_still

    settings, day = load_settings(), business_date(key)
    with ended_when_still(settings, f"wait_for_feeds {day}"):  # landing may be a mount that is dead
        missing = {name: awaited_until(settings, name, day) for name in missing_feeds(settings, day)}
    for name, until in missing.items():
        if now >= until:
            text = f"{name} was not there by {until:%H:%M}; it joins this night if it comes while others are awaited, else the next"
            raise_alert_once(settings, "FEED_LATE", day, text, feed=name)
    return all(now >= until for until in missing.values())
