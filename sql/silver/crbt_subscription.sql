SELECT
  c.msisdn_token,
  coalesce(c.user_id, h.subscription_id) AS subscription_id,
  c.open_date,
  c.close_date,
  c.close_reason,
  c.acquire_channel,
  c.trial_end_date,
  c.music_box_flag,
  c.music_club_level,
  c.data_date,
  c.load_date,
  c.superseded_on
FROM as_of_crbt_subscription AS c
LEFT JOIN work.msisdn_holder AS h
  ON h.msisdn_token = c.msisdn_token AND h.valid_from <= c.data_date AND h.valid_to > c.data_date
    AND h.known_from <= c.load_date AND h.known_to > c.load_date
WHERE c.load_date BETWEEN :first_date AND :last_date
