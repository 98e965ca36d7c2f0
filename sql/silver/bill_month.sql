SELECT
  user_id AS subscription_id,
  bill_cycle AS month_id,
  sum(fee_fen) AS total_fen,
  coalesce(sum(fee_fen) FILTER (WHERE item_group = 'RENT'), 0) AS rent_fen,
  coalesce(sum(fee_fen) FILTER (WHERE item_group = 'LOCL'), 0) AS local_fen,
  coalesce(sum(fee_fen) FILTER (WHERE item_group = 'TOLL'), 0) AS toll_fen,
  coalesce(sum(fee_fen) FILTER (WHERE item_group = 'ROAM'), 0) AS roam_fen,
  coalesce(sum(fee_fen) FILTER (WHERE item_group = 'DATA'), 0) AS data_fen,
  coalesce(sum(fee_fen) FILTER (WHERE item_group = 'SMSF'), 0) AS sms_fen,
  coalesce(sum(fee_fen) FILTER (WHERE item_group = 'MMSF'), 0) AS mms_fen,
  coalesce(sum(fee_fen) FILTER (WHERE item_group = 'VASF'), 0) AS vas_fen,
  coalesce(sum(fee_fen) FILTER (WHERE item_group = 'CRBT'), 0) AS crbt_fen,
  coalesce(sum(fee_fen) FILTER (WHERE item_group = 'NEWS'), 0) AS newspaper_fen,
  coalesce(sum(fee_fen) FILTER (WHERE item_group = 'OTHR'), 0) AS other_fen,
  coalesce(sum(fee_fen) FILTER (WHERE item_group = 'DISC'), 0) AS discount_fen,
  load_date,
  superseded_on
FROM asof_bill_summary
WHERE load_date BETWEEN :first_date AND :last_date
GROUP BY user_id, bill_cycle, load_date, superseded_on
