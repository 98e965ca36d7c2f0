-- Do-not-disturb asked for at a contact, in any row and any delivery, superseded ones included, and whom it protects: the
-- person contacted and the holder of the number at that time; the present holder where neither is known; null = nobody.
WITH snapshots AS (
  SELECT explode(:snapshot_dates) AS snapshot_date
),

asked AS (
  SELECT
    contact_id,
    subscription_id,
    msisdn_token,
    to_date(contact_time) AS began_on,
    channel_code,
    opt_out_scope,
    load_date
  FROM silver.channel_result
  WHERE opt_out_scope <> ''
),

contacted AS (
  SELECT
    contact_id,
    max(subscription_id) AS subscription_id,
    max(product_id) AS product_id
  FROM (
    SELECT
      contact_id,
      subscription_id,
      product_id
    FROM silver.campaign_execution
    UNION ALL
    SELECT
      contact_id,
      subscription_id,
      product_id
    FROM gold.campaign_contact
  ) AS c
  WHERE contact_id IN (SELECT contact_id FROM asked)
  GROUP BY contact_id
),

bound AS (
  SELECT
    s.snapshot_date,
    a.*,
    c.product_id,
    array_distinct(filter(array(c.subscription_id, a.subscription_id), one -> one IS NOT NULL)) AS at_the_time
  FROM asked AS a
  JOIN snapshots AS s ON a.load_date <= s.snapshot_date
  LEFT JOIN contacted AS c ON c.contact_id = a.contact_id
),

held AS (
  SELECT
    b.snapshot_date,
    b.load_date,
    b.began_on,
    b.channel_code,
    b.product_id,
    b.opt_out_scope,
    b.at_the_time,
    h.subscription_id AS present
  FROM bound AS b
  LEFT JOIN work.msisdn_holder AS h
    ON size(b.at_the_time) = 0 AND h.msisdn_token = b.msisdn_token
      AND h.valid_from <= b.snapshot_date AND h.valid_to > b.snapshot_date
      AND h.known_from <= b.snapshot_date AND h.known_to > b.snapshot_date
)

SELECT
  snapshot_date,
  load_date,
  began_on,
  channel_code,
  product_id,
  opt_out_scope,
  size(at_the_time) > 0 AS is_bound_at_the_time,
  explode(IF(size(at_the_time) > 0, at_the_time, array(present))) AS subscription_id
FROM held
