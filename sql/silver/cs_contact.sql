SELECT
  c.contact_id,
  coalesce(c.user_id, h.subscription_id) AS subscription_id,
  CAST(c.contact_time AS DATE) AS contact_date,
  c.channel_code,
  c.direction,
  c.reason_l1,
  c.reason_l2,
  c.duration_sec AS duration_seconds,
  c.data_date,
  c.load_date,
  c.superseded_on
FROM as_of_cs_contact AS c
LEFT JOIN work.msisdn_holder AS h
  ON h.msisdn_token = c.msisdn_token
    AND h.valid_from <= CAST(c.contact_time AS DATE) AND h.valid_to > CAST(c.contact_time AS DATE)
    AND h.known_from <= c.load_date AND h.known_to > c.load_date
WHERE c.load_date BETWEEN :first_date AND :last_date
