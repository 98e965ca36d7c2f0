-- Who held a number when, as each night knew it: the one rule by which records named by a number are bound. A record of a day,
-- loaded by a night, belongs to the one row of its number with valid_from <= day < valid_to and known_from <= night < known_to:
-- the newest holder that had begun by then and had not been ended. No row: nobody held it.
WITH held AS (
  SELECT
    msisdn_token,
    subscription_id,
    valid_from,
    min(valid_to) AS valid_to,
    min(load_date) AS known_from,
    max(superseded_on) AS known_to
  FROM silver.msisdn_assignment
  GROUP BY msisdn_token, subscription_id, valid_from
),

-- Numbers that changed hands or were given up. They are few: all others have one stretch and no ends to look through.
moved AS (
  SELECT msisdn_token
  FROM held
  GROUP BY msisdn_token
  HAVING count(*) > 1 OR min(valid_to) < DATE '9999-12-31'
),

holder AS (
  SELECT
    a.msisdn_token,
    a.subscription_id,
    a.valid_from,
    min(a.load_date) AS known_from,
    max(a.superseded_on) AS known_to,
    collect_list(CASE WHEN a.valid_to < DATE '9999-12-31' THEN struct(a.load_date AS known_from, a.valid_to) END)
      AS ends
  FROM silver.msisdn_assignment AS a
  JOIN moved USING (msisdn_token)
  GROUP BY a.msisdn_token, a.subscription_id, a.valid_from
),

by_number AS (
  SELECT
    msisdn_token,
    reverse(array_sort(collect_list(struct(valid_from, subscription_id, known_from, known_to, ends)))) AS holders
  FROM holder
  GROUP BY msisdn_token
),

-- Between two days, and between two nights, on which something begins or ends, the answer is the same.
bounds AS (
  SELECT
    msisdn_token,
    holders,
    array_sort(array_distinct(concat(holders.valid_from, flatten(holders.ends).valid_to, array(DATE '9999-12-31'))))
      AS days,
    array_sort(array_distinct(concat(holders.known_from, holders.known_to, flatten(holders.ends).known_from))) AS nights
  FROM by_number
),

stretches AS (
  SELECT
    msisdn_token,
    holders,
    valid_from,
    get(days, day_no + 1) AS valid_to,
    known_from,
    get(nights, night_no + 1) AS known_to
  FROM bounds
    LATERAL VIEW posexplode(days) AS day_no, valid_from
    LATERAL VIEW posexplode(nights) AS night_no, known_from
),

settled AS (
  SELECT
    msisdn_token,
    get(filter(
      holders,
      h -> h.valid_from <= s.valid_from AND h.known_from <= s.known_from AND h.known_to > s.known_from
      AND NOT exists(h.ends, e -> e.known_from <= s.known_from AND e.valid_to <= s.valid_from)
    ), 0).subscription_id AS subscription_id,
    valid_from,
    valid_to,
    known_from,
    known_to
  FROM stretches AS s
  WHERE valid_to IS NOT NULL AND known_to IS NOT NULL
)

SELECT
  msisdn_token,
  subscription_id,
  valid_from,
  valid_to,
  known_from,
  known_to
FROM held
LEFT ANTI JOIN moved USING (msisdn_token)
UNION ALL
SELECT
  msisdn_token,
  subscription_id,
  valid_from,
  valid_to,
  known_from,
  known_to
FROM settled
WHERE subscription_id IS NOT NULL
