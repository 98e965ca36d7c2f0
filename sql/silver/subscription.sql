SELECT
  user_id AS subscription_id, cust_id AS customer_id, user_type, create_date AS activation_date,
  product_no_token AS msisdn_token, product_no_class AS msisdn_class, imsi_token, region_code, city_code, county_code,
  COALESCE(word_of('ENTRY_CHANNEL', channel_id), 'UNKNOWN') AS acquisition_channel_code,
  word_of('PAYMENT_MODE', pay_type) AS payment_mode,
  word_of('BRAND', brand_id) AS brand_code,
  sub_brand_code, sim_code AS is_data_only, plan_id, acct_id,
  word_of('LINE_USE', line_use_type) AS line_use_type,
  is_vpn_member, change_date,
  IF(COALESCE(product_no_class, '') = 'NATIONAL_MOBILE', NULL, 'NO_MOBILE_NUMBER') AS dq_flag,
  data_date, load_date, superseded_on
FROM asof_subscription
WHERE load_date BETWEEN :first_date AND :last_date
