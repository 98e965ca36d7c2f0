-- Protection from the do-not-disturb lists (sql/work/list_entries.sql).
-- BLACK closes everything. RED closes bulk and outbound. GREY closes the channel or product it names, everything when it
-- names none; grey staff and government members get no proactive contact.
WITH listed AS (
  SELECT
    snapshot_date,
    subscription_id,
    list_colour,
    list_code,
    coalesce(valid_from, to_date(added_at)) AS valid_from,
    coalesce(valid_to, DATE '9999-12-31') AS valid_to,
    -- What a present holder has because nobody knows whose entry it was does not end with a change of owner.
    IF(is_bound_at_the_time, to_date(added_at), DATE '9999-12-31') AS began_on,
    coalesce(scope_type IN ('CHANNEL', 'PRODUCT') AND scope_value <> '', FALSE) AS has_scope,
    scope_type,
    scope_value,
    array_contains(:passive_only_reasons, coalesce(reason_code, '')) AS is_passive_only
  FROM work.list_entries
  WHERE subscription_id IS NOT NULL
)

SELECT
  snapshot_date,
  subscription_id,
  CASE WHEN list_colour = 'BLACK' THEN 'SYSTEM' WHEN list_colour = 'RED' OR is_passive_only THEN 'CHANNEL'
    WHEN has_scope THEN scope_type ELSE 'SYSTEM'
  END AS scope_type,
  explode(CASE WHEN list_colour = 'BLACK' THEN array('*') WHEN list_colour = 'RED' THEN :unprotected_channels
    WHEN is_passive_only THEN :proactive_channels
    WHEN has_scope THEN array(scope_value) ELSE array('*')
  END) AS scope_value,
  concat('LIST_', list_colour) AS reason,
  valid_from,
  valid_to,
  list_code AS source,
  began_on
FROM listed
