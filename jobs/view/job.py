"""The customer view of each snapshot date in a range, with its tags, segments and roll-ups: which dates."""

from __future__ import annotations

from datetime import date

from conf.dates import DateRange
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.plan import StagePlan
from jobs.lakehouse.tables import Tables
from jobs.view.assemble import VIEW
from jobs.view.usage_window import note_version


def plan(tables: Tables, dates: DateRange) -> StagePlan:
    """The snapshot dates of the range; later views that rest on them are made again."""
    days = dates_to_build(tables, dates)
    return StagePlan(tuple(DateRange(day, day) for day in days), summary={"snapshots": [str(day) for day in days]})


def before_gate(lake: Lake, plan: StagePlan) -> None:
    """Keep what the sums of each date rest on, so that a later night may carry them on."""
    for part in plan.parts:
        note_version(lake, part.first)


def dates_to_build(tables: Tables, dates: DateRange) -> list[date]:
    """Snapshot dates: a single date itself; of a longer range the nights and the training cut-offs; later ones that exist."""
    settings = tables.settings
    wanted = {dates.first} if dates.days == 1 else set()
    wanted |= {day for day in settings.initial_load.snapshot_dates if day in dates}
    wanted |= {day for day in dates if day >= settings.first_night}
    known = tables.arrow(VIEW, [("snapshot_date", ">=", dates.first)], ["snapshot_date"])["snapshot_date"]
    return sorted(wanted | set(known.unique().to_pylist()))
