-- Closed with the call graph, on the 2nd of the next month. Where a call was made is roam_locn; city_id is the number's home.
WITH called AS (
  SELECT
    product_no_token AS msisdn_token,
    coalesce(roam_locn, city_id) AS area_code,
    trunc(CAST(start_time AS DATE), 'MM') AS month,
    load_date,
    superseded_on
  FROM month_cdr_voice
  WHERE coalesce(roam_locn, city_id) IS NOT NULL
),

closed AS (
  SELECT
    *,
    date_add(add_months(month, 1), 1) AS closed_on
  FROM called
),

summed AS (
  SELECT
    msisdn_token,
    area_code,
    month,
    closed_on,
    count(*) AS calls
  FROM closed
  WHERE closed_on BETWEEN :first_date AND :last_date AND load_date <= closed_on AND superseded_on > closed_on
  GROUP BY msisdn_token, area_code, month, closed_on
),

bound AS (
  SELECT
    coalesce(h.subscription_id, f.subscription_id) AS subscription_id,
    s.*
  FROM summed AS s
  LEFT JOIN work.msisdn_holder AS h
    ON h.msisdn_token = s.msisdn_token AND h.valid_from <= last_day(s.month) AND h.valid_to > last_day(s.month)
      AND h.known_from <= s.closed_on AND h.known_to > s.closed_on
  LEFT JOIN work.msisdn_holder AS f
    ON f.msisdn_token = s.msisdn_token AND f.valid_from <= s.month AND f.valid_to > s.month
      AND f.known_from <= s.closed_on AND f.known_to > s.closed_on
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
