-- Contacts by campaign, channel, offer, person and way of selection; the reports of models, offers and staff sum these.
SELECT snapshot_date AS business_date, campaign_id, coalesce(channel_code, 'UNKNOWN') AS channel_code, offer_id, staff_id,
       coalesce(is_model_selected, false) AS is_model_selected,
       count(*) AS planned_cnt, count_if(is_contacted) AS contacted_cnt, count_if(response_code = 'ACCEPT') AS accepted_cnt,
       count_if(response_code = 'REFUSE') AS refused_cnt, count_if(response_code = 'CONSIDER') AS considering_cnt,
       count_if(NOT is_mature) AS open_answer_cnt
FROM gold.contact_history
WHERE snapshot_date BETWEEN :first_date AND :last_date AND NOT is_control
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY 1, 2, 3, 4, 5, 6
