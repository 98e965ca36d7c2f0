"""Respond: results and orders become the contact history, opt-outs and complaints become protection; first step of a night."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from conf.dates import DateRange
from expectations.gate import run_gate
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.planning import static_plans
from jobs.lakehouse.run import Run
from jobs.responses.as_of import later_snapshots, snapshots_of
from jobs.responses.parameters import query_parameters

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from conf.settings import Settings

STAGE = "customer_view"
TABLES = ["gold.contact_history", "gold.suppression", "gold.channel_preference", "gold.product_channel_affinity"]
QUERIES = Path(__file__).parent


def run(spark: SparkSession, settings: Settings, dates: DateRange) -> dict[str, Any]:
    """Write, check and publish contact history, suppression, channel preference and affinity as known on each snapshot date.

    Snapshots of later nights are written again, because what is loaded now is known to them too.
    """
    lake = Lake(spark, settings, Run(STAGE, dates, settings))
    lake.restore_ahead(TABLES)
    snapshots = snapshots_of(settings, dates)
    if not snapshots:
        return {"dates": str(dates), "snapshots": [], "rows": {}}
    snapshots += later_snapshots(lake, dates)
    wide = DateRange(snapshots[0], snapshots[-1])
    with static_plans(spark, settings, lake.row_count("gold.contact_history")):
        params = query_parameters(snapshots)
        rows = build(lake, wide, params)
        tell_unresolved(lake, dates, _query(lake, "opt_outs_unresolved", wide, params).toArrow().to_pylist())
    run_gate(lake, STAGE, TABLES, wide)
    return {
        "dates": str(wide),
        "snapshots": [str(day) for day in snapshots],
        "rows": rows,
        "published_seq": lake.publish(),
    }


def build(lake: Lake, dates: DateRange, params: dict[str, Any]) -> dict[str, int]:
    """Write the four tables of these snapshot dates; returns rows by table."""
    for name in ("contact_answers", "owners", "channel_evidence"):
        _keep(lake, name, dates, params)
    protections = [_query(lake, f"protect_{source}", dates, params) for source in ("lists", "opt_outs", "complaints")]
    protections[0].unionByName(protections[1]).unionByName(protections[2]).createOrReplaceTempView("protections")
    commits = lake.run_tables(TABLES, dates, **params)
    return {name: commit.rows for name, commit in sorted(commits.items())}


def tell_unresolved(lake: Lake, dates: DateRange, unresolved: list[dict]) -> None:
    """Count the opt-outs that resolve to nobody, and tell people when some were loaded now: they want looking up by hand."""
    lake.metric("respond", "gold.suppression", "opt_outs_unresolved", sum(row["opt_out_cnt"] for row in unresolved))
    loaded_now = sum(row["opt_out_cnt"] for row in unresolved if dates.first <= row["loaded_on"] <= dates.last)
    if loaded_now:
        lake.alert(
            "OPT_OUT_UNRESOLVED",
            f"opt-outs that protect nobody: {loaded_now}; their contact and number belong to no subscription, "
            "look them up in silver.channel_result (opt_out_scope set, subscription_id empty)",
        )


def _query(lake: Lake, name: str, dates: DateRange, params: dict[str, Any]) -> DataFrame:
    text = (QUERIES / f"{name}.sql").read_text(encoding="utf-8")
    bound = {"first_date": dates.first, "last_date": dates.last, **params}
    return lake.sql(text, **{key: value for key, value in bound.items() if f":{key}" in text})


def _keep(lake: Lake, name: str, dates: DateRange, params: dict[str, Any]) -> None:
    # Read by several tables of this stage: computed once, and their plans do not grow with this one's.
    _query(lake, name, dates, params).localCheckpoint().createOrReplaceTempView(name)
