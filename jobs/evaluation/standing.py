"""Where each subscription stands in each campaign, kept by the night on which that changed."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from conf.dates import DateRange

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.lakehouse.lake import Lake

TABLE, DECISIONS, PUBLISHED = "gold.campaign_standing", "gold.campaign_decision", "ops.published"

CHANGES = """
WITH decided AS (
  SELECT
    business_date,
    campaign_id,
    subscription_id,
    CASE WHEN verdict IN ('EXPORTED', 'RECOMMENDED') THEN 3
      WHEN array_contains(:not_chosen_reasons, first_reason) THEN 2
      WHEN array_contains(:suppressing_reasons, first_reason) THEN 1
    END AS level,
    (all_reasons & ~:due_reasons) = 0 AS is_due,
    (all_reasons & :control_reason) <> 0 AS is_control
  FROM gold.campaign_decision
  WHERE business_date BETWEEN :first_date AND :last_date
),

known AS (
  SELECT
    business_date,
    campaign_id,
    subscription_id,
    level,
    is_due,
    is_control
  FROM gold.campaign_standing
  WHERE business_date < :first_date
  UNION ALL
  SELECT
    business_date,
    campaign_id,
    subscription_id,
    level,
    is_due,
    is_control
  FROM decided
),

compared AS (
  SELECT
    *,
    count(*) OVER earlier AS earlier_cnt,
    coalesce(max(level) OVER earlier, 0) AS earlier_level,
    coalesce(bool_or(is_due) OVER earlier, FALSE) AS was_due
  FROM known
  WINDOW earlier AS (
    PARTITION BY campaign_id, subscription_id ORDER BY business_date
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  )
)

SELECT
  business_date,
  campaign_id,
  subscription_id,
  CAST(nullif(greatest(coalesce(level, 0), earlier_level), 0) AS INT) AS level,
  is_due AND NOT was_due AS is_due,
  is_control
FROM compared
WHERE business_date >= :first_date
  AND (earlier_cnt = 0 OR coalesce(level, 0) > earlier_level OR (is_due AND NOT was_due))
"""


def campaign_standing(lake: Lake, dates: DateRange) -> DataFrame:
    """Rows of gold.campaign_standing: what the decisions of these nights changed.

    Nights decided, or decided again, since the last report are made first, with all after them: what a night changed
    depends on all before.
    """
    span = _span(lake, dates)
    changes = lake.sql(CHANGES, first_date=span.first, last_date=span.last)
    if span == dates:
        return changes
    lake.replace(TABLE, changes, span)
    return lake.read(TABLE).where(dates.predicate("business_date"))


def _span(lake: Lake, dates: DateRange) -> DateRange:
    """From the first night whose decisions are newer than the standing, or of these, to the last night decided."""
    made = lake.rows(PUBLISHED, [("table_name", "in", [TABLE, DECISIONS])])
    last_made = max((row["published_seq"] for row in made if row["table_name"] == TABLE), default=None)
    nights: list[date] = lake.dates(DECISIONS)
    stale = [
        row["business_date"]
        for row in made
        if row["table_name"] == DECISIONS and row["published_seq"] > (last_made or 0)
    ]
    if last_made is None:
        stale = nights
    return DateRange(min([dates.first, *stale]), max([dates.last, *nights]) if stale else dates.last)
