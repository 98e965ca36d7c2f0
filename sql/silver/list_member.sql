-- Bound to the holder on the day the number was added: after recycling the list does not follow the number (D4).
-- Default deny: a colour nobody can read counts as BLACK, a scope that names nothing as SYSTEM.
SELECT DISTINCT
  l.msisdn_token,
  h.subscription_id,
  coalesce(l.list_code, 'UNKNOWN') AS list_code,
  IF(l.list_colour IN ('GREY', 'RED'), l.list_colour, 'BLACK') AS list_colour,
  IF(l.scope_type IN ('CHANNEL', 'PRODUCT') AND l.scope_value <> '', l.scope_type, 'SYSTEM') AS scope_type,
  IF(l.scope_type IN ('CHANNEL', 'PRODUCT'), coalesce(l.scope_value, ''), '') AS scope_value,
  coalesce(l.reason_code, '') AS reason_code,
  coalesce(l.added_at, CAST(l.data_date AS TIMESTAMP)) AS added_at,
  coalesce(l.valid_from, CAST(l.added_at AS DATE), l.data_date) AS valid_from,
  coalesce(l.valid_to, DATE '9999-12-31') AS valid_to,
  l.data_date,
  l.load_date,
  l.superseded_on
FROM as_of_list_member AS l
LEFT JOIN work.msisdn_holder AS h
  ON h.msisdn_token = l.msisdn_token
    AND h.valid_from <= CAST(l.added_at AS DATE) AND h.valid_to > CAST(l.added_at AS DATE)
    AND h.known_from <= l.load_date AND h.known_to > l.load_date
WHERE l.load_date BETWEEN :first_date AND :last_date
