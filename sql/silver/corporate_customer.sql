SELECT
  corporate_id,
  corporate_name,
  industry_code,
  size_class,
  is_gov_enterprise,
  account_manager_id,
  create_date,
  corporate_status,
  data_date,
  load_date,
  superseded_on
FROM as_of_corporate_customer
WHERE load_date BETWEEN :first_date AND :last_date
