-- Present owner of each subscription and since when: protection asked for by the owner before ends with the transfer.
WITH snapshots AS (
  SELECT to_date(day) AS snapshot_date FROM (SELECT explode(split(:snapshot_dates, ',')) AS day)
),
records AS (
  SELECT s.snapshot_date, u.subscription_id, u.customer_id, u.data_date, u.brand_code,
         first_value(u.customer_id) OVER (PARTITION BY s.snapshot_date, u.subscription_id
                                          ORDER BY u.data_date DESC, u.load_date DESC) AS present_customer_id,
         lag(u.customer_id) OVER (PARTITION BY s.snapshot_date, u.subscription_id ORDER BY u.data_date, u.load_date) AS customer_before
  FROM silver.subscription AS u
  JOIN snapshots AS s ON u.load_date <= s.snapshot_date AND u.superseded_on > s.snapshot_date
)
SELECT snapshot_date, subscription_id, max(present_customer_id) AS customer_id, max_by(brand_code, data_date) AS brand_code,
       max(CASE WHEN customer_id = present_customer_id AND customer_before <> customer_id THEN data_date END) AS owner_since
FROM records
GROUP BY snapshot_date, subscription_id
