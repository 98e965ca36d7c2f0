"""Respond: results and orders become the contact history, opt-outs and complaints become protection; first step of a night."""

from __future__ import annotations

from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conf.dates import DateRange
from conf.responses import load_response_rules
from expectations.gate import run_gate
from jobs.lakehouse import ledger
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.planning import static_plans
from jobs.lakehouse.run import Run
from jobs.responses.as_of import later_snapshots, snapshots_of
from jobs.responses.parameters import query_parameters
from jobs.rules.holders import register_holders

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from conf.settings import Settings

STAGE = "customer_view"
TABLES = ["gold.contact_history", "gold.suppression", "gold.channel_preference", "gold.product_channel_affinity"]
PROTECTIONS = ("lists", "opt_outs", "complaints", "forgotten")
QUERIES = Path(__file__).parent
UNBOUND, UNBOUND_SHARE = "entries_unbound", "entries_unbound_share"


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
        unbound = _query(lake, "unbound", wide, {**params, "loaded_from": dates.first}).toArrow().to_pylist()
    tell_unbound(lake, dates, unbound)
    run_gate(lake, STAGE, TABLES, wide)
    return {
        "dates": str(wide),
        "snapshots": [str(day) for day in snapshots],
        "rows": rows,
        "published_seq": lake.publish(),
    }


def build(lake: Lake, dates: DateRange, params: dict[str, Any]) -> dict[str, int]:
    """Write the four tables of these snapshot dates; returns rows by table."""
    register_holders(lake.spark, lake.read("silver.msisdn_assignment"))
    for name in ("contact_answers", "owners", "channel_evidence", "wishes", "list_entries"):
        _keep(lake, name, dates, params)
    protections = [_query(lake, f"protect_{source}", dates, params) for source in PROTECTIONS]
    reduce(lambda one, other: one.unionByName(other), protections).createOrReplaceTempView("protections")
    commits = lake.run_tables(TABLES, dates, **params)
    return {name: commit.rows for name, commit in sorted(commits.items())}


def tell_unbound(lake: Lake, dates: DateRange, lists: list[dict]) -> None:
    """Count by list the entries that protect nobody; tell people of new opt-outs among them, and of a share that moved.

    `lists` are rows of unbound.sql; a share is compared with that of the night before, bound `protection.max_unbound_move`.
    """
    before = _shares_before(lake, dates)
    allowed = load_response_rules().protection.max_unbound_move
    for row in lists:
        name, share = row["list_code"], row["unbound_cnt"] / row["entry_cnt"]
        lake.metric(name, "gold.suppression", UNBOUND, row["unbound_cnt"])
        lake.metric(name, "gold.suppression", UNBOUND_SHARE, share)
        if abs(share - before.get(name, share)) > allowed:
            lake.alert(
                "PROTECTION_UNBOUND",
                f"list {name}: {row['unbound_cnt']} of {row['entry_cnt']} entries protect nobody, a share of {share:.1%}; "
                f"the night before {before[name]:.1%}, wanted a move of at most {allowed:.0%}: ask the list's owner what changed",
            )
        if row["loaded_now_cnt"]:
            lake.alert(
                "OPT_OUT_UNRESOLVED",
                f"opt-outs that protect nobody: {row['loaded_now_cnt']}; their contact and number belong to no subscription, "
                "look them up in silver.channel_result (opt_out_scope set, subscription_id empty)",
            )


def _shares_before(lake: Lake, dates: DateRange) -> dict[str, float]:
    """Share of entries that protect nobody by list, as the newest night before these dates counted it."""
    filters = [("metric", "=", UNBOUND_SHARE), ("business_date", "<", dates.first)]
    columns = ["step", "business_date", "value"]
    rows = ledger.read(lake.settings, "ops.run_metric", filters, columns=columns).to_pylist()
    return {row["step"]: row["value"] for row in sorted(rows, key=lambda row: row["business_date"])}


def _query(lake: Lake, name: str, dates: DateRange, params: dict[str, Any]) -> DataFrame:
    text = (QUERIES / f"{name}.sql").read_text(encoding="utf-8")
    bound = {"first_date": dates.first, "last_date": dates.last, **params}
    return lake.sql(text, **bound)


def _keep(lake: Lake, name: str, dates: DateRange, params: dict[str, Any]) -> None:
    # Read by several tables of this stage: computed once, and their plans do not grow with this one's.
    _query(lake, name, dates, params).localCheckpoint().createOrReplaceTempView(name)
