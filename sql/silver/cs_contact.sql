SELECT
  c.contact_id,
  coalesce(c.user_id, holder_at(h.holders, CAST(c.contact_time AS DATE), c.load_date)) AS subscription_id,
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
LEFT JOIN work.msisdn_holder AS h ON h.msisdn_token = c.msisdn_token
WHERE c.load_date BETWEEN :first_date AND :last_date
