SELECT
  c.msisdn_token,
  coalesce(c.user_id, holder_at(h.holders, c.data_date, c.load_date)) AS subscription_id,
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
LEFT JOIN work.msisdn_holder AS h ON h.msisdn_token = c.msisdn_token
WHERE c.load_date BETWEEN :first_date AND :last_date
