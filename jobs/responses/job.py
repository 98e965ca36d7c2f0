"""Respond: results and orders become the contact history, opt-outs and complaints become protection; first step of a night."""

from __future__ import annotations

from datetime import date

from conf.dates import DateRange
from conf.responses import load_response_rules
from jobs.lakehouse import delta_rs
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.plan import StagePlan
from jobs.lakehouse.tables import Tables
from jobs.responses.as_of import later_snapshots, snapshots_of
from jobs.responses.parameters import query_parameters
from jobs.responses.uses_before import note_versions, register_uses_before, used_before
from jobs.rules.uses import register_uses

UNBOUND, UNBOUND_SHARE = "entries_unbound", "entries_unbound_share"


def plan(tables: Tables, dates: DateRange) -> StagePlan:
    """Snapshot dates as of which history, suppression, preference and affinity are told, and the rules the queries bind.

    Snapshots of later nights are written again, because what is loaded now is known to them too.
    """
    snapshots = snapshots_of(tables.settings, dates)
    if not snapshots:
        return StagePlan((), summary={"snapshots": []})
    snapshots += later_snapshots(tables, dates)
    register_uses(tables.spark)
    register_uses_before(tables, used := used_before(tables, snapshots[0], snapshots[-1]))
    params = {**query_parameters(snapshots), "loaded_from": dates.first, "used_before": used}
    wide = DateRange(snapshots[0], snapshots[-1])
    summary = {"snapshots": [str(day) for day in snapshots], "used_before": str(used) if used else None}
    return StagePlan((wide,), params=params, summary=summary)


def before_gate(lake: Lake, plan: StagePlan) -> None:
    """Tell of entries that protect nobody; shares are compared with those of the night before what was loaded now."""
    note_versions(lake)
    tell_unbound(lake, plan.params["loaded_from"], lake.work_rows("work.unbound"))


def tell_unbound(lake: Lake, loaded_from: date, lists: list[dict]) -> None:
    """Count by list the entries that protect nobody; tell people of new opt-outs among them, and of a share that moved.

    `lists` are rows of work.unbound; a share is compared with that of the night before, bound `protection.max_unbound_move`.
    """
    before = _shares_before(lake, loaded_from)
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


def _shares_before(lake: Lake, day: date) -> dict[str, float]:
    """Share of entries that protect nobody by list, as the newest night before that day counted it."""
    filters = [("metric", "=", UNBOUND_SHARE), ("business_date", "<", day)]
    columns = ["step", "business_date", "value"]
    rows = delta_rs.read(lake.settings, "ops.run_metric", filters, columns=columns).to_pylist()
    return {row["step"]: row["value"] for row in sorted(rows, key=lambda row: row["business_date"])}
