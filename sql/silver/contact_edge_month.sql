-- A month is closed on the 2nd of the next one: records that come later than that do not change its call graph.
-- A number belongs to who held it when the month ended, else to who held it when the month began.
WITH met AS (
  SELECT
    product_no_token AS msisdn_token,
    opposite_no_token AS other_token,
    trunc(CAST(start_time AS DATE), 'MM') AS month,
    load_date,
    superseded_on,
    1 AS calls,
    0 AS messages,
    IF(call_type = 'MT', 1, 0) AS incoming,
    0 AS gifts,
    0 AS copies
  FROM month_cdr_voice
  WHERE opposite_no_class = 'NATIONAL_MOBILE' AND call_type <> 'FW'
  UNION ALL
  SELECT
    product_no_token AS msisdn_token,
    opposite_no_token AS other_token,
    trunc(CAST(input_time AS DATE), 'MM') AS month,
    load_date,
    superseded_on,
    0 AS calls,
    1 AS messages,
    IF(cdr_type = '01', 1, 0) AS incoming,
    0 AS gifts,
    0 AS copies
  FROM month_cdr_sms
  WHERE opposite_no_class = 'NATIONAL_MOBILE'
  UNION ALL
  SELECT
    msisdn_token,
    other_msisdn_token AS other_token,
    trunc(CAST(event_time AS DATE), 'MM') AS month,
    load_date,
    superseded_on,
    0 AS calls,
    0 AS messages,
    0 AS incoming,
    1 AS gifts,
    0 AS copies
  FROM month_crbt_tone_event
  WHERE action = 'GIFT' AND other_msisdn_token IS NOT NULL
  UNION ALL
  SELECT
    other_msisdn_token AS msisdn_token,
    msisdn_token AS other_token,
    trunc(CAST(event_time AS DATE), 'MM') AS month,
    load_date,
    superseded_on,
    0 AS calls,
    0 AS messages,
    0 AS incoming,
    0 AS gifts,
    1 AS copies
  FROM month_crbt_tone_event
  WHERE action = 'COPY' AND other_msisdn_token IS NOT NULL
),

closed AS (
  SELECT
    *,
    date_add(add_months(month, 1), 1) AS closed_on
  FROM met
),

edge AS (
  SELECT
    msisdn_token,
    other_token,
    month,
    closed_on,
    sum(calls) AS calls,
    sum(messages) AS messages,
    sum(incoming) AS incoming,
    sum(gifts) AS gifts,
    sum(copies) AS copies
  FROM closed
  WHERE closed_on BETWEEN :first_date AND :last_date AND load_date <= closed_on AND superseded_on > closed_on
  GROUP BY msisdn_token, other_token, month, closed_on
),

bound AS (
  SELECT
    coalesce(a.subscription_id, a1.subscription_id) AS subscription_id,
    coalesce(b.subscription_id, b1.subscription_id) AS other_subscription_id,
    e.*
  FROM edge AS e
  LEFT JOIN work.msisdn_holder AS a
    ON a.msisdn_token = e.msisdn_token AND a.valid_from <= last_day(e.month) AND a.valid_to > last_day(e.month)
      AND a.known_from <= e.closed_on AND a.known_to > e.closed_on
  LEFT JOIN work.msisdn_holder AS a1
    ON a1.msisdn_token = e.msisdn_token AND a1.valid_from <= e.month AND a1.valid_to > e.month
      AND a1.known_from <= e.closed_on AND a1.known_to > e.closed_on
  LEFT JOIN work.msisdn_holder AS b
    ON b.msisdn_token = e.other_token AND b.valid_from <= last_day(e.month) AND b.valid_to > last_day(e.month)
      AND b.known_from <= e.closed_on AND b.known_to > e.closed_on
  LEFT JOIN work.msisdn_holder AS b1
    ON b1.msisdn_token = e.other_token AND b1.valid_from <= e.month AND b1.valid_to > e.month
      AND b1.known_from <= e.closed_on AND b1.known_to > e.closed_on
)

-- The other's subscription follows from its number and the month, so it makes no group of its own.
SELECT
  subscription_id,
  other_token,
  other_subscription_id,
  date_format(month, 'yyyyMM') AS month_id,
  sum(calls + messages) AS contact_cnt,
  sum(calls) AS call_cnt,
  sum(messages) AS sms_cnt,
  sum(incoming) AS mt_cnt,
  sum(gifts) AS gift_cnt,
  sum(copies) AS copy_cnt,
  closed_on AS load_date,
  DATE '9999-12-31' AS superseded_on
FROM bound
WHERE subscription_id IS NOT NULL
GROUP BY subscription_id, other_token, other_subscription_id, month, closed_on
