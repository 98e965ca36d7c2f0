SELECT
  s.user_id AS subscription_id,
  s.status_code,
  c.subscription_status,
  c.is_off_network,
  s.status_time,
  word_of('SUSPENSION_TYPE', s.suspension_type) AS suspension_type,
  s.suspended_at,
  s.grace_start_date,
  s.quarantine_start_date,
  s.termination_request_date,
  s.data_date,
  s.load_date,
  s.superseded_on
FROM as_of_subscription_status AS s
JOIN ref_status_code AS c ON c.status_code = s.status_code
WHERE s.load_date BETWEEN :first_date AND :last_date
