-- Members and successes of both arms of each campaign, a row for each cohort: those who became due in the same night.
-- Arm and cohort are fixed in that night, chosen by the allocation or not (intention to treat), because the control group was
-- drawn from these and not from the chosen ones only. Earlier campaigns: the planned executions.
-- Both arms of a cohort have one clock: the days (:horizon_days) after it became due and after each day on which the
-- campaign contacted any of it. So who is contacted on the ninth night is measured in the days after the ninth, and so are
-- those held back. Only days that have passed are looked at; a cohort whose first ones still run is open.
-- Success: an order of the product in these days, whoever sold it; of a campaign that keeps a product: the product is held
-- at their end. Rule 5.24: seven days, treated and control alike; a member succeeds once, however many contacts came before.
WITH nights AS (SELECT to_date(day) AS business_date FROM (SELECT explode(split(:report_dates, ',')) AS day)),
decided AS (
  SELECT n.business_date, d.campaign_id, d.subscription_id, d.business_date AS decided_on, d.verdict,
         min(d.business_date) OVER (PARTITION BY n.business_date, d.campaign_id, d.subscription_id) AS due_on
  FROM gold.campaign_decision AS d
  JOIN nights AS n ON d.business_date < n.business_date
  WHERE d.verdict IN ('EXPORTED', 'RECOMMENDED', 'CONTROL')
     OR d.first_reason LIKE 'CAP@_%' ESCAPE '@' OR d.first_reason LIKE 'NOT@_CHOSEN%' ESCAPE '@'
),
members AS (
  SELECT snapshot_date AS business_date, campaign_id, subscription_id, bool_or(is_control) AS is_control,
         min(planned_date) AS starts_on, min_by(product_id, planned_date) AS product_id
  FROM gold.contact_history
  WHERE snapshot_date BETWEEN :first_date AND :last_date AND source = 'HISTORY'
  GROUP BY snapshot_date, campaign_id, subscription_id
  UNION ALL
  SELECT business_date, campaign_id, subscription_id, verdict = 'CONTROL' AS is_control, date_add(due_on, 1) AS starts_on,
         str_to_map(:campaign_products, ',', '=')[campaign_id] AS product_id
  FROM decided
  WHERE decided_on = due_on
),
targeted AS (
  SELECT campaign_id, date_add(business_date, 1) AS starts_on, count(*) AS targeted_cnt
  FROM gold.campaign_decision
  GROUP BY campaign_id, business_date
),
starts AS (
  SELECT business_date, campaign_id, starts_on, starts_on AS first_day FROM members
  UNION
  SELECT m.business_date, m.campaign_id, m.starts_on, h.planned_date
  FROM gold.contact_history AS h
  JOIN members AS m
    ON m.business_date = h.snapshot_date AND m.campaign_id = h.campaign_id AND m.subscription_id = h.subscription_id
  WHERE h.snapshot_date BETWEEN :first_date AND :last_date AND NOT h.is_control AND h.planned_date > m.starts_on
),
clocks AS (
  SELECT business_date, campaign_id, starts_on, min(first_day) AS begins_on,
         collect_list(first_day) FILTER (WHERE date_add(first_day, :horizon_days - 1) <= business_date) AS passed,
         date_add(max(first_day) FILTER (WHERE date_add(first_day, :horizon_days - 1) <= business_date), :horizon_days - 1) AS ends_on
  FROM starts
  GROUP BY business_date, campaign_id, starts_on
),
watched AS (
  SELECT m.*, k.begins_on, k.ends_on, k.passed, k.ends_on IS NULL AS is_open,
         array_contains(split(:retention_campaigns, ','), m.campaign_id) AS is_retention
  FROM members AS m
  JOIN clocks AS k ON k.business_date = m.business_date AND k.campaign_id = m.campaign_id AND k.starts_on = m.starts_on
),
ordered AS (
  SELECT DISTINCT w.business_date, w.campaign_id, w.subscription_id
  FROM watched AS w
  JOIN silver.product_order AS o
    ON o.subscription_id = w.subscription_id AND o.product_id = w.product_id AND o.action = 'ADD'
   AND o.load_date <= w.business_date AND o.superseded_on > w.business_date AND o.order_date BETWEEN w.begins_on AND w.ends_on
  WHERE NOT w.is_retention
    AND exists(w.passed, first_day -> o.order_date >= first_day AND o.order_date < date_add(first_day, :horizon_days))
),
held AS (
  SELECT w.business_date, w.campaign_id, w.subscription_id, w.ends_on,
         max_by(struct(p.state, p.expire_date), struct(p.load_date, p.data_date)) AS newest
  FROM watched AS w
  JOIN silver.product_subscription AS p
    ON p.subscription_id = w.subscription_id AND p.product_id = w.product_id
   AND p.load_date <= w.business_date AND p.superseded_on > w.business_date AND p.valid_date <= w.ends_on
  WHERE w.is_retention
  GROUP BY w.business_date, w.campaign_id, w.subscription_id, w.ends_on, p.sp_code, p.service_code, p.valid_date
),
succeeded AS (
  SELECT business_date, campaign_id, subscription_id FROM ordered
  UNION
  SELECT business_date, campaign_id, subscription_id
  FROM held
  WHERE newest.expire_date > ends_on OR (newest.expire_date IS NULL AND newest.state <> 'CANCELLED')
)
SELECT w.business_date, w.campaign_id, w.starts_on, w.is_open, max(t.targeted_cnt) AS targeted_cnt,
       count_if(NOT w.is_control) AS treated_cnt, count_if(NOT w.is_control AND s.subscription_id IS NOT NULL) AS treated_success_cnt,
       count_if(w.is_control) AS control_cnt, count_if(w.is_control AND s.subscription_id IS NOT NULL) AS control_success_cnt
FROM watched AS w
LEFT JOIN succeeded AS s
  ON s.business_date = w.business_date AND s.campaign_id = w.campaign_id AND s.subscription_id = w.subscription_id
LEFT JOIN targeted AS t ON t.campaign_id = w.campaign_id AND t.starts_on = w.starts_on
GROUP BY w.business_date, w.campaign_id, w.starts_on, w.is_open
ORDER BY w.business_date, w.campaign_id, w.starts_on
