"""What happened to each subscription in the days after a cut-off, as known by the training date: the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

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


_WINDOWS = """
WITH windows AS (
  SELECT cut_off, date_add(cut_off, :label_days) AS last,
    :first_months[cut_off] AS first_month
  FROM (SELECT explode(:cut_offs) AS cut_off)
)
"""

_LEAVES_NETWORK = f"""
{_WINDOWS}
SELECT DISTINCT w.cut_off, s.subscription_id, 1.0D AS label
FROM silver.subscription_status AS s
JOIN windows AS w ON s.load_date > w.cut_off
  AND COALESCE(CAST(s.status_time AS DATE), s.data_date) > w.cut_off
  AND COALESCE(CAST(s.status_time AS DATE), s.data_date) <= w.last
WHERE s.is_off_network AND s.load_date <= :known_by AND s.superseded_on > :known_by
"""

# When each subscription had each product, as known by the training date: BOSS's books and, for CRBT, the platform's.
_HOLDINGS = f"""
{_WINDOWS},
delivered AS (
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
SELECT DISTINCT w.cut_off, h.subscription_id, 1.0D AS label
FROM holdings AS h
JOIN windows AS w ON h.closed > w.cut_off AND h.closed <= w.last AND h.opened <= w.cut_off
"""

# An opening somebody was talked into says nothing about need: its row is left out (null), not counted as no event.
_OPENS_PRODUCT = f"""
{_HOLDINGS},
opened AS (
  SELECT DISTINCT w.cut_off, h.subscription_id, h.product_id
  FROM holdings AS h
  JOIN windows AS w ON h.opened > w.cut_off AND h.opened <= w.last
),
persuaded AS (
  SELECT DISTINCT w.cut_off, o.subscription_id, o.product_id
  FROM silver.product_order AS o
  JOIN windows AS w ON o.load_date > w.cut_off AND o.order_date > w.cut_off AND o.order_date <= w.last
  WHERE o.load_date <= :known_by AND o.superseded_on > :known_by
    AND o.action = 'ADD' AND COALESCE(o.campaign_id, '') <> ''
)
SELECT opened.cut_off, opened.subscription_id, CASE WHEN MAX(persuaded.product_id) IS NULL THEN 1.0D END AS label
FROM opened LEFT JOIN persuaded USING (cut_off, subscription_id, product_id)
GROUP BY opened.cut_off, opened.subscription_id
"""

# Ties are those of the view at the cut-off (rule 5.1); an adoption counts for a contact who had the product before it.
_CONTACTS_ADOPT = f"""
{_HOLDINGS},
ties AS (
  SELECT w.cut_off, e.subscription_id, MAX_BY(e.other_subscription_id, e.month_id) AS other_subscription_id
  FROM silver.contact_edge_month AS e
  JOIN windows AS w ON e.load_date <= w.cut_off AND e.superseded_on > w.cut_off AND e.month_id >= w.first_month
  GROUP BY w.cut_off, e.subscription_id, e.other_token
  HAVING SUM(e.contact_cnt) >= :min_contacts
),
adopted AS (
  SELECT w.cut_off, h.subscription_id, h.product_id, MIN(h.opened) AS opened
  FROM holdings AS h
  JOIN windows AS w ON h.opened > w.cut_off AND h.opened <= w.last
  GROUP BY w.cut_off, h.subscription_id, h.product_id
)
SELECT ties.cut_off, ties.subscription_id,
  CAST(COUNT(DISTINCT adopted.subscription_id, adopted.product_id) AS DOUBLE) AS label
FROM ties
JOIN adopted ON adopted.cut_off = ties.cut_off AND adopted.subscription_id = ties.other_subscription_id
  AND adopted.subscription_id <> ties.subscription_id
JOIN holdings ON holdings.subscription_id = ties.subscription_id AND holdings.product_id = adopted.product_id
  AND holdings.opened < adopted.opened AND (holdings.closed IS NULL OR holdings.closed >= adopted.opened)
GROUP BY ties.cut_off, ties.subscription_id
"""

QUERIES = {
    "LEAVES_NETWORK": _LEAVES_NETWORK,
    "CLOSES_PRODUCT": _CLOSES_PRODUCT,
    "OPENS_PRODUCT": _OPENS_PRODUCT,
    "CONTACTS_ADOPT": _CONTACTS_ADOPT,
}


def read_labels(lake: Lake, label: Label, windows: Sequence[Window]) -> dict[date, pa.Table]:
    """Labels after each cut-off, all by one query: columns subscription_id and label (double) of those with an event.

    A null label means that the row is to be left out; who is not there had no event.
    """
    text, tie, first = QUERIES[label.event], load_judgements().circle, windows[0]
    params = {
        "cut_offs": [window.cut_off for window in windows],
        "label_days": (first.last - first.cut_off).days,
        "known_by": first.known_by,
        "products": label.products,
        "platform_product": product_owned_by("has_crbt"),
        "first_months": {window.cut_off: _first_month(window.cut_off, tie.months) for window in windows},
        "min_contacts": tie.min_contacts,
    }
    found = lake.sql(text, **params).toArrow()
    return {
        window.cut_off: found.filter(pc.field("cut_off") == window.cut_off).drop_columns("cut_off")
        for window in windows
    }


def _first_month(cut_off: date, months: int) -> str:
    """The earliest of the closed calendar months that tell who knows whom; a month is closed on the 2nd of the next."""
    closed_by = cut_off - timedelta(days=1)
    count = closed_by.year * 12 + closed_by.month - 1 - months
    return f"{count // 12:04d}{count % 12 + 1:02d}"
