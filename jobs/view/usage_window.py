"""Sums of daily use in the windows of the view: an earlier night's carried on by the days between, or made of all days anew.

A night reads the days that came and those that leave, whatever the history. The result is the same either way: where
anything of the days before was loaded again, replaced by a resend or summed by other rules, all days are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from hashlib import sha256
from operator import or_
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from conf.errors import ConfigError
from conf.view import VIEW_FILE, load_view_rules
from jobs.lakehouse import delta_rs
from jobs.lakehouse.changes import stands_still
from jobs.lakehouse.planning import static_plans
from jobs.view.snapshot import Snapshot

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from conf.dates import DateRange
    from jobs.lakehouse.lake import Lake
    from jobs.lakehouse.tables import Tables

READ_VERSION = "read_version"
DAILY, WINDOW = "silver.usage_daily", "gold.usage_window"
RECENT_SECONDS, WINDOW_SECONDS = "seconds_recent", "seconds_window"
ACTIVE_DAYS, LAST_USE = "active_days", "last_use_date"
MOST_ACTIVE_DAYS = 62  # bits of a bigint


@dataclass(frozen=True)
class Sum:
    """One column of sums: what is added up of a day, over how many days."""

    name: str
    measure: str
    days: int


def usage_window(lake: Lake, dates: DateRange) -> DataFrame:
    """gold.usage_window of one snapshot date: a row for each subscription with any use in the window."""
    snap = Snapshot(lake, dates.first)
    earlier = carried_from(lake, snap.day)
    sums = window_sums(rows_to_read(snap, earlier), snap.day, carried(lake, earlier) if earlier else None, earlier)
    if earlier is None:  # all days of a window are many rows where a night's are few
        with static_plans(lake.spark, lake.settings, lake.row_count(DAILY)):
            sums = sums.localCheckpoint()
    return sums.withColumn("snapshot_date", F.lit(snap.day))


def note_version(lake: Lake, day: date) -> None:
    """Keep which version of the daily rows the sums of a snapshot date rest on: no row says it, as a rerun must not change one."""
    lake.metric(_step(day), DAILY, READ_VERSION, _daily_version(lake))


def all_sums() -> list[Sum]:
    """The sums of conf/view.yaml, and the seconds spoken that trends compare."""
    windows, seconds = load_view_rules().windows, "voice_mo_seconds + voice_mt_seconds"
    named = [Sum(name, each.measure, each.days) for name, each in load_view_rules().usage.sums.items()]
    return [
        *named,
        Sum(RECENT_SECONDS, seconds, windows.recent_usage.days),
        Sum(WINDOW_SECONDS, seconds, windows.usage.days),
    ]


def carried_from(lake: Tables, day: date) -> date | None:
    """The snapshot whose sums may be carried on to a date: near enough, by the same rules, of days that are as they were."""
    windows, newest = load_view_rules().windows, lake.newest_date(WINDOW, before=day)
    if newest is None:
        return None
    gap = (day - newest).days
    if (
        gap * 3 > windows.usage.days or gap >= windows.recent_usage.days
    ):  # days in and days out are more than the window
        return None
    noted = [("step", "=", _step(newest)), ("metric", "=", READ_VERSION)]
    versions = delta_rs.read(lake.settings, "ops.run_metric", noted, columns=["value"])["value"].to_pylist()
    if not versions:  # other rules, or several dates made in this run
        return None
    since = newest - timedelta(days=windows.usage.days - 1)
    return newest if stands_still(lake, DAILY, int(max(versions)), newest, day, since) else None


def rows_to_read(snap: Snapshot, earlier: date | None) -> DataFrame:
    """Daily rows that stood on the night: all of the window, or those that are in only one of the two windows."""
    days = load_view_rules().windows.usage.days
    if earlier is None:
        return snap.standing(DAILY, since=snap.days_back(days)).where(snap.in_last(days))
    known = snap.standing(DAILY, since=earlier - timedelta(days=days - 1)).where(F.col("load_date") <= F.lit(earlier))
    leaving = [
        F.col("event_date").between(F.lit(earlier - timedelta(days=each - 1)), F.lit(snap.day - timedelta(days=each)))
        for each in sorted({one.days for one in all_sums()})
    ]
    known = known.where(reduce(or_, leaving) | (F.col("event_date") > F.lit(earlier)))
    return snap.standing(DAILY, since=earlier + timedelta(days=1)).unionByName(known)


def carried(lake: Tables, earlier: date) -> DataFrame:
    """Rows of gold.usage_window of an earlier snapshot date."""
    return lake.read(WINDOW).where(F.col("snapshot_date") == F.lit(earlier)).drop("snapshot_date")


def window_sums(rows: DataFrame, day: date, known: DataFrame | None, earlier: date | None) -> DataFrame:
    """Sums by subscription: those `known` of the earlier date, plus the rows that came into a window, minus those that left it.

    Columns: subscription_id, one for each sum, active_days (a bit for each recent day, the snapshot date lowest),
    last_use_date.
    """
    windows, sums = load_view_rules().windows, all_sums()
    recent, came = _in_window(day, windows.recent_usage.days), _in_window(day, windows.usage.days)
    if windows.recent_usage.days > MOST_ACTIVE_DAYS:
        raise ConfigError(
            VIEW_FILE, "windows.recent_usage.days", windows.recent_usage.days, f"at most {MOST_ACTIVE_DAYS}"
        )
    back = F.datediff(F.lit(day), "event_date")
    bit = F.call_function("shiftleft", F.lit(1).cast("bigint"), back)
    counted = rows.select(
        "subscription_id",
        *(_counted(one, day, earlier).alias(one.name) for one in sums),
        F.when(recent, bit).alias(ACTIVE_DAYS),
        F.when(came, F.col("event_date")).alias(LAST_USE),
    )
    if known is not None and earlier is not None:
        kept_bits = (1 << windows.recent_usage.days) - 1
        shifted = F.shiftleft(ACTIVE_DAYS, (day - earlier).days).bitwiseAND(F.lit(kept_bits))
        counted = counted.unionByName(known.withColumn(ACTIVE_DAYS, shifted))
    summed = counted.groupBy("subscription_id").agg(
        *(F.sum(one.name).alias(one.name) for one in sums),
        F.coalesce(F.bit_or(ACTIVE_DAYS), F.lit(0)).alias(ACTIVE_DAYS),
        F.max(LAST_USE).alias(LAST_USE),
    )
    return summed.where(F.col(LAST_USE) >= F.lit(day - timedelta(days=windows.usage.days - 1)))


def _in_window(day: date, days: int) -> Column:
    return F.col("event_date").between(F.lit(day - timedelta(days=days - 1)), F.lit(day))


def _counted(one: Sum, day: date, earlier: date | None) -> Column:
    """What a daily row adds to the sum of the earlier date to make it that of this one: its measure, the same off, or nothing."""
    measure, now = F.expr(one.measure), _in_window(day, one.days)
    if earlier is None:
        return F.when(now, measure).otherwise(0)
    before = (F.col("load_date") <= F.lit(earlier)) & _in_window(earlier, one.days)
    return F.when(now & ~before, measure).when(before & ~now, -measure).otherwise(0)


def _step(day: date) -> str:
    """The step that made the sums of a date, with a digest of the rules they rest on."""
    return f"window {day} {_rules_digest()}"


def _daily_version(lake: Tables) -> int:
    return lake.version(DAILY) or 0


def _rules_digest() -> str:
    windows: list[Any] = [load_view_rules().windows.usage.days, load_view_rules().windows.recent_usage.days]
    return sha256(repr([*windows, *all_sums()]).encode()).hexdigest()[:16]
