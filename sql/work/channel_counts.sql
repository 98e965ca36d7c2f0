-- Customers and contacts of each campaign on each channel so far. A customer is open until the window of the first contact on
-- the channel has passed, on an active channel until that contact was answered: there all answers come at once, yes or no.
WITH customers AS (
  SELECT
    snapshot_date AS business_date,
    campaign_id,
    coalesce(channel_code, 'UNKNOWN') AS channel_code,
    subscription_id,
    bool_or(is_contacted) AS is_contacted,
    bool_or(coalesce(response_code = 'ACCEPT', FALSE)) AS is_accepted,
    bool_or(response_code = 'REFUSE') AS has_refused,
    bool_or(response_code = 'CONSIDER') AS is_considering,
    min_by(
      snapshot_date < attribution_window_ends
      AND NOT coalesce(coalesce(contact_class, channel_class) = 'ACTIVE' AND response_code IS NOT NULL, FALSE),
      struct(planned_date, wave_no, contact_id)
    ) AS is_open,
    count(*) AS planned_cnt,
    count_if(reach_code IS NOT NULL) AS resulted_cnt,
    count_if(is_contacted) AS contact_cnt,
    count_if(NOT is_mature) AS open_answer_cnt
  FROM gold.contact_history
  WHERE snapshot_date BETWEEN :first_date AND :last_date AND NOT is_control
  GROUP BY 1, 2, 3, 4
)

SELECT
  business_date,
  campaign_id,
  channel_code,
  count(*) AS targeted_cnt,
  count_if(is_contacted) AS contacted_cnt,
  count_if(is_accepted) AS accepted_cnt,
  count_if(has_refused) AS refused_cnt,
  count_if(is_considering) AS considering_cnt,
  count_if(is_open) AS open_cnt,
  count_if(is_open AND is_contacted) AS open_contacted_cnt,
  count_if(is_open AND is_accepted) AS open_accepted_cnt,
  sum(planned_cnt) AS planned_cnt,
  sum(resulted_cnt) AS resulted_cnt,
  sum(contact_cnt) AS contact_cnt,
  sum(open_answer_cnt) AS open_answer_cnt
FROM customers
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
