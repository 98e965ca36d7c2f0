-- Lists of the night, counted from the frozen rows; lists that were refused, closed or recalled did not leave, nor did single
-- contacts that were withdrawn.
SELECT
  business_date,
  campaign_id,
  wave_no,
  channel_code,
  count(*) AS contacts,
  count(DISTINCT subscription_id) AS customers,
  count(DISTINCT file_name) AS files,
  sum(expected_value_yuan) AS expected_value_yuan
FROM gold.campaign_contact AS c
LEFT ANTI JOIN (
  SELECT file_name FROM ops.export_ledger
  WHERE status IN ('REFUSED', 'RECALLED', 'CLOSED')
) AS w
  ON w.file_name = c.file_name
LEFT ANTI JOIN ops.contact_withdrawal AS d ON d.contact_id = c.contact_id
WHERE business_date BETWEEN :first_date AND :last_date
GROUP BY business_date, campaign_id, wave_no, channel_code
