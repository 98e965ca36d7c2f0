-- Lists of the night, counted from the frozen rows; lists refused or recalled did not leave, nor did contacts recalled alone.
SELECT business_date, campaign_id, wave_no, channel_code, count(*) AS contacts,
       count(DISTINCT subscription_id) AS customers, count(DISTINCT file_name) AS files,
       sum(expected_value_yuan) AS expected_value_yuan
FROM gold.campaign_contact AS c
LEFT ANTI JOIN (SELECT file_name FROM ops.export_ledger WHERE status IN ('REFUSED', 'RECALLED')) AS w ON w.file_name = c.file_name
LEFT ANTI JOIN ops.contact_recall AS r ON r.contact_id = c.contact_id
WHERE business_date BETWEEN :first_date AND :last_date
GROUP BY business_date, campaign_id, wave_no, channel_code
