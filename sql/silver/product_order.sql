SELECT
  order_id,
  user_id AS subscription_id,
  prod_id AS product_id,
  action,
  op_time AS ordered_at,
  CAST(op_time AS DATE) AS order_date,
  eff_date AS effective_date,
  end_date,
  coalesce(channel_id, 'UNKNOWN') AS channel_id,
  staff_id,
  campaign_id,
  status,
  data_date,
  load_date,
  superseded_on
FROM as_of_product_order
WHERE load_date BETWEEN :first_date AND :last_date
