"""Evaluate: what every campaign did so far, as known each night: which nights, and the rules the queries bind."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from conf.campaigns import load_campaigns
from conf.dates import DateRange
from conf.kpi import PAYING_HOLDERS, load_kpi_rules, load_kpis
from conf.responses import load_response_rules
from jobs.lakehouse.plan import StagePlan
from jobs.lakehouse.tables import Tables
from jobs.rules.exclusion_reasons import Reason, due_all_the_same, left_out_by_plan, mask_of, suppressing

HISTORY = "gold.contact_history"


def plan(tables: Tables, dates: DateRange) -> StagePlan:
    """The nights of the range that have a contact history; none is no report."""
    nights = report_dates(tables, dates)
    if not nights:
        return StagePlan(())
    return StagePlan((dates,), params=count_parameters(nights))


def report_dates(tables: Tables, dates: DateRange) -> list[date]:
    """Nights of the range for which the contact history was written."""
    return [day for day in tables.dates(HISTORY) if day in dates]


def count_parameters(nights: Iterable[date]) -> dict[str, Any]:
    """Parameters of the reports' queries; reasons are bit sets."""
    campaigns, kpis = load_campaigns(), load_kpis()
    return {
        "report_dates": list(nights),
        "horizon_days": load_response_rules().lift.horizon_days,
        "campaign_products": {key: campaign.product_id for key, campaign in campaigns.items()},
        "retention_campaigns": [key for key, campaign in campaigns.items() if campaign.keeps_product],
        "kpi_products": _known(kpi.product_id for kpi in kpis.values()),
        "paying_products": _known(kpi.product_id for kpi in kpis.values() if kpi.series == PAYING_HOLDERS),
        "kpi_uses": _known(kpi.use for kpi in kpis.values()),
        "not_counted_user_types": load_kpi_rules().not_counted_user_types,
        "control_reason": Reason.CONTROL_GROUP.mask,
        "due_reasons": mask_of(due_all_the_same()),
        "not_chosen_reasons": [reason.name for reason in left_out_by_plan()],
        "suppressing_reasons": [reason.name for reason in suppressing()],
    }


def _known(values: Iterable[str | None]) -> list[str]:
    return sorted({value for value in values if value})
