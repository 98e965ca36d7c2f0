-- Present owner of each subscription, since when (protection asked for by the owner before ends with the transfer), and what
-- the owner's record says: person (token of the ID document, companies excepted) and sensitive channels.
WITH snapshots AS (
  SELECT explode(:snapshot_dates) AS snapshot_date
),

records AS (
  SELECT
    s.snapshot_date,
    u.subscription_id,
    u.customer_id,
    u.data_date,
    u.brand_code,
    first_value(u.customer_id) OVER (
      PARTITION BY s.snapshot_date, u.subscription_id
      ORDER BY u.data_date DESC, u.load_date DESC
    ) AS present_customer_id,
    lag(u.customer_id)
      OVER (PARTITION BY s.snapshot_date, u.subscription_id ORDER BY u.data_date, u.load_date)
      AS customer_before
  FROM silver.subscription AS u
  JOIN snapshots AS s ON u.load_date <= s.snapshot_date AND u.superseded_on > s.snapshot_date
),

present AS (
  SELECT
    snapshot_date,
    subscription_id,
    max(present_customer_id) AS customer_id,
    max_by(brand_code, data_date) AS brand_code,
    max(CASE WHEN customer_id = present_customer_id AND customer_before <> customer_id THEN data_date END)
      AS owner_since
  FROM records
  GROUP BY snapshot_date, subscription_id
),

customers AS (
  SELECT
    s.snapshot_date,
    k.customer_id,
    max_by(struct(CASE WHEN NOT coalesce(k.is_company_registered, FALSE) AND k.corporate_id IS NULL
        THEN k.id_number_token
    END AS person,
    k.is_sensitive, k.sensitive_channels), struct(k.data_date, k.load_date)) AS newest
  FROM silver.customer AS k
  JOIN snapshots AS s ON k.load_date <= s.snapshot_date AND k.superseded_on > s.snapshot_date
  GROUP BY s.snapshot_date, k.customer_id
)

SELECT
  p.snapshot_date,
  p.subscription_id,
  p.customer_id,
  p.brand_code,
  p.owner_since,
  c.newest.person AS person,
  coalesce(c.newest.is_sensitive, FALSE) AS is_sensitive,
  c.newest.sensitive_channels AS sensitive_channels
FROM present AS p
LEFT JOIN customers AS c ON c.snapshot_date = p.snapshot_date AND c.customer_id = p.customer_id
