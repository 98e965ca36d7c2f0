-- Each record in the measures it adds to, bound to the subscription that held its number on that day, then summed once.
-- Charges come in li (1/1000 yuan) and are rounded half up to fen on the day's sum.
WITH used AS (
  SELECT
    v.product_no_token AS msisdn_token,
    CAST(v.start_time AS DATE) AS event_date,
    v.load_date,
    v.superseded_on,
    IF(v.call_type = 'MO', 1, 0) AS voice_mo_cnt,
    IF(v.call_type = 'MT', 1, 0) AS voice_mt_cnt,
    IF(v.call_type = 'MO', v.call_duration, 0) AS voice_mo_seconds,
    IF(v.call_type = 'MT', v.call_duration, 0) AS voice_mt_seconds,
    IF(coalesce(v.toll_type, '0') = '0', 0, v.call_duration) AS toll_seconds,
    IF(coalesce(v.roam_type, '0') = '0', 0, v.call_duration) AS roam_seconds,
    IF(v.call_type = 'MO' AND word_of('OPERATOR', v.opp_operator) <> 'OWN' AND l.owner IS NULL, 1, 0)
      AS calls_to_competitor_cnt,
    IF(v.call_type = 'MO' AND l.owner = 'COMPETITOR', 1, 0) AS hotline_competitor_cnt,
    IF(v.call_type = 'MO' AND l.owner = 'OWN', 1, 0) AS hotline_10086_cnt,
    IF(v.call_type = 'FW', 1, 0) AS forward_cnt,
    IF(v.call_type = 'FW' AND word_of('OPERATOR', v.opp_operator) <> 'OWN', 1, 0) AS forward_other_network_cnt,
    coalesce(v.base_call_fee, 0) + coalesce(v.toll_call_fee, 0) + coalesce(v.info_fee, 0) AS voice_fee_li,
    0 AS sms_mo_cnt,
    0 AS sms_mt_cnt,
    0 AS sms_sp_cnt,
    0 AS sms_fee_li,
    0 AS gprs_sessions,
    0 AS data_bytes,
    0 AS gprs_fee_li,
    0 AS mms_p2p_cnt,
    0 AS mms_sp_cnt,
    0 AS mms_fee_li
  FROM as_of_cdr_voice AS v
  LEFT JOIN ref_hotline AS l ON l.msisdn_token = v.opposite_no_token
  WHERE v.load_date BETWEEN :first_date AND :last_date
  UNION ALL
  SELECT
    product_no_token AS msisdn_token,
    CAST(input_time AS DATE) AS event_date,
    load_date,
    superseded_on,
    0 AS voice_mo_cnt,
    0 AS voice_mt_cnt,
    0 AS voice_mo_seconds,
    0 AS voice_mt_seconds,
    0 AS toll_seconds,
    0 AS roam_seconds,
    0 AS calls_to_competitor_cnt,
    0 AS hotline_competitor_cnt,
    0 AS hotline_10086_cnt,
    0 AS forward_cnt,
    0 AS forward_other_network_cnt,
    0 AS voice_fee_li,
    IF(cdr_type = '00' AND coalesce(opposite_no_class, '') <> 'SP_CODE', 1, 0) AS sms_mo_cnt,
    IF(cdr_type = '01' AND coalesce(opposite_no_class, '') <> 'SP_CODE', 1, 0) AS sms_mt_cnt,
    IF(opposite_no_class = 'SP_CODE', 1, 0) AS sms_sp_cnt,
    coalesce(comm_fee, 0) + coalesce(info_fee, 0) AS sms_fee_li,
    0 AS gprs_sessions,
    0 AS data_bytes,
    0 AS gprs_fee_li,
    0 AS mms_p2p_cnt,
    0 AS mms_sp_cnt,
    0 AS mms_fee_li
  FROM as_of_cdr_sms
  WHERE load_date BETWEEN :first_date AND :last_date
  UNION ALL
  SELECT
    product_no_token AS msisdn_token,
    CAST(start_time AS DATE) AS event_date,
    load_date,
    superseded_on,
    0 AS voice_mo_cnt,
    0 AS voice_mt_cnt,
    0 AS voice_mo_seconds,
    0 AS voice_mt_seconds,
    0 AS toll_seconds,
    0 AS roam_seconds,
    0 AS calls_to_competitor_cnt,
    0 AS hotline_competitor_cnt,
    0 AS hotline_10086_cnt,
    0 AS forward_cnt,
    0 AS forward_other_network_cnt,
    0 AS voice_fee_li,
    0 AS sms_mo_cnt,
    0 AS sms_mt_cnt,
    0 AS sms_sp_cnt,
    0 AS sms_fee_li,
    1 AS gprs_sessions,
    coalesce(up_bytes, 0) + coalesce(down_bytes, 0) AS data_bytes,
    coalesce(fee, 0) AS gprs_fee_li,
    0 AS mms_p2p_cnt,
    0 AS mms_sp_cnt,
    0 AS mms_fee_li
  FROM as_of_cdr_gprs
  WHERE load_date BETWEEN :first_date AND :last_date
  UNION ALL
  SELECT
    product_no_token AS msisdn_token,
    CAST(send_time AS DATE) AS event_date,
    load_date,
    superseded_on,
    0 AS voice_mo_cnt,
    0 AS voice_mt_cnt,
    0 AS voice_mo_seconds,
    0 AS voice_mt_seconds,
    0 AS toll_seconds,
    0 AS roam_seconds,
    0 AS calls_to_competitor_cnt,
    0 AS hotline_competitor_cnt,
    0 AS hotline_10086_cnt,
    0 AS forward_cnt,
    0 AS forward_other_network_cnt,
    0 AS voice_fee_li,
    0 AS sms_mo_cnt,
    0 AS sms_mt_cnt,
    0 AS sms_sp_cnt,
    0 AS sms_fee_li,
    0 AS gprs_sessions,
    0 AS data_bytes,
    0 AS gprs_fee_li,
    IF(mms_business = '1', 1, 0) AS mms_p2p_cnt,
    IF(mms_business = '2', 1, 0) AS mms_sp_cnt,
    coalesce(call_fee, 0) + coalesce(info_fee, 0) AS mms_fee_li
  FROM as_of_mms_event
  WHERE load_date BETWEEN :first_date AND :last_date
)

SELECT
  h.subscription_id,
  u.event_date,
  sum(u.voice_mo_cnt) AS voice_mo_cnt,
  sum(u.voice_mt_cnt) AS voice_mt_cnt,
  coalesce(sum(u.voice_mo_seconds), 0) AS voice_mo_seconds,
  coalesce(sum(u.voice_mt_seconds), 0) AS voice_mt_seconds,
  coalesce(sum(u.toll_seconds), 0) AS toll_seconds,
  coalesce(sum(u.roam_seconds), 0) AS roam_seconds,
  sum(u.calls_to_competitor_cnt) AS calls_to_competitor_cnt,
  sum(u.hotline_competitor_cnt) AS hotline_competitor_cnt,
  sum(u.hotline_10086_cnt) AS hotline_10086_cnt,
  sum(u.forward_cnt) AS forward_cnt,
  sum(u.forward_other_network_cnt) AS forward_other_network_cnt,
  (sum(u.voice_fee_li) + 5) DIV 10 AS voice_fee_fen,
  sum(u.sms_mo_cnt) AS sms_mo_cnt,
  sum(u.sms_mt_cnt) AS sms_mt_cnt,
  sum(u.sms_sp_cnt) AS sms_sp_cnt,
  (sum(u.sms_fee_li) + 5) DIV 10 AS sms_fee_fen,
  sum(u.gprs_sessions) AS gprs_sessions,
  sum(u.data_bytes) DIV 1024 AS data_volume_kb,
  (sum(u.gprs_fee_li) + 5) DIV 10 AS gprs_fee_fen,
  sum(u.mms_p2p_cnt) AS mms_p2p_cnt,
  sum(u.mms_sp_cnt) AS mms_sp_cnt,
  (sum(u.mms_fee_li) + 5) DIV 10 AS mms_fee_fen,
  u.load_date,
  u.superseded_on
FROM used AS u
JOIN work.msisdn_holder AS h
  ON h.msisdn_token = u.msisdn_token AND h.valid_from <= u.event_date AND h.valid_to > u.event_date
    AND h.known_from <= u.load_date AND h.known_to > u.load_date
GROUP BY h.subscription_id, u.event_date, u.load_date, u.superseded_on
