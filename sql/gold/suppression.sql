-- Everything that protects a subscription on the day after each snapshot date. `work.protections` are lists,
-- opt-outs, complaints and erasures, `work.owners` the present owners.
WITH protected AS (
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
  FROM work.protections
  UNION ALL
  -- A sensitive customer who names no channel is closed on every proactive one.
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
)

SELECT
  p.subscription_id,
  p.scope_type,
  p.scope_value,
  p.reason,
  min(p.valid_from) AS valid_from,
  max(p.valid_to) AS valid_to,
  min_by(p.source, struct(p.valid_from, p.source)) AS source,
  p.snapshot_date
FROM protected AS p
LEFT JOIN work.owners AS o ON o.snapshot_date = p.snapshot_date AND o.subscription_id = p.subscription_id
WHERE p.valid_from <= date_add(p.snapshot_date, 1) AND p.valid_to > p.snapshot_date
  AND p.began_on >= coalesce(o.owner_since, DATE '1900-01-01')
GROUP BY p.snapshot_date, p.subscription_id, p.scope_type, p.scope_value, p.reason
