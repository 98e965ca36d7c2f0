-- A row whose IMEI names no handset (0, UNKNOWN) says nothing of the handset in use: the last known one stands.
SELECT
  d.user_id AS subscription_id,
  d.imei_token,
  d.tac,
  t.tac IS NOT NULL AS is_known_tac,
  d.first_seen,
  d.last_seen,
  d.data_date,
  d.load_date,
  d.superseded_on
FROM as_of_subscription_imei AS d
LEFT JOIN (SELECT
  tac,
  min(load_date) AS known_from
FROM silver.tac_device
GROUP BY tac) AS t
  ON t.tac = d.tac AND t.known_from <= d.load_date
WHERE d.load_date BETWEEN :first_date AND :last_date AND d.imei_token IS NOT NULL
