-- A row whose IMEI names no handset (0, UNKNOWN) says nothing of the handset in use: the last known one stands.
SELECT user_id AS subscription_id, imei_token, tac, first_seen, last_seen, data_date, load_date, superseded_on
FROM asof_subscription_imei
WHERE load_date BETWEEN :first_date AND :last_date AND imei_token IS NOT NULL
