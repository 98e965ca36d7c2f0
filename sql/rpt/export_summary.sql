-- Lists of the night, counted from the frozen rows.
SELECT business_date, campaign_id, wave_no, channel_code, count(*) AS contacts,
       count(DISTINCT subscription_id) AS customers, count(DISTINCT file_name) AS files,
       sum(expected_value_yuan) AS expected_value_yuan
FROM gold.campaign_contact
WHERE business_date BETWEEN :first_date AND :last_date
GROUP BY business_date, campaign_id, wave_no, channel_code
