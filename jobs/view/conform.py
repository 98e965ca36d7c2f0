"""Bronze to silver for a range of load dates, in one pass: clean, translate codes, bind numbers to subscriptions."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from conf.dates import DateRange
from expectations.gate import run_gate
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.run import Run, exclusive
from jobs.view import asof
from jobs.view.references import register_references

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from conf.settings import Settings

STAGE = "ingest"
# Keyed by subscription or catalogue in the feed itself: nothing to bind. The assignment of numbers comes from the first.
STATE_TABLES = [
    "silver.subscription", "silver.msisdn_assignment", "silver.subscription_status", "silver.customer",
    "silver.product_offering", "silver.product_subscription", "silver.product_order", "silver.bill_month",
    "silver.payment", "silver.balance", "silver.device", "silver.tac_device", "silver.complaint",
    "silver.corporate_customer", "silver.account_manager", "silver.agreement", "silver.campaign_execution",
]  # fmt: skip
# Named by a number: bound to the subscription that held it at the time of the event.
BOUND_TABLES = [
    "silver.usage_daily", "silver.vas_daily", "silver.crbt_subscription", "silver.misc_order", "silver.list_member",
    "silver.channel_result", "silver.cs_contact",
]  # fmt: skip
# Written when a calendar month is closed, so most nights they cost nothing.
MONTH_TABLES = ["silver.contact_edge_month", "silver.call_area_month"]
SILVER_TABLES = [*STATE_TABLES, *BOUND_TABLES, *MONTH_TABLES]
CLOSING_DAY = 2


def run(spark: SparkSession, settings: Settings, dates: DateRange) -> dict[str, Any]:
    """Build, check and publish the silver tables of these load dates.

    A resend inside the range, or dates loaded out of order, widen the range to all dates it changes.
    """
    with exclusive(settings, f"{STAGE}-conform"):
        wide = asof.dates_to_rebuild(settings, dates, "silver.subscription")
        lake = Lake(spark, settings, Run(STAGE, wide, settings))
        lake.restore_ahead(SILVER_TABLES)
        rows = build(lake, wide)
        run_gate(lake, STAGE, sorted(lake.written), wide)
        return {"dates": str(wide), "rows": rows, "published_seq": lake.publish()}


def build(lake: Lake, dates: DateRange) -> dict[str, int]:
    """Write the silver tables of these load dates; returns rows by table."""
    register_references(lake.spark, lake.settings)
    asof.register_feeds(lake, dates)
    commits = lake.run_tables(STATE_TABLES, dates)
    asof.register_holders(lake.spark, lake.read("silver.msisdn_assignment"))
    bound = list(BOUND_TABLES)
    if month := earliest_closed_month(dates):
        asof.register_feeds(lake, DateRange(month, dates.last), prefix="month")
        bound += MONTH_TABLES
    commits |= lake.run_tables(bound, dates)
    return {name: commit.rows for name, commit in sorted(commits.items())}


def earliest_closed_month(dates: DateRange) -> date | None:
    """First day of the earliest month that is closed inside the range, None when none is."""
    closings = (day for day in dates if day.day == CLOSING_DAY)
    first = next(closings, None)
    return (first.replace(day=1) - timedelta(days=1)).replace(day=1) if first else None
