-- CLOSE_PROVIDER (89) closes all products of one service provider, CLOSE_ALL (99) all products: one row for each product subscribed that day, by what
-- that night knew. An order that closes nothing keeps one row without a product.
WITH ordered AS (
  SELECT
    m.order_id,
    m.opr_code,
    m.spid,
    m.prod_id,
    CAST(m.opr_time AS DATE) AS opr_date,
    m.return_code,
    m.load_date,
    m.superseded_on,
    h.subscription_id
  FROM as_of_misc_order AS m
  LEFT JOIN work.msisdn_holder AS h
    ON h.msisdn_token = m.phone_no_token
      AND h.valid_from <= CAST(m.opr_time AS DATE) AND h.valid_to > CAST(m.opr_time AS DATE)
      AND h.known_from <= m.load_date AND h.known_to > m.load_date
  WHERE m.load_date BETWEEN :first_date AND :last_date
),

closed AS (
  SELECT DISTINCT
    o.order_id,
    o.load_date,
    p.product_id
  FROM ordered AS o
  JOIN silver.product_subscription AS p
    ON p.subscription_id = o.subscription_id AND p.load_date <= o.load_date AND p.superseded_on > o.load_date
      AND p.valid_date <= o.opr_date AND coalesce(p.expire_date, DATE '9999-12-31') >= o.opr_date
      AND (word_of('MISC_ORDER', o.opr_code) = 'CLOSE_ALL' OR p.sp_code = o.spid)
  WHERE word_of('MISC_ORDER', o.opr_code) IN ('CLOSE_PROVIDER', 'CLOSE_ALL')
)

SELECT
  o.order_id,
  o.subscription_id,
  o.opr_code,
  coalesce(c.product_id, o.prod_id, '') AS product_id,
  c.product_id IS NOT NULL AS is_expanded,
  o.opr_date,
  o.return_code,
  o.load_date,
  o.superseded_on
FROM ordered AS o
LEFT JOIN closed AS c ON c.order_id = o.order_id AND c.load_date = o.load_date
