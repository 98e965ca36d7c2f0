"""Evaluate: what every campaign did so far, as known each night, in the report tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from conf.campaigns import load_campaigns
from conf.dates import DateRange
from conf.kpi import PAYING_HOLDERS, load_kpi_rules, load_kpis
from conf.responses import load_response_rules
from conf.tables import load_tables, table_of
from expectations.gate import run_gate
from jobs.evaluation import reports
from jobs.evaluation.attainment import kpi_rows
from jobs.evaluation.rates import maturity_text
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.planning import static_plans
from jobs.lakehouse.run import Run
from jobs.lakehouse.schema import arrow_schema
from jobs.rules import control_share
from jobs.rules.uses import register_uses
from jobs.targeting.reasons import Reason, due_all_the_same, left_out_by_plan, mask_of, suppressing

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from conf.settings import Settings

STAGE = "evaluation"
COUNTS = Path(__file__).parent / "counts"
HISTORY = "gold.contact_history"
TABLES = [name for name, table in load_tables().items() if table.layer == "rpt"]


def run(spark: SparkSession, settings: Settings, dates: DateRange) -> dict[str, Any]:
    """Write, check and publish the report tables of each night of the range that has a contact history."""
    lake = Lake(spark, settings, Run(STAGE, dates, settings))
    lake.restore_ahead(TABLES)
    nights = report_dates(lake, dates)
    if not nights:
        return {"dates": str(dates), "rows": {}}
    register_uses(spark)
    with static_plans(spark, settings, lake.row_count("gold.contact_history")):
        counts = {
            name: _counts(lake, name, dates, nights) for name in ("campaign", "channel", "contact", "lift", "kpi")
        }
        rows = report_rows(counts, nights, lake.arrow(control_share.TABLE).to_pylist())
        written = {name: _write(lake, name, rows[name], dates) for name in rows}
        selected = [name for name in TABLES if name not in rows]  # one SELECT each, beside the contract
        written |= {name: commit.rows for name, commit in lake.run_tables(selected, dates).items()}
    run_gate(lake, STAGE, TABLES, dates)
    return {"dates": str(dates), "rows": written, "published_seq": lake.publish()}


def report_dates(lake: Lake, dates: DateRange) -> list[date]:
    """Nights of the range for which the contact history was written."""
    from pyspark.sql import functions as F

    found = lake.read(HISTORY).where(F.col("snapshot_date").between(F.lit(dates.first), F.lit(dates.last)))
    return sorted(row["snapshot_date"] for row in found.select("snapshot_date").distinct().collect())


def report_rows(counts: Mapping[str, list[dict]], nights: list[date], shares: list[dict]) -> dict[str, list[dict]]:
    """Rows of every report table that is arithmetic on counts; `shares` are the rows of gold.control_share."""
    return {
        "rpt.campaign_funnel": reports.funnel_rows(counts["campaign"]),
        "rpt.campaign_channel": reports.channel_rows(counts["channel"]),
        "rpt.campaign_progress": reports.progress_rows(_per_contact(counts["channel"])),
        "rpt.campaign_lift": reports.lift_rows(counts["lift"], partial(expected_control_share, shares)),
        "rpt.eval_model": reports.model_rows(counts["contact"]),
        "rpt.eval_strategy": reports.strategy_rows(counts["contact"]),
        "rpt.eval_staff": reports.staff_rows(counts["contact"]),
        "rpt.kpi_attainment": [row for night in nights for row in attainment_rows(night, counts["kpi"])],
    }


def attainment_rows(night: date, counts: list[dict]) -> list[dict]:
    """KPI rows of one night: closed months with their values, the running month as not yet mature."""
    of_night = [row for row in counts if row["business_date"] == night]
    live = next((row["user_cnt"] for row in of_night if row["series"] == "LIVE"), 0)
    rows = []
    for kpi in load_kpis().values():
        target = kpi.annual_target(live)
        closings = {
            int(row["month_id"][4:]): float(row["user_cnt"]) for row in of_night if row["series"] == kpi.counted
        }
        if target <= 0:
            continue
        for month in kpi_rows(kpi.kpi, kpi.measure, target, closings):
            rows.append(_kpi_row(night, kpi.kpi, month["month"], target, month))
        if len(closings) < night.month:
            rows.append(_kpi_row(night, kpi.kpi, night.month, target, None))
    return rows


def _kpi_row(night: date, kpi: str, month: int, target: float, values: dict | None) -> dict:
    known = values or {}
    return {
        "business_date": night, "kpi": kpi, "month_id": f"{night.year}{month:02d}", "annual_target": target,
        "closing_count": known.get("closing_count"), "ytd_monthly_avg": known.get("ytd_monthly_avg"),
        "kpi_attainment": known.get("kpi_attainment"), "is_mature": values is not None,
        "attainment_text": maturity_text(values is not None),
    }  # fmt: skip


def expected_control_share(shares: list[dict], cohort: Mapping[str, Any]) -> float | None:
    """Share to be held back of a cohort: of an earlier campaign as its owner wrote it, of ours as its night drew it.

    Ours: the share in force on the night the cohort became due (`shares`, rows of gold.control_share), and beside it those
    nobody contacts. None for a cohort whose night fixed no share.
    """
    name = cohort["campaign_id"]
    earlier = load_response_rules().earlier_campaigns.get(name)
    if earlier is not None:
        return earlier.control_share
    drawn = control_share.share_in_force(shares, name, cohort["starts_on"] - timedelta(days=1))
    return None if drawn is None else control_share.held_back_share(drawn)


def _per_contact(channel_counts: list[dict]) -> list[dict]:
    # Progress is about contacts, effect about customers: a customer called twice is one customer and two contacts.
    return [{**counts, "contacted_cnt": counts["contact_cnt"]} for counts in channel_counts]


def count_parameters(nights: Iterable[date]) -> dict[str, Any]:
    """All named parameters of the queries under counts/ but the range of dates; lists are joined by commas, reasons bit sets."""
    campaigns, kpis = load_campaigns(), load_kpis()
    return {
        "report_dates": ",".join(str(night) for night in nights),
        "horizon_days": load_response_rules().lift.horizon_days,
        "campaign_products": ",".join(f"{key}={campaign.product_id}" for key, campaign in campaigns.items()),
        "retention_campaigns": ",".join(key for key, campaign in campaigns.items() if campaign.keeps_product),
        "kpi_products": _joined(kpi.product_id for kpi in kpis.values()),
        "paying_products": _joined(kpi.product_id for kpi in kpis.values() if kpi.series == PAYING_HOLDERS),
        "kpi_uses": sorted({kpi.use for kpi in kpis.values() if kpi.use}),
        "not_counted_user_types": ",".join(load_kpi_rules().not_counted_user_types),
        "control_reason": Reason.CONTROL_GROUP.mask,
        "due_reasons": mask_of(due_all_the_same()),
        "not_chosen_reasons": ",".join(reason.name for reason in left_out_by_plan()),
        "suppressing_reasons": ",".join(reason.name for reason in suppressing()),
    }


def _counts(lake: Lake, name: str, dates: DateRange, nights: list[date]) -> list[dict]:
    text = (COUNTS / f"{name}.sql").read_text(encoding="utf-8")
    params = {"first_date": dates.first, "last_date": dates.last, **count_parameters(nights)}
    frame = lake.sql(text, **{key: value for key, value in params.items() if f":{key}" in text})
    return frame.toArrow().to_pylist()


def _joined(values: Iterable[str | None]) -> str:
    return ",".join(sorted({value for value in values if value}))


def _write(lake: Lake, name: str, rows: list[dict], dates: DateRange) -> int:
    table = table_of(name)
    kept = [{column: row.get(column) for column in table.column_names} for row in rows]
    frame = lake.spark.createDataFrame(pa.Table.from_pylist(kept, schema=arrow_schema(table)))
    return lake.replace(name, frame, dates).rows
