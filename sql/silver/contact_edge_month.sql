-- A month is closed on the 2nd of the next one: records that come later than that do not change its call graph.
WITH met AS (
  SELECT
    product_no_token AS msisdn_token,
    opposite_no_token AS other_token,
    date_trunc('MONTH', start_time) AS month,
    load_date,
    superseded_on,
    'CALL' AS meeting,
    call_type = 'MT' AS is_incoming
  FROM month_cdr_voice
  WHERE opposite_no_class = 'NATIONAL_MOBILE' AND call_type <> 'FW'
  UNION ALL
  SELECT
    product_no_token AS msisdn_token,
    opposite_no_token AS other_token,
    date_trunc('MONTH', input_time) AS month,
    load_date,
    superseded_on,
    'MESSAGE' AS meeting,
    cdr_type = '01' AS is_incoming
  FROM month_cdr_sms
  WHERE opposite_no_class = 'NATIONAL_MOBILE'
  UNION ALL
  SELECT
    msisdn_token,
    other_msisdn_token AS other_token,
    date_trunc('MONTH', event_time) AS month,
    load_date,
    superseded_on,
    'GIFT' AS meeting,
    FALSE AS is_incoming
  FROM month_crbt_tone_event
  WHERE action = 'GIFT' AND other_msisdn_token IS NOT NULL
  UNION ALL
  SELECT
    other_msisdn_token AS msisdn_token,
    msisdn_token AS other_token,
    date_trunc('MONTH', event_time) AS month,
    load_date,
    superseded_on,
    'COPY' AS meeting,
    FALSE AS is_incoming
  FROM month_crbt_tone_event
  WHERE action = 'COPY' AND other_msisdn_token IS NOT NULL
),

edge AS (
  SELECT
    msisdn_token,
    other_token,
    CAST(month AS DATE) AS month,
    date_add(add_months(CAST(month AS DATE), 1), 1) AS closed_on,
    count_if(meeting = 'CALL') AS calls,
    count_if(meeting = 'MESSAGE') AS messages,
    count_if(is_incoming) AS incoming,
    count_if(meeting = 'GIFT') AS gifts,
    count_if(meeting = 'COPY') AS copies
  FROM met
  WHERE date_add(add_months(CAST(month AS DATE), 1), 1) BETWEEN :first_date AND :last_date
    AND load_date <= date_add(add_months(CAST(month AS DATE), 1), 1)
    AND superseded_on > date_add(add_months(CAST(month AS DATE), 1), 1)
  GROUP BY msisdn_token, other_token, CAST(month AS DATE)
),

bound AS (
  SELECT
    coalesce(holder_at(a.holders, last_day(e.month), e.closed_on), holder_at(a.holders, e.month, e.closed_on))
      AS subscription_id,
    coalesce(holder_at(b.holders, last_day(e.month), e.closed_on), holder_at(b.holders, e.month, e.closed_on))
      AS other_subscription_id,
    e.*
  FROM edge AS e
  JOIN work.msisdn_holder AS a ON a.msisdn_token = e.msisdn_token
  LEFT JOIN work.msisdn_holder AS b ON b.msisdn_token = e.other_token
)

SELECT
  subscription_id,
  other_token,
  max(other_subscription_id) AS other_subscription_id,
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
GROUP BY subscription_id, other_token, month, closed_on
