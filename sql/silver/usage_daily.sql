-- Records are summed by number and day first, then bound to the subscription that held the number on that day;
-- a number without records of one kind that day has nulls there until the sums.
-- Charges come in li (1/1000 yuan) and are rounded half up to fen on the day's sum.
WITH voice AS (
  SELECT
    v.product_no_token AS msisdn_token,
    CAST(v.start_time AS DATE) AS event_date,
    v.load_date,
    v.superseded_on,
    count_if(call_type = 'MO') AS voice_mo_cnt,
    count_if(call_type = 'MT') AS voice_mt_cnt,
    sum(IF(call_type = 'MO', call_duration, 0)) AS voice_mo_seconds,
    sum(IF(call_type = 'MT', call_duration, 0)) AS voice_mt_seconds,
    sum(IF(toll_type IS NULL OR toll_type = '0', 0, call_duration)) AS toll_seconds,
    sum(IF(roam_type IS NULL OR roam_type = '0', 0, call_duration)) AS roam_seconds,
    count_if(call_type = 'MO' AND word_of('OPERATOR', opp_operator) <> 'OWN' AND h.owner IS NULL)
      AS calls_to_competitor_cnt,
    count_if(call_type = 'MO' AND h.owner = 'COMPETITOR') AS hotline_competitor_cnt,
    count_if(call_type = 'MO' AND h.owner = 'OWN') AS hotline_10086_cnt,
    count_if(call_type = 'FW') AS forward_cnt,
    count_if(call_type = 'FW' AND word_of('OPERATOR', opp_operator) <> 'OWN') AS forward_other_network_cnt,
    sum(coalesce(base_call_fee, 0) + coalesce(toll_call_fee, 0) + coalesce(info_fee, 0)) AS voice_fee_li,
    approx_count_distinct(IF(opposite_no_class = 'NATIONAL_MOBILE', opposite_no_token, NULL)) AS partner_cnt
  FROM as_of_cdr_voice AS v
  LEFT JOIN ref_hotline AS h ON h.msisdn_token = v.opposite_no_token
  WHERE v.load_date BETWEEN :first_date AND :last_date
  GROUP BY v.product_no_token, CAST(v.start_time AS DATE), v.load_date, v.superseded_on
),

sms AS (
  SELECT
    product_no_token AS msisdn_token,
    CAST(input_time AS DATE) AS event_date,
    load_date,
    superseded_on,
    count_if(cdr_type = '00' AND coalesce(opposite_no_class, '') <> 'SP_CODE') AS sms_mo_cnt,
    count_if(cdr_type = '01' AND coalesce(opposite_no_class, '') <> 'SP_CODE') AS sms_mt_cnt,
    count_if(opposite_no_class = 'SP_CODE') AS sms_sp_cnt,
    sum(coalesce(comm_fee, 0) + coalesce(info_fee, 0)) AS sms_fee_li
  FROM as_of_cdr_sms
  WHERE load_date BETWEEN :first_date AND :last_date
  GROUP BY product_no_token, CAST(input_time AS DATE), load_date, superseded_on
),

gprs AS (
  SELECT
    product_no_token AS msisdn_token,
    CAST(start_time AS DATE) AS event_date,
    load_date,
    superseded_on,
    count(*) AS gprs_sessions,
    sum(coalesce(up_bytes, 0) + coalesce(down_bytes, 0)) DIV 1024 AS data_volume_kb,
    sum(coalesce(fee, 0)) AS gprs_fee_li
  FROM as_of_cdr_gprs
  WHERE load_date BETWEEN :first_date AND :last_date
  GROUP BY product_no_token, CAST(start_time AS DATE), load_date, superseded_on
),

mms AS (
  SELECT
    product_no_token AS msisdn_token,
    CAST(send_time AS DATE) AS event_date,
    load_date,
    superseded_on,
    count_if(mms_business = '1') AS mms_p2p_cnt,
    count_if(mms_business = '2') AS mms_sp_cnt,
    sum(coalesce(call_fee, 0) + coalesce(info_fee, 0)) AS mms_fee_li
  FROM as_of_mms_event
  WHERE load_date BETWEEN :first_date AND :last_date
  GROUP BY product_no_token, CAST(send_time AS DATE), load_date, superseded_on
),

used AS (
  SELECT *
  FROM voice
  FULL OUTER JOIN sms USING (msisdn_token, event_date, load_date, superseded_on)
  FULL OUTER JOIN gprs USING (msisdn_token, event_date, load_date, superseded_on)
  FULL OUTER JOIN mms USING (msisdn_token, event_date, load_date, superseded_on)
),

bound AS (
  SELECT
    holder_at(h.holders, u.event_date, u.load_date) AS subscription_id,
    u.*
  FROM used AS u
  JOIN work.msisdn_holder AS h ON h.msisdn_token = u.msisdn_token
)

SELECT
  subscription_id,
  event_date,
  coalesce(sum(voice_mo_cnt), 0) AS voice_mo_cnt,
  coalesce(sum(voice_mt_cnt), 0) AS voice_mt_cnt,
  coalesce(sum(voice_mo_seconds), 0) AS voice_mo_seconds,
  coalesce(sum(voice_mt_seconds), 0) AS voice_mt_seconds,
  coalesce(sum(toll_seconds), 0) AS toll_seconds,
  coalesce(sum(roam_seconds), 0) AS roam_seconds,
  coalesce(sum(calls_to_competitor_cnt), 0) AS calls_to_competitor_cnt,
  coalesce(sum(hotline_competitor_cnt), 0) AS hotline_competitor_cnt,
  coalesce(sum(hotline_10086_cnt), 0) AS hotline_10086_cnt,
  coalesce(sum(forward_cnt), 0) AS forward_cnt,
  coalesce(sum(forward_other_network_cnt), 0) AS forward_other_network_cnt,
  (coalesce(sum(voice_fee_li), 0) + 5) DIV 10 AS voice_fee_fen,
  coalesce(sum(sms_mo_cnt), 0) AS sms_mo_cnt,
  coalesce(sum(sms_mt_cnt), 0) AS sms_mt_cnt,
  coalesce(sum(sms_sp_cnt), 0) AS sms_sp_cnt,
  (coalesce(sum(sms_fee_li), 0) + 5) DIV 10 AS sms_fee_fen,
  coalesce(sum(gprs_sessions), 0) AS gprs_sessions,
  coalesce(sum(data_volume_kb), 0) AS data_volume_kb,
  (coalesce(sum(gprs_fee_li), 0) + 5) DIV 10 AS gprs_fee_fen,
  coalesce(sum(mms_p2p_cnt), 0) AS mms_p2p_cnt,
  coalesce(sum(mms_sp_cnt), 0) AS mms_sp_cnt,
  (coalesce(sum(mms_fee_li), 0) + 5) DIV 10 AS mms_fee_fen,
  coalesce(sum(partner_cnt), 0) AS partner_cnt,
  load_date,
  superseded_on
FROM bound
WHERE subscription_id IS NOT NULL
GROUP BY subscription_id, event_date, load_date, superseded_on
