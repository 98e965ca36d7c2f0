"""May lists be made tonight? Every suppression feed is fresh and whole, and the night before is closed."""

from __future__ import annotations

import uuid
from datetime import date, timedelta

from conf.errors import ExportRefused, InputRefused
from conf.feeds import load_feeds
from conf.settings import Settings
from jobs.lakehouse import delta_rs
from jobs.lakehouse.alerts import raise_alert
from jobs.lakehouse.masking import masked
from jobs.lakehouse.tables import Tables
from jobs.lakehouse.withheld import without_withheld

FRESH = ("COMPLETE", "EMPTY")
SKIPPED = "night_skipped"
LISTS = "gold.campaign_contact"


class StaleSuppression(ExportRefused):
    """A suppression feed of the night is missing, late, refused or shrunk: nobody is contacted."""


class NightNotClosed(ExportRefused):
    """The night before is neither finished nor skipped: caps and waves would count wrong."""


class InputsMissing(ExportRefused):
    """A table targeting reads has no rows of the night."""


def require_fresh_suppression(settings: Settings, business_date: date) -> None:
    """Raise StaleSuppression unless every feed with `suppression: true` came complete for the night and can be read.

    EMPTY is fresh only for feeds that may be empty. A row that cannot be read is a missing row: above the feed's
    `max_unreadable_share` nothing leaves.
    """
    rows = delta_rs.read(settings, "ops.feed_status", filters=[("business_date", "=", business_date)]).to_pylist()
    found = {row["feed"]: row for row in rows}
    problems = []
    for feed in load_feeds().values():
        if not feed.suppression:
            continue
        row = found.get(feed.feed)
        status = row["status"] if row else "no status: ingest has not run"
        if status not in FRESH or (status == "EMPTY" and not feed.allow_empty):
            detail = f" ({row['detail']})" if row and row["detail"] else ""
            problems.append(f"  - {feed.feed}: found {status}{detail}, wanted COMPLETE")
        elif row and _unreadable_share(row) > (feed.max_unreadable_share or 0):
            problems.append(
                f"  - {feed.feed}: found {row['rows_unreadable']} unreadable rows beside {row['rows_good']} good ones, "
                f"wanted at most {feed.max_unreadable_share:.0%}"
            )
    if problems:
        raise StaleSuppression(
            f"night {business_date}: no lists, because suppression data is not fresh\n"
            + "\n".join(problems)
            + f"\n  to do:  get the feed delivered, then: closedloop run ingest --date {business_date} and the stages after it"
        )


def _unreadable_share(row: dict) -> float:
    """Share of a feed's rows that protect nobody because nobody can read whom they name."""
    unreadable = row["rows_unreadable"] or 0
    return unreadable / (unreadable + (row["rows_good"] or 0)) if unreadable else 0.0


def skip_night(settings: Settings, business_date: date, by: str) -> str:
    """Declare in a person's name that a night makes no lists, so that the next one may; refused when it made some."""
    if not by.strip():
        raise InputRefused(f"skip of {business_date}: found no person, wanted the name of who decides")
    by = masked(by)
    if _is_published(settings, business_date):
        raise InputRefused(f"skip of {business_date}: found its lists published, wanted a night without lists")
    row = {
        "run_id": uuid.uuid4().hex[:12],
        "business_date": business_date,
        "stage": "targeting",
        "step": f"skipped by {by}",
        "table_name": "gold.campaign_contact",
        "metric": SKIPPED,
        "value": 1.0,
    }
    delta_rs.append(settings, "ops.run_metric", [row])
    text = f"night {business_date} makes no lists"
    raise_alert(settings, "NIGHT_SKIPPED", business_date, text, by=by)
    return f"{text}: skipped by {by}"


def _is_published(settings: Settings, business_date: date) -> bool:
    filters = [("stage", "=", "targeting"), ("business_date", "=", business_date)]
    return delta_rs.read(settings, "ops.published", filters=filters, columns=["stage"]).num_rows > 0


def require_previous_night(settings: Settings, business_date: date) -> None:
    """Raise NightNotClosed unless targeting of the night before was published or skipped; the first night has none."""
    if business_date <= settings.first_night:
        return
    before = business_date - timedelta(days=1)
    skipped = delta_rs.read(
        settings,
        "ops.run_metric",
        filters=[("metric", "=", SKIPPED), ("business_date", "=", before)],
        columns=["metric"],
    )
    if not skipped.num_rows and not _is_published(settings, before):
        raise NightNotClosed(
            f"night {business_date}: no lists, because targeting of {before} is not closed\n"
            f"  to do:  closedloop night --date {before}; or, when it shall make no lists: closedloop skip --date {before} --by NAME"
        )


def require_inputs(tables: Tables, business_date: date) -> None:
    """Raise InputsMissing unless view and suppression hold the night, and the history knows the lists made before."""
    night = [("snapshot_date", "=", business_date)]
    for name, job in (("gold.customer_360", "view"), ("gold.suppression", "respond")):
        if not tables.arrow(name, filters=night, columns=["snapshot_date"]).num_rows:
            raise InputsMissing(
                f"night {business_date}: {name} has no rows of that night\n  to do:  closedloop run {job} --date {business_date}"
            )
    _require_history(tables, business_date)


def _require_history(tables: Tables, business_date: date) -> None:
    """The history of the night must know the newest lists that left before it: else caps, waves and stops count wrong."""
    newest = _newest_night_that_left(tables, business_date)
    if newest is None:
        return
    filters = [("snapshot_date", "=", business_date), ("business_date", "=", newest)]
    if not tables.arrow("gold.contact_history", filters=filters, columns=["contact_id"]).num_rows:
        raise InputsMissing(
            f"night {business_date}: gold.contact_history of that night does not hold the lists of {newest}: caps cannot be counted\n"
            f"  to do:  closedloop run respond --date {business_date}"
        )


def _newest_night_that_left(tables: Tables, before: date) -> date | None:
    """The newest earlier night with a contact that is to be made, looked for night by night."""
    columns, night = ["contact_id", "file_name"], tables.newest_date(LISTS, before=before)
    while night is not None:
        listed = tables.arrow(LISTS, filters=[("business_date", "=", night)], columns=columns)
        if without_withheld(tables.settings, listed).num_rows:
            return night
        night = tables.newest_date(LISTS, before=night)
    return None
