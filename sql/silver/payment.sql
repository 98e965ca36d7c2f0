SELECT
  user_id AS subscription_id,
  CAST(pay_time AS DATE) AS pay_date,
  sum(amount_fen) AS amount_fen,
  count_if(amount_fen > 0 AND NOT coalesce(reversal_flag, FALSE)) AS payment_cnt,
  count_if(amount_fen < 0 OR coalesce(reversal_flag, FALSE)) AS reversal_cnt,
  load_date,
  superseded_on
FROM as_of_payment
WHERE load_date BETWEEN :first_date AND :last_date
GROUP BY user_id, CAST(pay_time AS DATE), load_date, superseded_on
