-- By the subscription it names, else by who held its number. A complaint in any delivery stays (superseded_on): only a
-- person takes it away. A state nobody can read is open.
SELECT
  coalesce(c.complaint_id, concat(c.file_id, ':', c.line_number)) AS complaint_id,
  coalesce(c.user_id, h.subscription_id, p.subscription_id) AS subscription_id,
  coalesce(c.created_at, CAST(c.data_date AS TIMESTAMP)) AS created_at,
  c.category_l1 AS category,
  c.complaint_about_channel AS about_channel,
  c.complaint_about_product AS about_product,
  c.severity,
  c.is_escalated,
  c.is_repeat,
  IF(c.status = 'UNKNOWN', 'OPEN', c.status) AS status,
  c.closed_at,
  c.refund_fen,
  c.data_date,
  c.load_date,
  c.superseded_on
FROM as_of_complaint AS c
LEFT JOIN work.msisdn_holder AS h
  ON h.msisdn_token = c.msisdn_token
    AND h.valid_from <= CAST(c.created_at AS DATE) AND h.valid_to > CAST(c.created_at AS DATE)
    AND h.known_from <= c.load_date AND h.known_to > c.load_date
LEFT JOIN work.msisdn_holder AS p
  ON p.msisdn_token = c.msisdn_token AND p.valid_from <= c.load_date AND p.valid_to > c.load_date
    AND p.known_from <= c.load_date AND p.known_to > c.load_date
WHERE c.load_date BETWEEN :first_date AND :last_date
