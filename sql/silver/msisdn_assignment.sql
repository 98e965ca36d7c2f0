-- An interval begins with the activation for a subscription's first number, with the day of change for a later one
-- (number change keeps the subscription, D5). It ends when the subscription moves to another number or when another
-- subscription begins on this number (recycling, D4; of two live ones the later activation holds it, D1).
WITH held AS (
  SELECT
    subscription_id,
    msisdn_token,
    min(data_date) AS first_seen,
    min(activation_date) AS activated,
    min(coalesce(change_date, data_date)) AS changed,
    min(load_date) AS known_from,
    max(superseded_on) AS superseded_on
  FROM silver.subscription
  WHERE load_date <= :last_date AND msisdn_class = 'NATIONAL_MOBILE'
  GROUP BY subscription_id, msisdn_token
),

interval_start AS (
  SELECT
    msisdn_token,
    subscription_id,
    known_from,
    superseded_on,
    IF(
      row_number() OVER (PARTITION BY subscription_id ORDER BY first_seen, known_from, msisdn_token) = 1,
      coalesce(activated, first_seen), changed
    ) AS valid_from
  FROM held
),

interval_end AS (
  SELECT
    s.msisdn_token,
    s.subscription_id,
    s.valid_from,
    n.valid_from AS valid_to,
    s.superseded_on,
    greatest(s.known_from, n.known_from) AS known_from
  FROM interval_start AS s
  JOIN interval_start AS n
    ON n.subscription_id = s.subscription_id AND n.msisdn_token <> s.msisdn_token AND n.valid_from >= s.valid_from
      AND n.known_from >= s.known_from
  UNION ALL
  SELECT
    s.msisdn_token,
    s.subscription_id,
    s.valid_from,
    n.valid_from AS valid_to,
    s.superseded_on,
    greatest(s.known_from, n.known_from) AS known_from
  FROM interval_start AS s
  JOIN interval_start AS n
    ON n.msisdn_token = s.msisdn_token AND n.subscription_id <> s.subscription_id
      AND struct(n.valid_from, n.subscription_id) > struct(s.valid_from, s.subscription_id)
),

told AS (
  SELECT
    msisdn_token,
    subscription_id,
    valid_from,
    DATE '9999-12-31' AS valid_to,
    known_from,
    superseded_on
  FROM interval_start
  UNION ALL
  SELECT
    msisdn_token,
    subscription_id,
    valid_from,
    valid_to,
    known_from,
    superseded_on
  FROM interval_end
)

SELECT
  msisdn_token,
  subscription_id,
  valid_from,
  min(valid_to) AS valid_to,
  known_from AS load_date,
  max(superseded_on) AS superseded_on
FROM told
WHERE known_from BETWEEN :first_date AND :last_date
GROUP BY msisdn_token, subscription_id, valid_from, known_from
