-- Customers at each step of each campaign so far, as known on each night. A customer counts once, whatever the channels,
-- and is open until the window of the first contact has passed: a clock that hangs neither on the answer nor on the channel,
-- so that quick yeses do not count before the others' noes. Acceptances of later waves count as they come.
WITH nights AS (SELECT to_date(day) AS business_date FROM (SELECT explode(split(:report_dates, ',')) AS day)),
decided AS (
  SELECT n.business_date, d.campaign_id, d.subscription_id,
         max(d.verdict IN ('EXPORTED', 'RECOMMENDED') OR coalesce(d.first_reason LIKE 'NOT_CHOSEN%', false)) AS is_contactable
  FROM gold.campaign_decision AS d
  JOIN nights AS n ON d.business_date < n.business_date
  GROUP BY n.business_date, d.campaign_id, d.subscription_id
),
contacted AS (
  SELECT snapshot_date AS business_date, campaign_id, subscription_id, bool_or(is_control) AS is_control,
         bool_or(NOT is_control) AS has_contact, bool_or(is_contacted) AS is_contacted,
         coalesce(min_by(snapshot_date < attribution_window_ends, struct(planned_date, wave_no, contact_id))
                    FILTER (WHERE NOT is_control), false) AS is_open,
         bool_or(coalesce(response_code = 'ACCEPT', false)) AS is_accepted, bool_or(coalesce(is_effective, false)) AS is_effective,
         bool_or(response_code = 'ACCEPT' AND is_effective IS NULL) AS is_use_open
  FROM gold.contact_history
  WHERE snapshot_date BETWEEN :first_date AND :last_date
  GROUP BY snapshot_date, campaign_id, subscription_id
)
SELECT coalesce(c.business_date, d.business_date) AS business_date, coalesce(c.campaign_id, d.campaign_id) AS campaign_id,
       count(*) AS targeted_cnt,
       count_if(coalesce(d.is_contactable, false) OR coalesce(c.has_contact, false)) AS contactable_cnt,
       count_if(coalesce(c.is_control, false) AND NOT coalesce(c.has_contact, false)) AS control_cnt,
       count_if(c.has_contact) AS listed_cnt, count_if(c.is_contacted) AS contacted_cnt, count_if(c.is_accepted) AS accepted_cnt,
       count_if(c.is_open) AS open_cnt, count_if(c.is_open AND c.is_contacted) AS open_contacted_cnt,
       count_if(c.is_open AND c.is_accepted) AS open_accepted_cnt,
       count_if(NOT c.is_open AND c.is_accepted AND c.is_effective) AS effective_cnt,
       count_if(NOT c.is_open AND c.is_accepted AND c.is_use_open AND NOT c.is_effective) AS open_effective_cnt
FROM contacted AS c
FULL OUTER JOIN decided AS d
  ON d.business_date = c.business_date AND d.campaign_id = c.campaign_id AND d.subscription_id = c.subscription_id
GROUP BY 1, 2
ORDER BY 1, 2
