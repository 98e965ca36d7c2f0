-- Entries that protect nobody, by list, as of the last date: their number and contact belong to no subscription of ours.
-- `loaded_now_cnt` are those among them that these dates loaded (opt-outs come once, lists every night).
SELECT
  list_code,
  count(*) AS entry_cnt,
  count_if(subscription_id IS NULL) AS unbound_cnt,
  count_if(is_new AND subscription_id IS NULL) AS loaded_now_cnt
FROM (
  SELECT
    'OPT_OUT' AS list_code,
    subscription_id,
    load_date >= :loaded_from AS is_new
  FROM work.wishes
  WHERE snapshot_date = :last_date
  UNION ALL
  SELECT
    list_code,
    subscription_id,
    FALSE AS is_new
  FROM work.list_entries
  WHERE snapshot_date = :last_date
) AS e
GROUP BY list_code
