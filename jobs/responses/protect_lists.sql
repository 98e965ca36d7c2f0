-- Protection from the do-not-disturb lists: the newest list snapshot known on each date, nothing older.
-- BLACK closes everything. RED closes bulk and outbound. GREY closes the channel or product it names, everything when it
-- names none; grey staff and government members get no proactive contact.
WITH snapshots AS (
  SELECT to_date(day) AS snapshot_date FROM (SELECT explode(split(:snapshot_dates, ',')) AS day)
),
newest AS (
  SELECT s.snapshot_date, max(l.load_date) AS load_date
  FROM silver.list_member AS l
  JOIN snapshots AS s ON l.load_date <= s.snapshot_date AND l.superseded_on > s.snapshot_date
  GROUP BY s.snapshot_date
),
listed AS (
  SELECT n.snapshot_date, l.subscription_id, l.list_colour, l.list_code,
         coalesce(l.valid_from, to_date(l.added_at)) AS valid_from, coalesce(l.valid_to, DATE '9999-12-31') AS valid_to,
         to_date(l.added_at) AS began_on,
         coalesce(l.scope_type IN ('CHANNEL', 'PRODUCT') AND l.scope_value <> '', false) AS has_scope, l.scope_type, l.scope_value,
         array_contains(split(:passive_only_reasons, ','), coalesce(l.reason_code, '')) AS is_passive_only
  FROM silver.list_member AS l
  JOIN newest AS n ON n.load_date = l.load_date AND l.superseded_on > n.snapshot_date
  WHERE l.subscription_id IS NOT NULL
)
SELECT snapshot_date, subscription_id,
       CASE WHEN list_colour = 'BLACK' THEN 'SYSTEM' WHEN list_colour = 'RED' OR is_passive_only THEN 'CHANNEL'
            WHEN has_scope THEN scope_type ELSE 'SYSTEM' END AS scope_type,
       explode(CASE WHEN list_colour = 'BLACK' THEN array('*') WHEN list_colour = 'RED' THEN split(:unprotected_channels, ',')
                    WHEN is_passive_only THEN split(:proactive_channels, ',')
                    WHEN has_scope THEN array(scope_value) ELSE array('*') END) AS scope_value,
       concat('LIST_', list_colour) AS reason, valid_from, valid_to, list_code AS source, began_on
FROM listed
