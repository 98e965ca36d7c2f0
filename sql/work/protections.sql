-- Every protection, whoever asked for it: lists, opt-outs, complaints, erasures, sensitive customers (sql/work/protect_*.sql).
SELECT
  snapshot_date,
  subscription_id,
  scope_type,
  scope_value,
  reason,
  valid_from,
  valid_to,
  source,
  began_on
FROM work.protect_lists
UNION ALL
SELECT
  snapshot_date,
  subscription_id,
  scope_type,
  scope_value,
  reason,
  valid_from,
  valid_to,
  source,
  began_on
FROM work.protect_opt_outs
UNION ALL
SELECT
  snapshot_date,
  subscription_id,
  scope_type,
  scope_value,
  reason,
  valid_from,
  valid_to,
  source,
  began_on
FROM work.protect_complaints
UNION ALL
SELECT
  snapshot_date,
  subscription_id,
  scope_type,
  scope_value,
  reason,
  valid_from,
  valid_to,
  source,
  began_on
FROM work.protect_forgotten
UNION ALL
SELECT
  snapshot_date,
  subscription_id,
  scope_type,
  scope_value,
  reason,
  valid_from,
  valid_to,
  source,
  began_on
FROM work.protect_sensitive
