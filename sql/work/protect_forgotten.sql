-- Who was erased stays uncontacted for good (ops.forgotten): whoever holds the number, and every line on the same document,
-- also one that comes later. No change of owner ends it: nobody can say any more who the person was.
WITH snapshots AS (
  SELECT explode(:snapshot_dates) AS snapshot_date
),

forgotten AS (
  SELECT
    s.snapshot_date,
    f.token,
    f.kind,
    f.business_date
  FROM ops.forgotten AS f
  JOIN snapshots AS s ON f.business_date <= s.snapshot_date
),

closed AS (
  SELECT
    f.snapshot_date,
    f.business_date,
    h.subscription_id
  FROM forgotten AS f
  JOIN work.msisdn_holder AS h
    ON h.msisdn_token = f.token AND h.valid_from <= f.snapshot_date AND h.valid_to > f.snapshot_date
      AND h.known_from <= f.snapshot_date AND h.known_to > f.snapshot_date
  WHERE f.kind = 'MSISDN'
  UNION ALL
  SELECT
    f.snapshot_date,
    f.business_date,
    o.subscription_id
  FROM forgotten AS f
  JOIN work.owners AS o ON o.snapshot_date = f.snapshot_date AND o.person = f.token
  WHERE f.kind = 'ID_NUMBER'
)

SELECT
  snapshot_date,
  subscription_id,
  'SYSTEM' AS scope_type,
  '*' AS scope_value,
  'DND_SYSTEM' AS reason,
  business_date AS valid_from,
  DATE '9999-12-31' AS valid_to,
  'ERASURE' AS source,
  DATE '9999-12-31' AS began_on
FROM closed
WHERE subscription_id IS NOT NULL
