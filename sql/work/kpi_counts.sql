-- Users of each KPI series at the end of each closed month of the year, and the live base at its start; of the closing dates
-- that are asked for (jobs/evaluation/closings.py keeps the others).
-- Series: LIVE, a product (its holders), PAYING and a product (holders past their free trial), a use (who used it in the month).
-- Counted are period-end subscriptions only (2.3): on the network and no test number, as profile and status stood on the closing
-- date. The same rule is field 36 of the view (is_kpi_counted); the view has no snapshot of most closing dates, silver knows all.
WITH nights AS (SELECT explode(:report_dates) AS business_date),

months AS (
  SELECT
    business_date,
    last_day(month) AS closing_date,
    date_format(month, 'yyyyMM') AS month_id
  FROM (
    SELECT
      business_date,
      explode(sequence(trunc(business_date, 'YEAR'), trunc(business_date, 'MONTH'), INTERVAL 1 MONTH)) AS month
    FROM nights
  )
  WHERE last_day(month) <= business_date AND array_contains(:closing_dates, last_day(month))
),

closings AS (
  SELECT
    business_date,
    closing_date,
    month_id
  FROM months
  UNION ALL
  SELECT
    business_date,
    date_sub(trunc(business_date, 'YEAR'), 1) AS closing_date,
    '' AS month_id
  FROM nights
  WHERE array_contains(:closing_dates, date_sub(trunc(business_date, 'YEAR'), 1))
),

on_network AS (
  SELECT
    m.business_date,
    m.closing_date,
    t.subscription_id
  FROM silver.subscription_status AS t
  JOIN closings AS m
    ON t.load_date <= m.business_date AND t.superseded_on > m.business_date
      AND to_date(coalesce(t.status_time, t.data_date)) <= m.closing_date
  GROUP BY m.business_date, m.closing_date, t.subscription_id
  HAVING NOT max_by(t.is_off_network, struct(coalesce(t.status_time, to_timestamp(t.data_date)), t.load_date))
),

not_counted AS (
  SELECT
    m.business_date,
    m.closing_date,
    s.subscription_id
  FROM silver.subscription AS s
  JOIN closings AS m
    ON s.load_date <= m.business_date AND s.superseded_on > m.business_date AND s.data_date <= m.closing_date
  GROUP BY m.business_date, m.closing_date, s.subscription_id
  HAVING array_contains(:not_counted_user_types, max_by(s.user_type, struct(s.data_date, s.load_date)))
),

counted AS (
  SELECT
    n.business_date,
    n.closing_date,
    n.subscription_id
  FROM on_network AS n
  LEFT ANTI JOIN not_counted AS x
    ON x.business_date = n.business_date AND x.closing_date = n.closing_date AND x.subscription_id = n.subscription_id
),

held AS (
  SELECT
    m.business_date,
    m.month_id,
    m.closing_date,
    p.product_id,
    p.subscription_id,
    max_by(struct(p.state, p.expire_date), struct(p.data_date, p.load_date)) AS newest
  FROM silver.product_subscription AS p
  JOIN months AS m
    ON p.load_date <= m.business_date AND p.superseded_on > m.business_date AND p.data_date <= m.closing_date
      AND p.valid_date <= m.closing_date
  WHERE array_contains(:kpi_products, p.product_id)
  GROUP BY
    m.business_date,
    m.month_id,
    m.closing_date,
    p.product_id,
    p.subscription_id,
    p.sp_code,
    p.service_code,
    p.valid_date
),

holders AS (
  SELECT DISTINCT
    h.business_date,
    h.month_id,
    h.closing_date,
    h.product_id,
    h.subscription_id
  FROM held AS h
  LEFT SEMI JOIN counted AS c
    ON c.business_date = h.business_date AND c.closing_date = h.closing_date AND c.subscription_id = h.subscription_id
  WHERE h.newest.expire_date > h.closing_date OR (h.newest.expire_date IS NULL AND h.newest.state <> 'CANCELLED')
),

in_trial AS (
  SELECT
    m.business_date,
    m.closing_date,
    t.subscription_id
  FROM silver.crbt_subscription AS t
  JOIN months AS m
    ON t.load_date <= m.business_date AND t.superseded_on > m.business_date AND t.data_date <= m.closing_date
      AND t.open_date <= m.closing_date
  WHERE t.subscription_id IS NOT NULL
  GROUP BY m.business_date, m.closing_date, t.subscription_id
  HAVING max_by(t.trial_end_date, struct(t.data_date, t.open_date, t.load_date, t.msisdn_token)) >= m.closing_date
)

SELECT
  c.business_date,
  'LIVE' AS series,
  '' AS month_id,
  count(*) AS user_cnt
FROM counted AS c
WHERE c.closing_date < trunc(c.business_date, 'YEAR')
GROUP BY c.business_date
UNION ALL
SELECT
  business_date,
  product_id AS series,
  month_id,
  count(*) AS user_cnt
FROM holders
GROUP BY business_date, product_id, month_id
UNION ALL
SELECT
  h.business_date,
  concat('PAYING:', h.product_id) AS series,
  h.month_id,
  count(*) AS user_cnt
FROM holders AS h
LEFT ANTI JOIN in_trial AS t
  ON t.business_date = h.business_date AND t.closing_date = h.closing_date AND t.subscription_id = h.subscription_id
WHERE array_contains(:paying_products, h.product_id)
GROUP BY h.business_date, h.product_id, h.month_id
UNION ALL
SELECT
  m.business_date,
  v.used AS series,
  m.month_id,
  count(DISTINCT v.subscription_id) AS user_cnt
FROM (
  SELECT
    subscription_id,
    event_date,
    load_date,
    superseded_on,
    explode(uses) AS used
  FROM (
    SELECT
      *,
      array_intersect(:kpi_uses, vas_uses(
        crbt_download_cnt, crbt_paid_download_cnt, crbt_gift_cnt, crbt_copy_cnt, crbt_set_cnt, crbt_music_box_cnt,
        newspaper_issue_cnt, misc_subscribe_cnt, misc_unsubscribe_cnt
      )) AS uses
    FROM silver.vas_daily
  ) AS d
) AS v
JOIN months AS m
  ON v.load_date <= m.business_date AND v.superseded_on > m.business_date
    AND v.event_date BETWEEN trunc(m.closing_date, 'MONTH') AND m.closing_date
JOIN counted AS c
  ON c.business_date = m.business_date AND c.closing_date = m.closing_date AND c.subscription_id = v.subscription_id
GROUP BY m.business_date, v.used, m.month_id
