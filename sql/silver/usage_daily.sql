-- Records are summed by number and day first, then bound to the subscription that held the number on that day.
-- Charges come in li (1/1000 yuan) and are rounded half up to fen on the day's sum.
WITH voice AS (
  SELECT
    v.product_no_token AS msisdn_token, CAST(v.start_time AS DATE) AS event_date, v.load_date, v.superseded_on,
    COUNT_IF(call_type = 'MO') AS voice_mo_cnt,
    COUNT_IF(call_type = 'MT') AS voice_mt_cnt,
    SUM(IF(call_type = 'MO', call_duration, 0)) AS voice_mo_seconds,
    SUM(IF(call_type = 'MT', call_duration, 0)) AS voice_mt_seconds,
    SUM(IF(toll_type IS NULL OR toll_type = '0', 0, call_duration)) AS toll_seconds,
    SUM(IF(roam_type IS NULL OR roam_type = '0', 0, call_duration)) AS roam_seconds,
    COUNT_IF(call_type = 'MO' AND word_of('OPERATOR', opp_operator) <> 'OWN' AND h.owner IS NULL) AS calls_to_competitor_cnt,
    COUNT_IF(call_type = 'MO' AND h.owner = 'COMPETITOR') AS hotline_competitor_cnt,
    COUNT_IF(call_type = 'MO' AND h.owner = 'OWN') AS hotline_10086_cnt,
    COUNT_IF(call_type = 'FW') AS forward_cnt,
    COUNT_IF(call_type = 'FW' AND word_of('OPERATOR', opp_operator) <> 'OWN') AS forward_other_network_cnt,
    SUM(COALESCE(base_call_fee, 0) + COALESCE(toll_call_fee, 0) + COALESCE(info_fee, 0)) AS voice_fee_li,
    APPROX_COUNT_DISTINCT(IF(opposite_no_class = 'NATIONAL_MOBILE', opposite_no_token, NULL)) AS partner_cnt
  FROM asof_cdr_voice AS v
  LEFT JOIN ref_hotline AS h ON h.msisdn_token = v.opposite_no_token
  WHERE v.load_date BETWEEN :first_date AND :last_date
  GROUP BY v.product_no_token, CAST(v.start_time AS DATE), v.load_date, v.superseded_on
),
sms AS (
  SELECT
    product_no_token AS msisdn_token, CAST(input_time AS DATE) AS event_date, load_date, superseded_on,
    COUNT_IF(cdr_type = '00' AND COALESCE(opposite_no_class, '') <> 'SP_CODE') AS sms_mo_cnt,
    COUNT_IF(cdr_type = '01' AND COALESCE(opposite_no_class, '') <> 'SP_CODE') AS sms_mt_cnt,
    COUNT_IF(opposite_no_class = 'SP_CODE') AS sms_sp_cnt,
    SUM(COALESCE(comm_fee, 0) + COALESCE(info_fee, 0)) AS sms_fee_li
  FROM asof_cdr_sms
  WHERE load_date BETWEEN :first_date AND :last_date
  GROUP BY product_no_token, CAST(input_time AS DATE), load_date, superseded_on
),
gprs AS (
  SELECT
    product_no_token AS msisdn_token, CAST(start_time AS DATE) AS event_date, load_date, superseded_on,
    COUNT(*) AS gprs_sessions, SUM(COALESCE(up_bytes, 0) + COALESCE(down_bytes, 0)) DIV 1024 AS data_volume_kb,
    SUM(COALESCE(fee, 0)) AS gprs_fee_li
  FROM asof_cdr_gprs
  WHERE load_date BETWEEN :first_date AND :last_date
  GROUP BY product_no_token, CAST(start_time AS DATE), load_date, superseded_on
),
mms AS (
  SELECT
    product_no_token AS msisdn_token, CAST(send_time AS DATE) AS event_date, load_date, superseded_on,
    COUNT_IF(mms_business = '1') AS mms_p2p_cnt, COUNT_IF(mms_business = '2') AS mms_sp_cnt,
    SUM(COALESCE(call_fee, 0) + COALESCE(info_fee, 0)) AS mms_fee_li
  FROM asof_mms_event
  WHERE load_date BETWEEN :first_date AND :last_date
  GROUP BY product_no_token, CAST(send_time AS DATE), load_date, superseded_on
),
used AS (
  SELECT
    msisdn_token, event_date, load_date, superseded_on, voice_mo_cnt, voice_mt_cnt, voice_mo_seconds, voice_mt_seconds,
    toll_seconds, roam_seconds, calls_to_competitor_cnt, hotline_competitor_cnt, hotline_10086_cnt, forward_cnt,
    forward_other_network_cnt, voice_fee_li, partner_cnt, 0 AS sms_mo_cnt, 0 AS sms_mt_cnt, 0 AS sms_sp_cnt, 0 AS sms_fee_li,
    0 AS gprs_sessions,
    0 AS data_volume_kb, 0 AS gprs_fee_li, 0 AS mms_p2p_cnt, 0 AS mms_sp_cnt, 0 AS mms_fee_li
  FROM voice
  UNION ALL
  SELECT
    msisdn_token, event_date, load_date, superseded_on, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    sms_mo_cnt, sms_mt_cnt, sms_sp_cnt, sms_fee_li, 0, 0, 0, 0, 0, 0
  FROM sms
  UNION ALL
  SELECT
    msisdn_token, event_date, load_date, superseded_on, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    gprs_sessions, data_volume_kb, gprs_fee_li, 0, 0, 0
  FROM gprs
  UNION ALL
  SELECT
    msisdn_token, event_date, load_date, superseded_on, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    mms_p2p_cnt, mms_sp_cnt, mms_fee_li
  FROM mms
),
bound AS (
  SELECT holder_at(h.holders, u.event_date, u.load_date) AS subscription_id, u.*
  FROM used AS u
  JOIN work.msisdn_holder AS h ON h.msisdn_token = u.msisdn_token
)
SELECT
  subscription_id, event_date,
  SUM(voice_mo_cnt) AS voice_mo_cnt, SUM(voice_mt_cnt) AS voice_mt_cnt, SUM(voice_mo_seconds) AS voice_mo_seconds,
  SUM(voice_mt_seconds) AS voice_mt_seconds, SUM(toll_seconds) AS toll_seconds, SUM(roam_seconds) AS roam_seconds,
  SUM(calls_to_competitor_cnt) AS calls_to_competitor_cnt, SUM(hotline_competitor_cnt) AS hotline_competitor_cnt,
  SUM(hotline_10086_cnt) AS hotline_10086_cnt, SUM(forward_cnt) AS forward_cnt,
  SUM(forward_other_network_cnt) AS forward_other_network_cnt,
  (SUM(voice_fee_li) + 5) DIV 10 AS voice_fee_fen, SUM(sms_mo_cnt) AS sms_mo_cnt, SUM(sms_mt_cnt) AS sms_mt_cnt,
  SUM(sms_sp_cnt) AS sms_sp_cnt, (SUM(sms_fee_li) + 5) DIV 10 AS sms_fee_fen, SUM(gprs_sessions) AS gprs_sessions,
  SUM(data_volume_kb) AS data_volume_kb, (SUM(gprs_fee_li) + 5) DIV 10 AS gprs_fee_fen,
  SUM(mms_p2p_cnt) AS mms_p2p_cnt, SUM(mms_sp_cnt) AS mms_sp_cnt, (SUM(mms_fee_li) + 5) DIV 10 AS mms_fee_fen,
  SUM(partner_cnt) AS partner_cnt, load_date, superseded_on
FROM bound
WHERE subscription_id IS NOT NULL
GROUP BY subscription_id, event_date, load_date, superseded_on
