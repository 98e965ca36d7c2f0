SELECT
  user_id AS subscription_id,
  bill_cycle AS month_id,
  sum(fee_fen) AS total_fen,
  coalesce(sum(fee_fen) FILTER (WHERE word_of('BILL_ITEM', item_group) = 'RENT'), 0) AS rent_fen,
  coalesce(sum(fee_fen) FILTER (WHERE word_of('BILL_ITEM', item_group) = 'LOCAL'), 0) AS local_fen,
  coalesce(sum(fee_fen) FILTER (WHERE word_of('BILL_ITEM', item_group) = 'TOLL'), 0) AS toll_fen,
  coalesce(sum(fee_fen) FILTER (WHERE word_of('BILL_ITEM', item_group) = 'ROAM'), 0) AS roam_fen,
  coalesce(sum(fee_fen) FILTER (WHERE word_of('BILL_ITEM', item_group) = 'DATA'), 0) AS data_fen,
  coalesce(sum(fee_fen) FILTER (WHERE word_of('BILL_ITEM', item_group) = 'SMS'), 0) AS sms_fen,
  coalesce(sum(fee_fen) FILTER (WHERE word_of('BILL_ITEM', item_group) = 'MMS'), 0) AS mms_fen,
  coalesce(sum(fee_fen) FILTER (WHERE word_of('BILL_ITEM', item_group) = 'SERVICES'), 0) AS vas_fen,
  coalesce(sum(fee_fen) FILTER (WHERE word_of('BILL_ITEM', item_group) = 'TONES'), 0) AS crbt_fen,
  coalesce(sum(fee_fen) FILTER (WHERE word_of('BILL_ITEM', item_group) = 'NEWSPAPER'), 0) AS newspaper_fen,
  coalesce(sum(fee_fen) FILTER (WHERE word_of('BILL_ITEM', item_group) = 'OTHER'), 0) AS other_fen,
  coalesce(sum(fee_fen) FILTER (WHERE word_of('BILL_ITEM', item_group) = 'DISCOUNT'), 0) AS discount_fen,
  load_date,
  superseded_on
FROM as_of_bill_summary
WHERE load_date BETWEEN :first_date AND :last_date
GROUP BY user_id, bill_cycle, load_date, superseded_on
