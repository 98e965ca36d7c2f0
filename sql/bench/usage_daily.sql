-- The same rows by DuckDB, for `closedloop bench usage`: records that stand, summed by number and day, bound, summed by subscription.
-- Views of DuckDB: bronze, silver and ops by their Parquet files; resend, own_operator and hotline as the settings have them.
WITH replaced AS (
  SELECT
    b.feed,
    b.data_date,
    b.resend_no,
    min(r.load_date) AS superseded_on
  FROM delivery AS b
  JOIN delivery AS r ON r.feed = b.feed AND r.data_date = b.data_date AND r.resend_no > b.resend_no
  GROUP BY b.feed, b.data_date, b.resend_no
),

copied AS (
  SELECT
    d.feed,
    d.file_id,
    d.line_number,
    max(coalesce(r.superseded_on, DATE '9999-12-31')) AS stands_from
  FROM ops.duplicate_row AS d
  LEFT JOIN replaced AS r
    ON r.feed = d.feed AND r.data_date = d.earlier_data_date AND r.resend_no = d.earlier_resend_no
  WHERE d.load_date BETWEEN :first_date AND :last_date
  GROUP BY d.feed, d.file_id, d.line_number
),

voice AS (
  SELECT
    b.product_no_token,
    b.start_time,
    b.call_type,
    b.call_duration,
    b.toll_type,
    b.roam_type,
    b.opp_operator,
    b.opposite_no_token,
    b.base_call_fee,
    b.toll_call_fee,
    b.info_fee,
    greatest(b.load_date, coalesce(c.stands_from, b.load_date)) AS load_date,
    coalesce(r.superseded_on, DATE '9999-12-31') AS superseded_on
  FROM bronze.cdr_voice AS b
  LEFT JOIN replaced AS r ON r.feed = 'cdr_voice' AND r.data_date = b.data_date AND r.resend_no = b.resend_no
  LEFT JOIN copied AS c ON c.feed = 'cdr_voice' AND c.file_id = b.file_id AND c.line_number = b.line_number
  WHERE b.load_date BETWEEN :first_date AND :last_date
    AND coalesce(r.superseded_on, DATE '9999-12-31') > greatest(b.load_date, coalesce(c.stands_from, b.load_date))
),

sms AS (
  SELECT
    b.product_no_token,
    b.input_time,
    b.cdr_type,
    b.opposite_no_class,
    b.comm_fee,
    b.info_fee,
    greatest(b.load_date, coalesce(c.stands_from, b.load_date)) AS load_date,
    coalesce(r.superseded_on, DATE '9999-12-31') AS superseded_on
  FROM bronze.cdr_sms AS b
  LEFT JOIN replaced AS r ON r.feed = 'cdr_sms' AND r.data_date = b.data_date AND r.resend_no = b.resend_no
  LEFT JOIN copied AS c ON c.feed = 'cdr_sms' AND c.file_id = b.file_id AND c.line_number = b.line_number
  WHERE b.load_date BETWEEN :first_date AND :last_date
    AND coalesce(r.superseded_on, DATE '9999-12-31') > greatest(b.load_date, coalesce(c.stands_from, b.load_date))
),

gprs AS (
  SELECT
    b.product_no_token,
    b.start_time,
    b.up_bytes,
    b.down_bytes,
    b.fee,
    greatest(b.load_date, coalesce(c.stands_from, b.load_date)) AS load_date,
    coalesce(r.superseded_on, DATE '9999-12-31') AS superseded_on
  FROM bronze.cdr_gprs AS b
  LEFT JOIN replaced AS r ON r.feed = 'cdr_gprs' AND r.data_date = b.data_date AND r.resend_no = b.resend_no
  LEFT JOIN copied AS c ON c.feed = 'cdr_gprs' AND c.file_id = b.file_id AND c.line_number = b.line_number
  WHERE b.load_date BETWEEN :first_date AND :last_date
    AND coalesce(r.superseded_on, DATE '9999-12-31') > greatest(b.load_date, coalesce(c.stands_from, b.load_date))
),

mms AS (
  SELECT
    b.product_no_token,
    b.send_time,
    b.mms_business,
    b.call_fee,
    b.info_fee,
    greatest(b.load_date, coalesce(c.stands_from, b.load_date)) AS load_date,
    coalesce(r.superseded_on, DATE '9999-12-31') AS superseded_on
  FROM bronze.mms_event AS b
  LEFT JOIN replaced AS r ON r.feed = 'mms_event' AND r.data_date = b.data_date AND r.resend_no = b.resend_no
  LEFT JOIN copied AS c ON c.feed = 'mms_event' AND c.file_id = b.file_id AND c.line_number = b.line_number
  WHERE b.load_date BETWEEN :first_date AND :last_date
    AND coalesce(r.superseded_on, DATE '9999-12-31') > greatest(b.load_date, coalesce(c.stands_from, b.load_date))
  QUALIFY row_number() OVER (
      PARTITION BY greatest(b.load_date, coalesce(c.stands_from, b.load_date)), b.mm_seq, b.recv_addr_token
      ORDER BY b.data_date DESC, b.resend_no DESC, b.loaded_at DESC, b.file_id DESC, b.line_number DESC
    ) = 1
),

used AS (
  SELECT
    s.product_no_token AS msisdn_token,
    CAST(s.start_time AS DATE) AS event_date,
    s.load_date,
    s.superseded_on,
    count(*) FILTER (WHERE s.call_type = 'MO') AS voice_mo_cnt,
    count(*) FILTER (WHERE s.call_type = 'MT') AS voice_mt_cnt,
    sum(s.call_duration) FILTER (WHERE s.call_type = 'MO') AS voice_mo_seconds,
    sum(s.call_duration) FILTER (WHERE s.call_type = 'MT') AS voice_mt_seconds,
    sum(s.call_duration) FILTER (WHERE s.toll_type <> '0') AS toll_seconds,
    sum(s.call_duration) FILTER (WHERE s.roam_type <> '0') AS roam_seconds,
    count(*) FILTER (WHERE s.call_type = 'MO' AND o.code IS NULL AND s.opp_operator IS NOT NULL AND l.owner IS NULL)
      AS calls_to_competitor_cnt,
    count(*) FILTER (WHERE s.call_type = 'MO' AND l.owner = 'COMPETITOR') AS hotline_competitor_cnt,
    count(*) FILTER (WHERE s.call_type = 'MO' AND l.owner = 'OWN') AS hotline_10086_cnt,
    count(*) FILTER (WHERE s.call_type = 'FW') AS forward_cnt,
    count(*) FILTER (WHERE s.call_type = 'FW' AND o.code IS NULL AND s.opp_operator IS NOT NULL)
      AS forward_other_network_cnt,
    sum(coalesce(s.base_call_fee, 0) + coalesce(s.toll_call_fee, 0) + coalesce(s.info_fee, 0)) AS voice_fee_li,
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
  FROM voice AS s
  LEFT JOIN own_operator AS o ON o.code = s.opp_operator
  LEFT JOIN hotline AS l ON l.msisdn_token = s.opposite_no_token
  GROUP BY s.product_no_token, CAST(s.start_time AS DATE), s.load_date, s.superseded_on
  UNION ALL
  SELECT
    s.product_no_token AS msisdn_token,
    CAST(s.input_time AS DATE) AS event_date,
    s.load_date,
    s.superseded_on,
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
    count(*) FILTER (WHERE s.cdr_type = '00' AND coalesce(s.opposite_no_class, '') <> 'SP_CODE') AS sms_mo_cnt,
    count(*) FILTER (WHERE s.cdr_type = '01' AND coalesce(s.opposite_no_class, '') <> 'SP_CODE') AS sms_mt_cnt,
    count(*) FILTER (WHERE s.opposite_no_class = 'SP_CODE') AS sms_sp_cnt,
    sum(coalesce(s.comm_fee, 0) + coalesce(s.info_fee, 0)) AS sms_fee_li,
    0 AS gprs_sessions,
    0 AS data_bytes,
    0 AS gprs_fee_li,
    0 AS mms_p2p_cnt,
    0 AS mms_sp_cnt,
    0 AS mms_fee_li
  FROM sms AS s
  GROUP BY s.product_no_token, CAST(s.input_time AS DATE), s.load_date, s.superseded_on
  UNION ALL
  SELECT
    s.product_no_token AS msisdn_token,
    CAST(s.start_time AS DATE) AS event_date,
    s.load_date,
    s.superseded_on,
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
    count(*) AS gprs_sessions,
    sum(coalesce(s.up_bytes, 0) + coalesce(s.down_bytes, 0)) AS data_bytes,
    sum(coalesce(s.fee, 0)) AS gprs_fee_li,
    0 AS mms_p2p_cnt,
    0 AS mms_sp_cnt,
    0 AS mms_fee_li
  FROM gprs AS s
  GROUP BY s.product_no_token, CAST(s.start_time AS DATE), s.load_date, s.superseded_on
  UNION ALL
  SELECT
    s.product_no_token AS msisdn_token,
    CAST(s.send_time AS DATE) AS event_date,
    s.load_date,
    s.superseded_on,
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
    count(*) FILTER (WHERE s.mms_business = '1') AS mms_p2p_cnt,
    count(*) FILTER (WHERE s.mms_business = '2') AS mms_sp_cnt,
    sum(coalesce(s.call_fee, 0) + coalesce(s.info_fee, 0)) AS mms_fee_li
  FROM mms AS s
  GROUP BY s.product_no_token, CAST(s.send_time AS DATE), s.load_date, s.superseded_on
),

held AS (
  SELECT
    msisdn_token,
    subscription_id,
    valid_from,
    min(load_date) AS known_from,
    max(superseded_on) AS known_to
  FROM silver.msisdn_assignment
  GROUP BY msisdn_token, subscription_id, valid_from
),

moved AS (
  SELECT msisdn_token
  FROM silver.msisdn_assignment
  GROUP BY msisdn_token
  HAVING count(DISTINCT subscription_id) > 1 OR min(valid_from) < max(valid_from) OR min(valid_to) < DATE '9999-12-31'
),

-- A moved number is asked for each of its days; any other one has one stretch.
asked AS (
  SELECT DISTINCT
    u.msisdn_token,
    u.event_date,
    u.load_date
  FROM used AS u
  JOIN moved USING (msisdn_token)
),

answered AS (
  SELECT
    a.msisdn_token,
    a.event_date,
    a.load_date,
    arg_max(h.subscription_id, (h.valid_from, h.subscription_id)) AS subscription_id
  FROM asked AS a
  JOIN held AS h
    ON h.msisdn_token = a.msisdn_token AND h.valid_from <= a.event_date AND h.known_from <= a.load_date
      AND h.known_to > a.load_date
  LEFT JOIN silver.msisdn_assignment AS e
    ON e.msisdn_token = h.msisdn_token AND e.subscription_id = h.subscription_id AND e.valid_from = h.valid_from
      AND e.load_date <= a.load_date AND e.valid_to <= a.event_date
  WHERE e.msisdn_token IS NULL
  GROUP BY a.msisdn_token, a.event_date, a.load_date
),

bound AS (
  SELECT
    coalesce(m.subscription_id, h.subscription_id) AS subscription_id,
    u.*
  FROM used AS u
  LEFT JOIN (SELECT held.* FROM held ANTI JOIN moved USING (msisdn_token)) AS h
    ON h.msisdn_token = u.msisdn_token AND h.valid_from <= u.event_date AND h.known_from <= u.load_date
      AND h.known_to > u.load_date
  LEFT JOIN answered AS m
    ON m.msisdn_token = u.msisdn_token AND m.event_date = u.event_date AND m.load_date = u.load_date
)

SELECT
  u.subscription_id,
  u.event_date,
  CAST(sum(u.voice_mo_cnt) AS INT) AS voice_mo_cnt,
  CAST(sum(u.voice_mt_cnt) AS INT) AS voice_mt_cnt,
  CAST(coalesce(sum(u.voice_mo_seconds), 0) AS BIGINT) AS voice_mo_seconds,
  CAST(coalesce(sum(u.voice_mt_seconds), 0) AS BIGINT) AS voice_mt_seconds,
  CAST(coalesce(sum(u.toll_seconds), 0) AS BIGINT) AS toll_seconds,
  CAST(coalesce(sum(u.roam_seconds), 0) AS BIGINT) AS roam_seconds,
  CAST(sum(u.calls_to_competitor_cnt) AS INT) AS calls_to_competitor_cnt,
  CAST(sum(u.hotline_competitor_cnt) AS INT) AS hotline_competitor_cnt,
  CAST(sum(u.hotline_10086_cnt) AS INT) AS hotline_10086_cnt,
  CAST(sum(u.forward_cnt) AS INT) AS forward_cnt,
  CAST(sum(u.forward_other_network_cnt) AS INT) AS forward_other_network_cnt,
  CAST(floor((sum(u.voice_fee_li) + 5) / 10) AS BIGINT) AS voice_fee_fen,
  CAST(sum(u.sms_mo_cnt) AS INT) AS sms_mo_cnt,
  CAST(sum(u.sms_mt_cnt) AS INT) AS sms_mt_cnt,
  CAST(sum(u.sms_sp_cnt) AS INT) AS sms_sp_cnt,
  CAST(floor((sum(u.sms_fee_li) + 5) / 10) AS BIGINT) AS sms_fee_fen,
  CAST(sum(u.gprs_sessions) AS INT) AS gprs_sessions,
  CAST(floor(sum(u.data_bytes) / 1024) AS BIGINT) AS data_volume_kb,
  CAST(floor((sum(u.gprs_fee_li) + 5) / 10) AS BIGINT) AS gprs_fee_fen,
  CAST(sum(u.mms_p2p_cnt) AS INT) AS mms_p2p_cnt,
  CAST(sum(u.mms_sp_cnt) AS INT) AS mms_sp_cnt,
  CAST(floor((sum(u.mms_fee_li) + 5) / 10) AS BIGINT) AS mms_fee_fen,
  u.load_date,
  u.superseded_on
FROM bound AS u
WHERE u.subscription_id IS NOT NULL
GROUP BY u.subscription_id, u.event_date, u.load_date, u.superseded_on
