SELECT
  user_id AS subscription_id, cust_id AS customer_id, user_type, create_date AS activation_date,
  product_no_token AS msisdn_token, product_no_class AS msisdn_class, imsi_token, region_code, city_code, county_code,
  COALESCE(channel_id, 'UNKNOWN') AS acquisition_channel_code,
  CASE pay_type WHEN '1' THEN 'POSTPAID' WHEN '2' THEN 'PREPAID' END AS payment_mode,
  CASE brand_id WHEN '1' THEN 'GOTONE' WHEN '2' THEN 'EASYOWN' WHEN '3' THEN 'MZONE' END AS brand_code,
  sub_brand_code, sim_code AS is_data_only, plan_id, acct_id,
  CASE line_use_type WHEN '1' THEN 'OFFICIAL' WHEN '2' THEN 'STAFF' WHEN '3' THEN 'ORDINARY' END AS line_use_type,
  is_vpn_member, change_date,
  IF(COALESCE(product_no_class, '') = 'NATIONAL_MOBILE', NULL, 'NO_MOBILE_NUMBER') AS dq_flag,
  data_date, load_date, superseded_on
FROM asof_subscription
WHERE load_date BETWEEN :first_date AND :last_date
