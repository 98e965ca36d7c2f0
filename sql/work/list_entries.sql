-- Entries of the do-not-disturb lists in force of each date, and whom they protect: the holder when the entry was made, the
-- present holder where that one is not known; null = nobody. A list is its newest snapshot; while rows of it cannot be
-- read, what the snapshots since the last whole one held stays in force: nobody can say who is gone and who is illegible.
WITH snapshots AS (
  SELECT explode(:snapshot_dates) AS snapshot_date
),

unreadable AS (
  SELECT
    load_date,
    sum(rows_unreadable) AS row_cnt
  FROM ops.file_ledger
  WHERE feed = 'list_member' AND status IN ('LANDED', 'SUPERSEDED')
  GROUP BY load_date
),

newest AS (
  SELECT
    s.snapshot_date,
    max(l.load_date) AS load_date,
    coalesce(max(l.load_date) FILTER (WHERE coalesce(u.row_cnt, 0) = 0), DATE '1900-01-01') AS whole_on
  FROM (
    SELECT DISTINCT
      load_date,
      superseded_on
    FROM silver.list_member
  ) AS l
  JOIN snapshots AS s ON l.load_date <= s.snapshot_date AND l.superseded_on > s.snapshot_date
  LEFT JOIN unreadable AS u ON u.load_date = l.load_date
  GROUP BY s.snapshot_date
),

listed AS (
  SELECT
    n.snapshot_date,
    l.*
  FROM silver.list_member AS l
  JOIN newest AS n ON l.load_date BETWEEN n.whole_on AND n.load_date AND l.superseded_on > n.snapshot_date
)

SELECT
  l.snapshot_date,
  l.list_code,
  l.list_colour,
  l.scope_type,
  l.scope_value,
  l.reason_code,
  l.added_at,
  l.valid_from,
  l.valid_to,
  l.subscription_id IS NOT NULL AS is_bound_at_the_time,
  coalesce(l.subscription_id, h.subscription_id) AS subscription_id
FROM listed AS l
LEFT JOIN work.msisdn_holder AS h
  ON l.subscription_id IS NULL AND h.msisdn_token = l.msisdn_token
    AND h.valid_from <= l.snapshot_date AND h.valid_to > l.snapshot_date
    AND h.known_from <= l.snapshot_date AND h.known_to > l.snapshot_date
