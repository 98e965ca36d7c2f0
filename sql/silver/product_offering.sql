SELECT
  prod_id AS product_id,
  name,
  prod_type AS product_type,
  monthly_fee AS monthly_fee_fen,
  valid_date,
  expire_date,
  sp_code,
  service_code,
  data_date,
  load_date,
  superseded_on
FROM as_of_product_offering
WHERE load_date BETWEEN :first_date AND :last_date
