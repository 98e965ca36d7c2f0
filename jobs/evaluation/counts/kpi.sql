-- Users of each KPI series at the end of each closed month of the year, and the live base at its start.
-- Series: LIVE, a product (its holders), or CRBT_DOWNLOADERS.
WITH nights AS (SELECT to_date(day) AS business_date FROM (SELECT explode(split(:report_dates, ',')) AS day)),
months AS (
  SELECT business_date, last_day(month) AS closing_date, date_format(month, 'yyyyMM') AS month_id
  FROM (SELECT business_date, explode(sequence(trunc(business_date, 'YEAR'), trunc(business_date, 'MONTH'), INTERVAL 1 MONTH)) AS month
        FROM nights)
  WHERE last_day(month) <= business_date
),
held AS (
  SELECT m.business_date, m.month_id, m.closing_date, p.product_id, p.subscription_id,
         max_by(struct(p.state, p.expire_date), struct(p.data_date, p.load_date)) AS newest
  FROM silver.product_subscription AS p
  JOIN months AS m
    ON p.load_date <= m.business_date AND p.superseded_on > m.business_date AND p.data_date <= m.closing_date
   AND p.valid_date <= m.closing_date
  WHERE array_contains(split(:kpi_products, ','), p.product_id)
  GROUP BY m.business_date, m.month_id, m.closing_date, p.product_id, p.subscription_id, p.sp_code, p.service_code, p.valid_date
),
base AS (
  SELECT business_date, count_if(NOT is_off_network) AS live_cnt
  FROM (
    SELECT n.business_date, t.subscription_id, max_by(t.is_off_network, struct(t.status_time, t.load_date)) AS is_off_network
    FROM silver.subscription_status AS t
    JOIN nights AS n ON t.load_date <= n.business_date AND t.superseded_on > n.business_date
    WHERE to_date(t.status_time) < trunc(n.business_date, 'YEAR')
    GROUP BY n.business_date, t.subscription_id
  )
  GROUP BY business_date
)
SELECT business_date, 'LIVE' AS series, '' AS month_id, live_cnt AS user_cnt FROM base
UNION ALL
SELECT business_date, product_id, month_id, count(DISTINCT subscription_id)
FROM held
WHERE newest.expire_date > closing_date OR (newest.expire_date IS NULL AND newest.state <> 'CANCELLED')
GROUP BY business_date, product_id, month_id
UNION ALL
SELECT m.business_date, 'CRBT_DOWNLOADERS', m.month_id, count(DISTINCT v.subscription_id)
FROM silver.vas_daily AS v
JOIN months AS m
  ON v.load_date <= m.business_date AND v.superseded_on > m.business_date
 AND v.event_date BETWEEN trunc(m.closing_date, 'MONTH') AND m.closing_date
WHERE v.crbt_download_cnt > 0
GROUP BY m.business_date, m.month_id
