-- Sentinels are empty already (null_if of the feed contract); codes become words by conf/source_codes.yaml.
SELECT
  cust_id AS customer_id, birthday AS birth_date, word_of('GENDER', sex) AS gender_code, marital_status, occupation, education,
  word_of('VIP_TIER', vip_tier) AS vip_tier, word_of('CUSTOMER_CLASS', customer_class) AS customer_class, credit_class,
  home_region, create_date, COALESCE(word_of('ENTRY_CHANNEL', channel_id), 'UNKNOWN') AS channel_id,
  cust_status, cust_name_token, contact_address_token, contact_postcode, home_address_token,
  word_of('ID_TYPE', id_type) AS id_type_code,
  id_number_token, is_company_registered, corporate_id, account_manager_id, is_sensitive,
  IF(sensitive_channels IS NULL, NULL, SPLIT(sensitive_channels, '[|,;/ ]+')) AS sensitive_channels,
  data_date, load_date, superseded_on
FROM asof_customer
WHERE load_date BETWEEN :first_date AND :last_date
