WITH tone AS (
  SELECT
    msisdn_token, CAST(event_time AS DATE) AS event_date, load_date, superseded_on,
    COUNT_IF(action = 'DOWNLOAD') AS download, COUNT_IF(action = 'DOWNLOAD' AND price_fen > 0) AS paid,
    COUNT_IF(action = 'GIFT') AS gift, COUNT_IF(action = 'COPY') AS copied,
    COUNT_IF(action IN ('SET', 'GROUP_SET')) AS setting, COUNT_IF(action = 'MUSIC_BOX') AS music_box,
    MODE(IF(action = 'DOWNLOAD', category, NULL), TRUE) AS tone_category
  FROM asof_crbt_tone_event
  WHERE load_date BETWEEN :first_date AND :last_date
  GROUP BY msisdn_token, CAST(event_time AS DATE), load_date, superseded_on
),
fee AS (
  SELECT msisdn_token, CAST(start_datetime AS DATE) AS event_date, load_date, superseded_on, SUM(fee) AS crbt_fee
  FROM asof_crbt_fee
  WHERE load_date BETWEEN :first_date AND :last_date
  GROUP BY msisdn_token, CAST(start_datetime AS DATE), load_date, superseded_on
),
issue AS (
  SELECT product_no_token AS msisdn_token, CAST(send_time AS DATE) AS event_date, load_date, superseded_on,
    COUNT(*) AS issues
  FROM asof_mms_event
  WHERE load_date BETWEEN :first_date AND :last_date AND mms_business = '2' AND word_of('SERVICE_PREFIX', LEFT(svc_code, 4)) = 'NEWSPAPER'
  GROUP BY product_no_token, CAST(send_time AS DATE), load_date, superseded_on
),
misc AS (
  SELECT phone_no_token AS msisdn_token, CAST(opr_time AS DATE) AS event_date, load_date, superseded_on,
    COUNT_IF(word_of('MISC_ORDER', opr_code) = 'SUBSCRIBE') AS subscribed,
    COUNT_IF(word_of('MISC_ORDER', opr_code) IN ('UNSUBSCRIBE', 'CLOSE_PROVIDER', 'CLOSE_ALL')) AS unsubscribed
  FROM asof_misc_order
  WHERE load_date BETWEEN :first_date AND :last_date
  GROUP BY phone_no_token, CAST(opr_time AS DATE), load_date, superseded_on
),
used AS (
  SELECT *
  FROM tone
  FULL OUTER JOIN fee USING (msisdn_token, event_date, load_date, superseded_on)
  FULL OUTER JOIN issue USING (msisdn_token, event_date, load_date, superseded_on)
  FULL OUTER JOIN misc USING (msisdn_token, event_date, load_date, superseded_on)
),
bound AS (
  SELECT holder_at(h.holders, u.event_date, u.load_date) AS subscription_id, u.*
  FROM used AS u
  JOIN work.msisdn_holder AS h ON h.msisdn_token = u.msisdn_token
)
SELECT
  subscription_id, event_date, COALESCE(SUM(download), 0) AS crbt_download_cnt, COALESCE(SUM(paid), 0) AS crbt_paid_download_cnt,
  COALESCE(SUM(gift), 0) AS crbt_gift_cnt, COALESCE(SUM(copied), 0) AS crbt_copy_cnt, COALESCE(SUM(setting), 0) AS crbt_set_cnt,
  COALESCE(SUM(music_box), 0) AS crbt_music_box_cnt, COALESCE(SUM(crbt_fee), 0) AS crbt_fee_fen, COALESCE(SUM(issues), 0) AS newspaper_issue_cnt,
  COALESCE(SUM(subscribed), 0) AS misc_subscribe_cnt, COALESCE(SUM(unsubscribed), 0) AS misc_unsubscribe_cnt,
  MAX_BY(tone_category, download) AS tone_category_top, load_date, superseded_on
FROM bound
WHERE subscription_id IS NOT NULL
GROUP BY subscription_id, event_date, load_date, superseded_on
