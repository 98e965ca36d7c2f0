"""The report tables that are arithmetic on counts, each a function of its own that its contract names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from conf.kpi import load_kpis
from conf.responses import load_response_rules
from jobs.evaluation import reports
from jobs.evaluation.attainment import kpi_rows
from jobs.evaluation.rates import maturity_text
from jobs.rules import control_share

if TYPE_CHECKING:
    from conf.dates import DateRange
    from jobs.lakehouse.lake import Lake

Rows: TypeAlias = list[dict[str, Any]]
CAMPAIGNS, CHANNELS, CONTACTS, LIFT, KPI = (
    "work.campaign_counts",
    "work.channel_counts",
    "work.contact_counts",
    "work.lift_counts",
    "gold.kpi_closing",
)


def campaign_funnel(lake: Lake, dates: DateRange) -> Rows:
    """Rows of rpt.campaign_funnel."""
    return reports.funnel_rows(lake.work_rows(CAMPAIGNS))


def campaign_channel(lake: Lake, dates: DateRange) -> Rows:
    """Rows of rpt.campaign_channel."""
    return reports.channel_rows(lake.work_rows(CHANNELS))


def campaign_progress(lake: Lake, dates: DateRange) -> Rows:
    """Rows of rpt.campaign_progress: it is about contacts, where effect is about customers; one called twice is two contacts."""
    return reports.progress_rows(
        [{**counts, "contacted_cnt": counts["contact_cnt"]} for counts in lake.work_rows(CHANNELS)]
    )


def campaign_lift(lake: Lake, dates: DateRange) -> Rows:
    """Rows of rpt.campaign_lift."""
    shares = lake.rows(control_share.TABLE)
    return reports.lift_rows(lake.work_rows(LIFT), partial(expected_control_share, shares))


def eval_model(lake: Lake, dates: DateRange) -> Rows:
    """Rows of rpt.eval_model."""
    return reports.model_rows(lake.work_rows(CONTACTS))


def eval_strategy(lake: Lake, dates: DateRange) -> Rows:
    """Rows of rpt.eval_strategy."""
    return reports.strategy_rows(lake.work_rows(CONTACTS))


def eval_staff(lake: Lake, dates: DateRange) -> Rows:
    """Rows of rpt.eval_staff."""
    return reports.staff_rows(lake.work_rows(CONTACTS))


def kpi_attainment(lake: Lake, dates: DateRange) -> Rows:
    """Rows of rpt.kpi_attainment."""
    counts = lake.rows(KPI, [("business_date", ">=", dates.first), ("business_date", "<=", dates.last)])
    return [row for night in lake.parameters["report_dates"] for row in attainment_rows(night, counts)]


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
        "business_date": night,
        "kpi": kpi,
        "month_id": f"{night.year}{month:02d}",
        "annual_target": target,
        "closing_count": known.get("closing_count"),
        "ytd_monthly_avg": known.get("ytd_monthly_avg"),
        "kpi_attainment": known.get("kpi_attainment"),
        "is_mature": values is not None,
        "attainment_text": maturity_text(values is not None),
    }


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
