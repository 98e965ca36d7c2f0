WITH tone AS (
  SELECT
    msisdn_token,
    CAST(event_time AS DATE) AS event_date,
    load_date,
    superseded_on,
    count_if(action = 'DOWNLOAD') AS download,
    count_if(action = 'DOWNLOAD' AND price_fen > 0) AS paid,
    count_if(action = 'GIFT') AS gift,
    count_if(action = 'COPY') AS copied,
    count_if(action IN ('SET', 'GROUP_SET')) AS setting,
    count_if(action = 'MUSIC_BOX') AS music_box,
    mode(IF(action = 'DOWNLOAD', category, NULL), TRUE) AS tone_category
  FROM as_of_crbt_tone_event
  WHERE load_date BETWEEN :first_date AND :last_date
  GROUP BY msisdn_token, CAST(event_time AS DATE), load_date, superseded_on
),

fee AS (
  SELECT
    msisdn_token,
    CAST(start_datetime AS DATE) AS event_date,
    load_date,
    superseded_on,
    sum(fee) AS crbt_fee
  FROM as_of_crbt_fee
  WHERE load_date BETWEEN :first_date AND :last_date
  GROUP BY msisdn_token, CAST(start_datetime AS DATE), load_date, superseded_on
),

issue AS (
  SELECT
    product_no_token AS msisdn_token,
    CAST(send_time AS DATE) AS event_date,
    load_date,
    superseded_on,
    count(*) AS issues
  FROM as_of_mms_event
  WHERE load_date BETWEEN :first_date AND :last_date
    AND mms_business = '2'
    AND word_of('SERVICE_PREFIX', left(svc_code, 4)) = 'NEWSPAPER'
  GROUP BY product_no_token, CAST(send_time AS DATE), load_date, superseded_on
),

misc AS (
  SELECT
    phone_no_token AS msisdn_token,
    CAST(opr_time AS DATE) AS event_date,
    load_date,
    superseded_on,
    count_if(word_of('MISC_ORDER', opr_code) = 'SUBSCRIBE') AS subscribed,
    count_if(word_of('MISC_ORDER', opr_code) IN ('UNSUBSCRIBE', 'CLOSE_PROVIDER', 'CLOSE_ALL')) AS unsubscribed
  FROM as_of_misc_order
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
  SELECT
    holder_at(h.holders, u.event_date, u.load_date) AS subscription_id,
    u.*
  FROM used AS u
  JOIN work.msisdn_holder AS h ON h.msisdn_token = u.msisdn_token
)

SELECT
  subscription_id,
  event_date,
  coalesce(sum(download), 0) AS crbt_download_cnt,
  coalesce(sum(paid), 0) AS crbt_paid_download_cnt,
  coalesce(sum(gift), 0) AS crbt_gift_cnt,
  coalesce(sum(copied), 0) AS crbt_copy_cnt,
  coalesce(sum(setting), 0) AS crbt_set_cnt,
  coalesce(sum(music_box), 0) AS crbt_music_box_cnt,
  coalesce(sum(crbt_fee), 0) AS crbt_fee_fen,
  coalesce(sum(issues), 0) AS newspaper_issue_cnt,
  coalesce(sum(subscribed), 0) AS misc_subscribe_cnt,
  coalesce(sum(unsubscribed), 0) AS misc_unsubscribe_cnt,
  max_by(tone_category, download) AS tone_category_top,
  load_date,
  superseded_on
FROM bound
WHERE subscription_id IS NOT NULL
GROUP BY subscription_id, event_date, load_date, superseded_on
