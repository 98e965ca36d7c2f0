-- Closed with the call graph, on the 2nd of the next month. Where a call was made is roam_locn; city_id is the number's home.
WITH called AS (
  SELECT
    product_no_token AS msisdn_token,
    coalesce(roam_locn, city_id) AS area_code,
    CAST(date_trunc('MONTH', start_time) AS DATE) AS month,
    date_add(add_months(CAST(date_trunc('MONTH', start_time) AS DATE), 1), 1) AS closed_on,
    load_date,
    superseded_on
  FROM month_cdr_voice
  WHERE coalesce(roam_locn, city_id) IS NOT NULL
),

summed AS (
  SELECT
    msisdn_token,
    area_code,
    month,
    closed_on,
    count(*) AS calls
  FROM called
  WHERE closed_on BETWEEN :first_date AND :last_date AND load_date <= closed_on AND superseded_on > closed_on
  GROUP BY msisdn_token, area_code, month, closed_on
),

bound AS (
  SELECT
    coalesce(holder_at(h.holders, last_day(s.month), s.closed_on), holder_at(h.holders, s.month, s.closed_on))
      AS subscription_id,
    s.*
  FROM summed AS s
  JOIN work.msisdn_holder AS h ON h.msisdn_token = s.msisdn_token
)

SELECT
  subscription_id,
  date_format(month, 'yyyyMM') AS month_id,
  area_code,
  sum(calls) AS call_cnt,
  closed_on AS load_date,
  DATE '9999-12-31' AS superseded_on
FROM bound
WHERE subscription_id IS NOT NULL
GROUP BY subscription_id, month, area_code, closed_on
