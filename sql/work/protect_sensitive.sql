-- A sensitive customer is closed on the channels he named; one who names none on every proactive one.
SELECT
  snapshot_date,
  subscription_id,
  'CHANNEL' AS scope_type,
  explode(CASE WHEN size(sensitive_channels) > 0 THEN sensitive_channels ELSE :proactive_channels END) AS scope_value,
  'SENSITIVE_CHANNEL' AS reason,
  snapshot_date AS valid_from,
  DATE '9999-12-31' AS valid_to,
  'CUSTOMER' AS source,
  DATE '9999-12-31' AS began_on
FROM work.owners
WHERE is_sensitive OR size(sensitive_channels) > 0
