-- Who held a number when, one row a number, newest holder first: what holder_at(holders, day, known) asks (jobs/rules/holders.py).
WITH held AS (
  SELECT
    msisdn_token,
    subscription_id,
    valid_from,
    min(load_date) AS known_from,
    max(superseded_on) AS superseded_on,
    array_sort(
      collect_list(
        CASE WHEN valid_to < DATE '9999-12-31' THEN STRUCT(load_date AS known_from, valid_to) END
      )
    ) AS ends
  FROM silver.msisdn_assignment
  GROUP BY msisdn_token, subscription_id, valid_from
)

SELECT
  msisdn_token,
  reverse(
    array_sort(collect_list(struct(valid_from, subscription_id, known_from, superseded_on, ends)))
  ) AS holders
FROM held
GROUP BY msisdn_token
