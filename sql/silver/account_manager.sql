SELECT
  account_manager_id,
  manager_name_token AS name_token,
  manager_phone_token AS phone_token,
  manager_phone_class AS phone_class,
  region_code,
  data_date,
  load_date,
  superseded_on
FROM as_of_account_manager
WHERE load_date BETWEEN :first_date AND :last_date
