SELECT
  agreement_id,
  user_id AS subscription_id,
  bundle_type,
  start_date,
  greatest(start_date, end_date) AS end_date,
  committed_fee_fen,
  data_date,
  load_date,
  superseded_on
FROM as_of_agreement
WHERE load_date BETWEEN :first_date AND :last_date
