SELECT
  complaint_id, user_id AS subscription_id, created_at, category_l1 AS category,
  complaint_about_channel AS about_channel, complaint_about_product AS about_product, severity, is_escalated, is_repeat,
  status, closed_at, refund_fen, data_date, load_date, superseded_on
FROM asof_complaint
WHERE load_date BETWEEN :first_date AND :last_date
