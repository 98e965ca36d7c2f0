SELECT
  contact_id,
  campaign_id,
  task_id,
  wave_no,
  user_id AS subscription_id,
  channel_code,
  prod_id AS product_id,
  offer_id,
  planned_time AS planned_at,
  coalesce(is_control, FALSE) AS is_control,
  is_model_selected,
  data_date,
  load_date,
  superseded_on
FROM as_of_campaign_execution
WHERE load_date BETWEEN :first_date AND :last_date
