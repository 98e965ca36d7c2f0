"""Which stages of which nights are not published although their hour has passed (conf/night.yaml)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from conf.night import Stage, load_night
from conf.settings import Settings
from jobs.lakehouse import delta_rs, published
from jobs.watch.finding import Finding

CLOSES_A_NIGHT = "targeting"
SKIPPED = "night_skipped"  # closedloop skip, in ops.run_metric
MISSED = "NIGHT_MISSED"


def late(settings: Settings, now: datetime) -> list[Finding]:
    """Stages of the current night past their hour, and earlier nights that made no lists; none of a profile that plays its nights.

    `now` is aware. Reads ops tables with delta-rs alone.
    """
    night = current_night(settings, now)
    if settings.is_played or night is None or night < settings.first_night:
        return []
    rows = delta_rs.read(settings, published.PUBLISHED, columns=["stage", "table_name", "business_date"]).to_pylist()
    skipped = _skipped(settings)
    return [*_missed(settings, night, rows, skipped), *_late_tonight(settings, now, night, rows, night in skipped)]


def current_night(settings: Settings, now: datetime) -> date | None:
    """Newest business date of which a stage should be done by now."""
    first = min(stage.late_when for stage in load_night().stages.values())
    here = now.astimezone(ZoneInfo(settings.time_zone))
    return here.date() - timedelta(days=1 if here.time() >= first else 2)


def newest_by_table(rows: Iterable[dict]) -> dict[str, date]:
    """Newest business date published of each table."""
    newest: dict[str, date] = {}
    for row in rows:
        newest[row["table_name"]] = max(row["business_date"], newest.get(row["table_name"], row["business_date"]))
    return newest


def _late_tonight(settings: Settings, now: datetime, night: date, rows: list[dict], is_skipped: bool) -> list[Finding]:
    newest, found = newest_by_table(rows), []
    for name, stage in load_night().stages.items():
        if is_skipped and name == CLOSES_A_NIGHT:
            break  # no lists, and so nothing after them
        due = stage.deadline(night, settings.time_zone)
        if now < due or not _is_awaited(settings, stage):
            continue
        built = newest.get(stage.done_when)
        if built is None or built < night:
            text = f"{name} of {night}: {stage.done_when} is published up to {built or 'no date'}, wanted {night} by {due:%H:%M}"
        elif stage.exports and not _is_exported(settings, night):
            text = f"{name} of {night}: the lists are decided and not written, wanted them out by {due:%H:%M}"
        else:
            continue
        found.append(Finding(stage.told_as, night, text, same_as=name))
    return found


def _is_awaited(settings: Settings, stage: Stage) -> bool:
    needed = stage.once_there_is
    return needed is None or published.newest_date(settings, needed) is not None


def _is_exported(settings: Settings, night: date) -> bool:
    """Whether the export of a night ran, or had nothing to write."""
    here = [("business_date", "=", night)]
    noted = delta_rs.read(settings, "ops.run_metric", [*here, ("step", "=", "export")], columns=["step"])
    return noted.num_rows > 0 or not _has_contacts(settings, night)


def _has_contacts(settings: Settings, night: date) -> bool:
    name, here = "gold.campaign_contact", [("business_date", "=", night)]
    return delta_rs.read(settings, name, here, published.reader_version(settings, name), ["business_date"]).num_rows > 0


def _skipped(settings: Settings) -> set[date]:
    rows = delta_rs.read(settings, "ops.run_metric", [("metric", "=", SKIPPED)], columns=["business_date"])
    return set(rows["business_date"].to_pylist())


def _missed(settings: Settings, night: date, rows: list[dict], skipped: set[date]) -> list[Finding]:
    """Nights before the current one, since the first that was closed, that neither made lists nor were skipped."""
    closed = {row["business_date"] for row in rows if row["stage"] == CLOSES_A_NIGHT} | skipped
    if not closed:
        return []
    first = max(settings.first_night, min(closed), night - timedelta(days=load_night().look_back_nights))
    days = [first + timedelta(days=offset) for offset in range((night - first).days)]
    return [
        Finding(
            MISSED, day, f"night {day}: no lists were made and nobody skipped it; the nights after it wait", "night"
        )
        for day in days
        if day not in closed
    ]
