-- Customers at each step of each campaign so far, as known on each night. A customer counts once, whatever the channels,
-- and is open until the window of the first contact has passed: a clock that hangs neither on the answer nor on the channel,
-- so that quick yeses do not count before the others' noes. Acceptances of later waves count as they come.
-- Level of a customer, the best of all nights: 1 suppressed, 2 contactable but not chosen by the plan, 3 chosen. A reason in
-- neither list has no level: then targeted is more than the levels together and the gate stops.
WITH nights AS (SELECT explode(:report_dates) AS business_date),

decided AS (
  SELECT
    n.business_date,
    s.campaign_id,
    s.subscription_id,
    max(s.level) AS level
  FROM gold.campaign_standing AS s
  JOIN nights AS n ON s.business_date < n.business_date
  GROUP BY n.business_date, s.campaign_id, s.subscription_id
),

contacted AS (
  SELECT
    snapshot_date AS business_date,
    campaign_id,
    subscription_id,
    bool_or(is_control) AS is_control,
    bool_or(NOT is_control) AS has_contact,
    bool_or(is_contacted) AS is_contacted,
    coalesce(
      min_by(snapshot_date < attribution_window_ends, struct(planned_date, wave_no, contact_id))
      FILTER (WHERE NOT is_control), FALSE
    ) AS is_open,
    bool_or(coalesce(response_code = 'ACCEPT', FALSE)) AS is_accepted,
    bool_or(coalesce(is_effective, FALSE)) AS is_effective,
    bool_or(response_code = 'ACCEPT' AND is_effective IS NULL) AS is_use_open
  FROM gold.contact_history
  WHERE snapshot_date BETWEEN :first_date AND :last_date
  GROUP BY snapshot_date, campaign_id, subscription_id
),

customers AS (
  SELECT
    coalesce(c.business_date, d.business_date) AS business_date,
    coalesce(c.campaign_id, d.campaign_id) AS campaign_id,
    greatest(d.level, CASE WHEN c.has_contact THEN 3 WHEN c.is_control THEN 1 END) AS level,
    c.*
    EXCEPT (business_date, campaign_id, subscription_id)
  FROM contacted AS c
  FULL OUTER JOIN decided AS d
    ON d.business_date = c.business_date AND d.campaign_id = c.campaign_id AND d.subscription_id = c.subscription_id
)

SELECT
  business_date,
  campaign_id,
  count(*) AS targeted_cnt,
  count_if(level = 1) AS suppressed_cnt,
  count_if(level >= 2) AS contactable_cnt,
  count_if(level = 2) AS not_chosen_cnt,
  count_if(level = 3) AS chosen_cnt,
  count_if(coalesce(is_control, FALSE) AND NOT coalesce(has_contact, FALSE)) AS control_cnt,
  count_if(has_contact) AS listed_cnt,
  count_if(is_contacted) AS contacted_cnt,
  count_if(is_accepted) AS accepted_cnt,
  count_if(is_open) AS open_cnt,
  count_if(is_open AND is_contacted) AS open_contacted_cnt,
  count_if(is_open AND is_accepted) AS open_accepted_cnt,
  count_if(NOT is_open AND is_accepted AND is_effective) AS effective_cnt,
  count_if(NOT is_open AND is_accepted AND is_use_open AND NOT is_effective) AS open_effective_cnt
FROM customers
GROUP BY 1, 2
ORDER BY 1, 2
