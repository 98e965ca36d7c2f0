"""What an Airflow task calls: one job for the run's business date, with settings from the environment."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

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


def run_for_range(job: str, first: str, last: str) -> dict:
    """Run a job for a closed range of business dates."""
    return _run(job, DateRange(date.fromisoformat(first), date.fromisoformat(last)))


def _run(job: str, dates: DateRange) -> dict:
    from jobs.catalogue import run_job

    summary = run_job(load_settings(), job, dates)
    return {key: value for key, value in summary.items() if isinstance(value, int | float | str | bool)}


def feeds_have_come(key: str | None, now: datetime) -> bool:
    """True when every feed of the date is there, or when `now` is past the deadline and the late ones join the next night."""
    from jobs.ingest.feeds import missing_feeds
    from jobs.lakehouse.alerts import raise_alert

    settings, day = load_settings(), business_date(key)
    missing = missing_feeds(settings, day)
    if not missing:
        return True
    if now < deadline(settings, day):
        return False
    names = ", ".join(sorted(missing))
    raise_alert(settings, "FEED_LATE", day, f"not there by the deadline, they join the next night: {names}")
    return True


def deadline(settings: Settings, day: date) -> datetime:
    """The cut-off hour of the morning after `day`, in the operator's zone."""
    return datetime.combine(day + timedelta(days=1), time(settings.load_cutoff_hour), ZoneInfo(settings.time_zone))
