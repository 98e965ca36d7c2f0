-- Members and orders of both arms of each campaign, measured alike from the first day a member could be contacted.
-- Earlier campaigns: the planned executions. Our own: everybody who came as far as the control draw, chosen by the allocation
-- or not (intention to treat), because the control group was drawn from these and not from the chosen ones only.
WITH nights AS (SELECT to_date(day) AS business_date FROM (SELECT explode(split(:report_dates, ',')) AS day)),
members AS (
  SELECT snapshot_date AS business_date, campaign_id, subscription_id, bool_or(is_control) AS is_control,
         min(planned_date) AS starts_on, min_by(product_id, planned_date) AS product_id
  FROM gold.contact_history
  WHERE snapshot_date BETWEEN :first_date AND :last_date AND source = 'HISTORY'
  GROUP BY snapshot_date, campaign_id, subscription_id
  UNION ALL
  SELECT n.business_date, d.campaign_id, d.subscription_id, bool_or(d.verdict = 'CONTROL') AS is_control,
         date_add(min(d.business_date), 1) AS starts_on, str_to_map(:campaign_products, ',', '=')[d.campaign_id] AS product_id
  FROM gold.campaign_decision AS d
  JOIN nights AS n ON d.business_date < n.business_date
  WHERE d.verdict IN ('EXPORTED', 'RECOMMENDED', 'CONTROL')
     OR d.first_reason LIKE 'CAP@_%' ESCAPE '@' OR d.first_reason = 'CHANNEL_CAPACITY' OR d.first_reason LIKE 'NOT@_CHOSEN%' ESCAPE '@'
  GROUP BY n.business_date, d.campaign_id, d.subscription_id
),
orders AS (
  SELECT DISTINCT n.business_date, o.subscription_id, o.product_id, o.order_date
  FROM silver.product_order AS o
  JOIN nights AS n ON o.load_date <= n.business_date AND o.superseded_on > n.business_date
  WHERE o.action = 'ADD'
),
outcomes AS (
  SELECT m.business_date, m.campaign_id, m.subscription_id, m.is_control,
         m.business_date < date_add(m.starts_on, :horizon_days - 1) AS is_open, max(o.order_date IS NOT NULL) AS has_ordered
  FROM members AS m
  LEFT JOIN orders AS o
    ON o.business_date = m.business_date AND o.subscription_id = m.subscription_id AND o.product_id = m.product_id
   AND o.order_date >= m.starts_on AND o.order_date < date_add(m.starts_on, :horizon_days)
  GROUP BY m.business_date, m.campaign_id, m.subscription_id, m.is_control, m.starts_on
)
SELECT business_date, campaign_id, count_if(NOT is_control) AS treated_cnt,
       count_if(NOT is_control AND has_ordered) AS treated_order_cnt, count_if(is_control) AS control_cnt,
       count_if(is_control AND has_ordered) AS control_order_cnt, count_if(is_open) AS open_cnt
FROM outcomes
GROUP BY 1, 2
ORDER BY 1, 2
