-- A month is closed on the 2nd of the next one: records that come later than that do not change its call graph.
WITH met AS (
  SELECT
    product_no_token AS msisdn_token, opposite_no_token AS other_token, DATE_TRUNC('MONTH', start_time) AS month,
    load_date, superseded_on, 'CALL' AS met_by, call_type = 'MT' AS is_incoming
  FROM month_cdr_voice
  WHERE opposite_no_class = 'NATIONAL_MOBILE' AND call_type <> 'FW'
  UNION ALL
  SELECT
    product_no_token AS msisdn_token, opposite_no_token AS other_token, DATE_TRUNC('MONTH', input_time) AS month,
    load_date, superseded_on, 'MESSAGE' AS met_by, cdr_type = '01' AS is_incoming
  FROM month_cdr_sms
  WHERE opposite_no_class = 'NATIONAL_MOBILE'
  UNION ALL
  SELECT
    msisdn_token, other_msisdn_token AS other_token, DATE_TRUNC('MONTH', event_time) AS month, load_date, superseded_on,
    'GIFT' AS met_by, false AS is_incoming
  FROM month_crbt_tone_event
  WHERE action = 'GIFT' AND other_msisdn_token IS NOT NULL
  UNION ALL
  SELECT
    other_msisdn_token AS msisdn_token, msisdn_token AS other_token, DATE_TRUNC('MONTH', event_time) AS month, load_date,
    superseded_on, 'COPY' AS met_by, false AS is_incoming
  FROM month_crbt_tone_event
  WHERE action = 'COPY' AND other_msisdn_token IS NOT NULL
),
edge AS (
  SELECT
    msisdn_token, other_token, CAST(month AS DATE) AS month, DATE_ADD(ADD_MONTHS(CAST(month AS DATE), 1), 1) AS closed_on,
    COUNT_IF(met_by = 'CALL') AS calls, COUNT_IF(met_by = 'MESSAGE') AS messages, COUNT_IF(is_incoming) AS incoming,
    COUNT_IF(met_by = 'GIFT') AS gifts, COUNT_IF(met_by = 'COPY') AS copies
  FROM met
  WHERE DATE_ADD(ADD_MONTHS(CAST(month AS DATE), 1), 1) BETWEEN :first_date AND :last_date
    AND load_date <= DATE_ADD(ADD_MONTHS(CAST(month AS DATE), 1), 1)
    AND superseded_on > DATE_ADD(ADD_MONTHS(CAST(month AS DATE), 1), 1)
  GROUP BY msisdn_token, other_token, CAST(month AS DATE)
),
bound AS (
  SELECT
    COALESCE(holder_at(a.holders, LAST_DAY(e.month), e.closed_on), holder_at(a.holders, e.month, e.closed_on))
      AS subscription_id,
    COALESCE(holder_at(b.holders, LAST_DAY(e.month), e.closed_on), holder_at(b.holders, e.month, e.closed_on))
      AS other_subscription_id,
    e.*
  FROM edge AS e
  JOIN msisdn_holder AS a ON a.msisdn_token = e.msisdn_token
  LEFT JOIN msisdn_holder AS b ON b.msisdn_token = e.other_token
)
SELECT
  subscription_id, other_token, MAX(other_subscription_id) AS other_subscription_id, DATE_FORMAT(month, 'yyyyMM') AS month_id,
  SUM(calls + messages) AS contact_cnt, SUM(calls) AS call_cnt, SUM(messages) AS sms_cnt, SUM(incoming) AS mt_cnt,
  SUM(gifts) AS gift_cnt, SUM(copies) AS copy_cnt, closed_on AS load_date, DATE '9999-12-31' AS superseded_on
FROM bound
WHERE subscription_id IS NOT NULL
GROUP BY subscription_id, other_token, month, closed_on
