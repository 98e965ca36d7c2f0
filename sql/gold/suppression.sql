-- Everything that protects a subscription on the day after each snapshot date (work.protections), as far as it is about the
-- present owner (work.owners).
SELECT
  p.subscription_id,
  p.scope_type,
  p.scope_value,
  p.reason,
  min(p.valid_from) AS valid_from,
  max(p.valid_to) AS valid_to,
  min_by(p.source, struct(p.valid_from, p.source)) AS source,
  p.snapshot_date
FROM work.protections AS p
LEFT JOIN work.owners AS o ON o.snapshot_date = p.snapshot_date AND o.subscription_id = p.subscription_id
WHERE p.valid_from <= date_add(p.snapshot_date, 1) AND p.valid_to > p.snapshot_date
  AND p.began_on >= coalesce(o.owner_since, DATE '1900-01-01')
GROUP BY p.snapshot_date, p.subscription_id, p.scope_type, p.scope_value, p.reason
