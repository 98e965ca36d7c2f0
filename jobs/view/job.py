"""The customer view of each snapshot date in a range, with its tags, segments and roll-ups; checked, then published."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from conf.dates import DateRange
from expectations.gate import run_gate
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.planning import static_plans
from jobs.lakehouse.run import Run, exclusive
from jobs.view.assemble import VIEW, customer_360
from jobs.view.roll_ups import corporate_view, customer_segments, customer_tags, party_view
from jobs.view.snapshot import Snapshot

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from conf.settings import Settings

STAGE = "customer_view"
TABLES = [VIEW, "gold.customer_360_party", "gold.customer_tag", "gold.customer_segment", "gold.corporate_view"]


def run(spark: SparkSession, settings: Settings, dates: DateRange) -> dict[str, Any]:
    """Build, check and publish the view of the range's snapshot dates; later views that rest on them are built again."""
    with exclusive(settings, f"{STAGE}-view"):
        days = dates_to_build(Lake(spark, settings, Run(STAGE, dates, settings)), settings, dates)
        lake = Lake(
            spark, settings, Run(STAGE, DateRange(min([dates.first, *days]), max([dates.last, *days])), settings)
        )
        lake.restore_ahead(TABLES)
        with static_plans(spark, settings, lake.row_count("silver.subscription")):
            rows = {str(day): build(lake, day) for day in days}
        for day in days:
            run_gate(lake, STAGE, TABLES, DateRange(day, day))
        return {"snapshots": [str(day) for day in days], "rows": rows, "published_seq": lake.publish()}


def dates_to_build(lake: Lake, settings: Settings, dates: DateRange) -> list[date]:
    """Snapshot dates: a single date itself; of a longer range the nights and the training cut-offs; later ones that exist."""
    wanted = {dates.first} if dates.days == 1 else set()
    wanted |= {day for day in settings.initial_load.snapshot_dates if day in dates}
    wanted |= {day for day in dates if day >= settings.first_night}
    known = lake.read(VIEW).where(F.col("snapshot_date") >= F.lit(dates.first)).select("snapshot_date").distinct()
    return sorted(wanted | {row["snapshot_date"] for row in known.collect()})


def build(lake: Lake, day: date) -> dict[str, int]:
    """Write the view of one date and what follows from it; returns rows by table."""
    snap = Snapshot(lake, day)
    where = DateRange(day, day)
    written = {VIEW: lake.replace(VIEW, customer_360(snap), where).rows}
    view = lake.read(VIEW).where(F.col("snapshot_date") == F.lit(day))
    followers: dict[str, DataFrame] = {
        "gold.customer_360_party": party_view(view, day),
        "gold.customer_tag": customer_tags(view, day),
        "gold.customer_segment": customer_segments(view, day),
        "gold.corporate_view": corporate_view(snap, view),
    }
    with ThreadPoolExecutor(lake.settings.spark.parallel_tables) as pool:
        jobs = {name: pool.submit(lake.replace, name, frame, where) for name, frame in followers.items()}
        written.update({name: job.result().rows for name, job in jobs.items()})
    return written
