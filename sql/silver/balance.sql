-- An account may carry several lines, one row each; should two accounts name one line, their balances add up.
SELECT
  user_id AS subscription_id,
  sum(balance_fen) AS balance_fen,
  sum(owe_fen) AS owe_fen,
  max(valid_to) AS valid_to,
  max(data_date) AS data_date,
  load_date,
  min(superseded_on) AS superseded_on
FROM as_of_balance
WHERE load_date BETWEEN :first_date AND :last_date
GROUP BY user_id, load_date
