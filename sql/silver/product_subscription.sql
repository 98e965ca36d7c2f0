-- The feed is keyed by the number; the view is kept by subscription, so the newest line of a night stands.
SELECT
  user_id AS subscription_id,
  prod_id AS product_id,
  coalesce(sp_code, '') AS sp_code,
  coalesce(serv_code, '') AS service_code,
  valid_date,
  IF(expire_date < valid_date, valid_date, expire_date) AS expire_date,
  coalesce(word_of('PRODUCT_STATE', sts), 'CANCELLED') AS state,
  apply_type,
  third_party_no_token AS payer_token,
  IF(expire_date < valid_date, 'EXPIRE_BEFORE_VALID', NULL) AS dq_flag,
  data_date,
  load_date,
  superseded_on
FROM as_of_product_subscription
WHERE load_date BETWEEN :first_date AND :last_date
QUALIFY row_number() OVER (
    PARTITION BY load_date, user_id, prod_id, coalesce(sp_code, ''), coalesce(serv_code, ''), valid_date
    ORDER BY data_date DESC, resend_no DESC, line_number DESC
  ) = 1
