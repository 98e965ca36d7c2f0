"""What happened to each subscription in the days after a cut-off, as known by the training date: the labels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

from conf.models import Label, ModelsConfig
from conf.products import product_owned_by
from conf.segments import load_judgements
from jobs.lakehouse.lake import Lake


@dataclass(frozen=True)
class Window:
    """Events after the cut-off up to `last` count, if they were loaded by the night `known_by`."""

    cut_off: date
    last: date
    known_by: date

    @classmethod
    def after(cls, cut_off: date, config: ModelsConfig, known_by: date) -> Window:
        """The label window of a cut-off."""
        return cls(cut_off, cut_off + timedelta(days=config.label_days), known_by)


_LEAVES_NETWORK = """
SELECT DISTINCT subscription_id, 1.0D AS label
FROM silver.subscription_status
WHERE is_off_network
  AND load_date > :cut_off AND load_date <= :known_by AND superseded_on > :known_by
  AND COALESCE(CAST(status_time AS DATE), data_date) > :cut_off
  AND COALESCE(CAST(status_time AS DATE), data_date) <= :last
"""

# When each subscription had each product, as known by the training date: BOSS's books and, for CRBT, the platform's.
_HOLDINGS = """
WITH delivered AS (
  SELECT subscription_id, product_id, valid_date AS opened, CASE WHEN state = 'CANCELLED' THEN expire_date END AS closed, load_date
  FROM silver.product_subscription
  WHERE load_date <= :known_by AND superseded_on > :known_by AND array_contains(:products, product_id)
  UNION ALL
  SELECT subscription_id, :platform_product AS product_id, open_date AS opened, close_date AS closed, load_date
  FROM silver.crbt_subscription
  WHERE load_date <= :known_by AND superseded_on > :known_by AND subscription_id IS NOT NULL
    AND array_contains(:products, :platform_product)
),
holdings AS (
  SELECT subscription_id, product_id, opened, max_by(closed, load_date) AS closed
  FROM delivered
  GROUP BY subscription_id, product_id, opened
)
"""

_CLOSES_PRODUCT = f"""
{_HOLDINGS}
SELECT DISTINCT subscription_id, 1.0D AS label FROM holdings WHERE closed > :cut_off AND closed <= :last AND opened <= :cut_off
"""

# An opening somebody was talked into says nothing about need: its row is left out (null), not counted as no event.
_OPENS_PRODUCT = f"""
{_HOLDINGS},
opened AS (
  SELECT subscription_id, product_id, MIN(opened) AS opened FROM holdings WHERE opened > :cut_off AND opened <= :last
  GROUP BY subscription_id, product_id
),
persuaded AS (
  SELECT DISTINCT subscription_id, product_id
  FROM silver.product_order
  WHERE load_date > :cut_off AND load_date <= :known_by AND superseded_on > :known_by
    AND action = 'ADD' AND COALESCE(campaign_id, '') <> '' AND order_date > :cut_off AND order_date <= :last
)
SELECT opened.subscription_id, CASE WHEN MAX(persuaded.product_id) IS NULL THEN 1.0D END AS label
FROM opened LEFT JOIN persuaded USING (subscription_id, product_id)
GROUP BY opened.subscription_id
"""

# Ties are those of the view at the cut-off (rule 5.1); an adoption counts for a contact who had the product before it.
_CONTACTS_ADOPT = f"""
{_HOLDINGS},
ties AS (
  SELECT subscription_id, MAX_BY(other_subscription_id, month_id) AS other_subscription_id
  FROM silver.contact_edge_month
  WHERE load_date <= :cut_off AND superseded_on > :cut_off AND month_id >= :first_month
  GROUP BY subscription_id, other_token
  HAVING SUM(contact_cnt) >= :min_contacts
),
adopted AS (
  SELECT subscription_id, product_id, MIN(opened) AS opened FROM holdings WHERE opened > :cut_off AND opened <= :last
  GROUP BY subscription_id, product_id
)
SELECT ties.subscription_id, CAST(COUNT(DISTINCT adopted.subscription_id, adopted.product_id) AS DOUBLE) AS label
FROM ties
JOIN adopted ON adopted.subscription_id = ties.other_subscription_id AND adopted.subscription_id <> ties.subscription_id
JOIN holdings ON holdings.subscription_id = ties.subscription_id AND holdings.product_id = adopted.product_id
  AND holdings.opened < adopted.opened AND (holdings.closed IS NULL OR holdings.closed >= adopted.opened)
GROUP BY ties.subscription_id
"""

QUERIES = {
    "LEAVES_NETWORK": _LEAVES_NETWORK,
    "CLOSES_PRODUCT": _CLOSES_PRODUCT,
    "OPENS_PRODUCT": _OPENS_PRODUCT,
    "CONTACTS_ADOPT": _CONTACTS_ADOPT,
}


def read_labels(lake: Lake, label: Label, window: Window) -> pa.Table:
    """Columns subscription_id, label (double) for those with an event; null label = leave the row out; absent = no event."""
    text, tie = QUERIES[label.event], load_judgements().circle
    params = {
        "cut_off": window.cut_off,
        "last": window.last,
        "known_by": window.known_by,
        "products": label.products,
        "platform_product": product_owned_by("has_crbt"),
        "first_month": _first_month(window.cut_off, tie.months),
        "min_contacts": tie.min_contacts,
    }
    return lake.sql(text, **params).toArrow()


def _first_month(cut_off: date, months: int) -> str:
    """The earliest of the closed calendar months that tell who knows whom; a month is closed on the 2nd of the next."""
    closed_by = cut_off - timedelta(days=1)
    count = closed_by.year * 12 + closed_by.month - 1 - months
    return f"{count // 12:04d}{count % 12 + 1:02d}"
