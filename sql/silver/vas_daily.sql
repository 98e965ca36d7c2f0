-- The most downloaded category is found by number; all else is summed once, by the subscription that held the number on the day.
WITH tone AS (
  SELECT
    msisdn_token,
    CAST(event_time AS DATE) AS event_date,
    load_date,
    superseded_on,
    count_if(action = 'DOWNLOAD') AS downloads,
    count_if(action = 'DOWNLOAD' AND price_fen > 0) AS paid_downloads,
    count_if(action = 'GIFT') AS gifts,
    count_if(action = 'COPY') AS copies,
    count_if(action IN ('SET', 'GROUP_SET')) AS settings,
    count_if(action = 'MUSIC_BOX') AS music_boxes,
    mode(IF(action = 'DOWNLOAD', category, NULL), TRUE) AS tone_category
  FROM as_of_crbt_tone_event
  WHERE load_date BETWEEN :first_date AND :last_date
  GROUP BY msisdn_token, CAST(event_time AS DATE), load_date, superseded_on
),

used AS (
  SELECT
    msisdn_token,
    event_date,
    load_date,
    superseded_on,
    downloads,
    paid_downloads,
    gifts,
    copies,
    settings,
    music_boxes,
    tone_category,
    0 AS fee,
    0 AS issues,
    0 AS subscribed,
    0 AS unsubscribed
  FROM tone
  UNION ALL
  SELECT
    msisdn_token,
    CAST(start_datetime AS DATE) AS event_date,
    load_date,
    superseded_on,
    0 AS downloads,
    0 AS paid_downloads,
    0 AS gifts,
    0 AS copies,
    0 AS settings,
    0 AS music_boxes,
    NULL AS tone_category,
    coalesce(fee, 0) AS fee,
    0 AS issues,
    0 AS subscribed,
    0 AS unsubscribed
  FROM as_of_crbt_fee
  WHERE load_date BETWEEN :first_date AND :last_date
  UNION ALL
  SELECT
    product_no_token AS msisdn_token,
    CAST(send_time AS DATE) AS event_date,
    load_date,
    superseded_on,
    0 AS downloads,
    0 AS paid_downloads,
    0 AS gifts,
    0 AS copies,
    0 AS settings,
    0 AS music_boxes,
    NULL AS tone_category,
    0 AS fee,
    1 AS issues,
    0 AS subscribed,
    0 AS unsubscribed
  FROM as_of_mms_event
  WHERE load_date BETWEEN :first_date AND :last_date
    AND mms_business = '2'
    AND word_of('SERVICE_PREFIX', left(svc_code, 4)) = 'NEWSPAPER'
  UNION ALL
  SELECT
    phone_no_token AS msisdn_token,
    CAST(opr_time AS DATE) AS event_date,
    load_date,
    superseded_on,
    0 AS downloads,
    0 AS paid_downloads,
    0 AS gifts,
    0 AS copies,
    0 AS settings,
    0 AS music_boxes,
    NULL AS tone_category,
    0 AS fee,
    0 AS issues,
    IF(word_of('MISC_ORDER', opr_code) = 'SUBSCRIBE', 1, 0) AS subscribed,
    IF(word_of('MISC_ORDER', opr_code) IN ('UNSUBSCRIBE', 'CLOSE_PROVIDER', 'CLOSE_ALL'), 1, 0) AS unsubscribed
  FROM as_of_misc_order
  WHERE load_date BETWEEN :first_date AND :last_date
)

SELECT
  h.subscription_id,
  u.event_date,
  sum(u.downloads) AS crbt_download_cnt,
  sum(u.paid_downloads) AS crbt_paid_download_cnt,
  sum(u.gifts) AS crbt_gift_cnt,
  sum(u.copies) AS crbt_copy_cnt,
  sum(u.settings) AS crbt_set_cnt,
  sum(u.music_boxes) AS crbt_music_box_cnt,
  sum(u.fee) AS crbt_fee_fen,
  sum(u.issues) AS newspaper_issue_cnt,
  sum(u.subscribed) AS misc_subscribe_cnt,
  sum(u.unsubscribed) AS misc_unsubscribe_cnt,
  max_by(u.tone_category, u.downloads) AS tone_category_top,
  u.load_date,
  u.superseded_on
FROM used AS u
JOIN work.msisdn_holder AS h
  ON h.msisdn_token = u.msisdn_token AND h.valid_from <= u.event_date AND h.valid_to > u.event_date
    AND h.known_from <= u.load_date AND h.known_to > u.load_date
GROUP BY h.subscription_id, u.event_date, u.load_date, u.superseded_on
