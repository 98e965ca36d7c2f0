-- Contacts by campaign, channel, offer, person, way of selection and reason of a refusal; the reports of models, offers and staff sum these.
-- A contact is open until its window has passed, on every channel alike: quick yeses do not count before the others' noes.
SELECT
  snapshot_date AS business_date,
  campaign_id,
  coalesce(channel_code, 'UNKNOWN') AS channel_code,
  offer_id,
  staff_id,
  coalesce(is_model_selected, FALSE) AS is_model_selected,
  IF(response_code = 'REFUSE', refuse_reason, NULL) AS refuse_reason,
  count(*) AS planned_cnt,
  count_if(is_contacted) AS contacted_cnt,
  count_if(response_code = 'ACCEPT') AS accepted_cnt,
  count_if(response_code = 'REFUSE') AS refused_cnt,
  count_if(response_code = 'CONSIDER') AS considering_cnt,
  count_if(is_open) AS open_cnt,
  count_if(is_open AND is_contacted) AS open_contacted_cnt,
  count_if(is_open AND response_code = 'ACCEPT') AS open_accepted_cnt,
  count_if(is_open AND response_code = 'CONSIDER') AS open_considering_cnt
FROM (
  SELECT
    *,
    snapshot_date < attribution_window_ends AS is_open
  FROM gold.contact_history
)
WHERE snapshot_date BETWEEN :first_date AND :last_date AND NOT is_control
GROUP BY 1, 2, 3, 4, 5, 6, 7
ORDER BY 1, 2, 3, 4, 5, 6, 7
