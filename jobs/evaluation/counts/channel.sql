-- Customers and contacts of each campaign on each channel so far.
SELECT snapshot_date AS business_date, campaign_id, coalesce(channel_code, 'UNKNOWN') AS channel_code,
       count(DISTINCT subscription_id) AS targeted_cnt,
       count(DISTINCT CASE WHEN is_contacted THEN subscription_id END) AS contacted_cnt,
       count(DISTINCT CASE WHEN response_code = 'ACCEPT' THEN subscription_id END) AS accepted_cnt,
       count(DISTINCT CASE WHEN response_code = 'REFUSE' THEN subscription_id END) AS refused_cnt,
       count(DISTINCT CASE WHEN response_code = 'CONSIDER' THEN subscription_id END) AS considering_cnt,
       count(*) AS planned_cnt, count_if(reach_code IS NOT NULL) AS resulted_cnt,
       count_if(is_contacted) AS contact_cnt, count_if(NOT is_mature) AS open_answer_cnt
FROM gold.contact_history
WHERE snapshot_date BETWEEN :first_date AND :last_date AND NOT is_control
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
