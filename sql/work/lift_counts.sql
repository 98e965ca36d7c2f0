-- Members and successes of both arms of each campaign, a row for each cohort: those who became due in the same night.
-- Due: no reason stands against the customer but the draw of the control group or the allocation (intention to treat). Both
-- arms are asked by all reasons, not by the first: the draw comes before the caps and a day without contacts and would hide
-- them in one arm only. Arm and cohort are fixed in that night. Earlier campaigns: the planned executions.
-- Who is held back from all campaigns (control_kind GLOBAL) stands apart: no other campaign reaches him either, so he differs
-- from the treated in more than this campaign. He counts for the split, not for the comparison.
-- Both arms of a cohort have one clock: the days (:horizon_days) after it became due and after each day on which the
-- campaign contacted any of it. So who is contacted on the ninth night is measured in the days after the ninth, and so are
-- those held back. Only days that have passed are looked at; a cohort whose first ones still run is open.
-- Success: an order of the product in these days, whoever sold it; of a campaign that keeps a product: the product is held
-- at their end. Rule 5.24: seven days, treated and control alike; a member succeeds once, however many contacts came before.
-- Reached by others: contacts of other campaigns that happened in the same days.
WITH nights AS (SELECT explode(:report_dates) AS business_date),

held_back_from_all AS (
  SELECT
    subscription_id,
    min(business_date) AS held_back_on
  FROM gold.control_group
  WHERE control_kind = 'GLOBAL'
  GROUP BY subscription_id
),

decided AS (
  SELECT
    n.business_date,
    d.campaign_id,
    d.subscription_id,
    d.business_date AS decided_on,
    (d.all_reasons & :control_reason) <> 0 AS is_control,
    min(d.business_date) OVER (PARTITION BY n.business_date, d.campaign_id, d.subscription_id) AS due_on
  FROM gold.campaign_decision AS d
  JOIN nights AS n ON d.business_date < n.business_date
  WHERE (d.all_reasons & ~:due_reasons) = 0
),

members AS (
  SELECT
    snapshot_date AS business_date,
    campaign_id,
    subscription_id,
    bool_or(is_control) AS is_control,
    FALSE AS is_global,
    min(planned_date) AS starts_on,
    min_by(product_id, planned_date) AS product_id
  FROM gold.contact_history
  WHERE snapshot_date BETWEEN :first_date AND :last_date AND source = 'HISTORY'
  GROUP BY snapshot_date, campaign_id, subscription_id
  UNION ALL
  SELECT
    d.business_date,
    d.campaign_id,
    d.subscription_id,
    d.is_control,
    d.is_control AND coalesce(g.held_back_on < d.business_date, FALSE) AS is_global,
    date_add(d.due_on, 1) AS starts_on,
    :campaign_products[d.campaign_id] AS product_id
  FROM decided AS d
  LEFT JOIN held_back_from_all AS g ON g.subscription_id = d.subscription_id
  WHERE d.decided_on = d.due_on
),

starts AS (
  SELECT
    business_date,
    campaign_id,
    starts_on,
    starts_on AS first_day
  FROM members
  UNION
  SELECT
    m.business_date,
    m.campaign_id,
    m.starts_on,
    h.planned_date AS first_day
  FROM gold.contact_history AS h
  JOIN members AS m
    ON m.business_date = h.snapshot_date AND m.campaign_id = h.campaign_id AND m.subscription_id = h.subscription_id
  WHERE h.snapshot_date BETWEEN :first_date AND :last_date AND NOT h.is_control AND h.planned_date > m.starts_on
),

clocks AS (
  SELECT
    business_date,
    campaign_id,
    starts_on,
    min(first_day) AS begins_on,
    collect_list(first_day) FILTER (WHERE date_add(first_day, :horizon_days - 1) <= business_date) AS passed,
    date_add(max(first_day) FILTER (WHERE date_add(first_day, :horizon_days - 1) <= business_date), :horizon_days - 1)
      AS ends_on
  FROM starts
  GROUP BY business_date, campaign_id, starts_on
),

watched AS (
  SELECT
    m.*,
    k.begins_on,
    k.ends_on,
    k.passed,
    k.ends_on IS NULL AS is_open,
    array_contains(:retention_campaigns, m.campaign_id) AS is_retention
  FROM members AS m
  JOIN clocks AS k ON k.business_date = m.business_date AND k.campaign_id = m.campaign_id AND k.starts_on = m.starts_on
),

ordered AS (
  SELECT DISTINCT
    w.business_date,
    w.campaign_id,
    w.subscription_id
  FROM watched AS w
  JOIN silver.product_order AS o
    ON o.subscription_id = w.subscription_id AND o.product_id = w.product_id AND o.action = 'ADD'
      AND o.load_date <= w.business_date
      AND o.superseded_on > w.business_date
      AND o.order_date BETWEEN w.begins_on AND w.ends_on
  WHERE NOT w.is_retention
    AND exists(w.passed, first_day -> o.order_date >= first_day AND o.order_date < date_add(first_day, :horizon_days))
),

held AS (
  SELECT
    w.business_date,
    w.campaign_id,
    w.subscription_id,
    w.ends_on,
    max_by(struct(p.state, p.expire_date), struct(p.load_date, p.data_date)) AS newest
  FROM watched AS w
  JOIN silver.product_subscription AS p
    ON p.subscription_id = w.subscription_id AND p.product_id = w.product_id
      AND p.load_date <= w.business_date AND p.superseded_on > w.business_date AND p.valid_date <= w.ends_on
  WHERE w.is_retention
  GROUP BY w.business_date, w.campaign_id, w.subscription_id, w.ends_on, p.sp_code, p.service_code, p.valid_date
),

succeeded AS (
  SELECT
    business_date,
    campaign_id,
    subscription_id
  FROM ordered
  UNION
  SELECT
    business_date,
    campaign_id,
    subscription_id
  FROM held
  WHERE newest.expire_date > ends_on OR (newest.expire_date IS NULL AND newest.state <> 'CANCELLED')
),

reached AS (
  SELECT
    w.business_date,
    w.campaign_id,
    w.subscription_id,
    count(*) AS contact_cnt
  FROM watched AS w
  JOIN gold.contact_history AS h
    ON h.snapshot_date = w.business_date AND h.subscription_id = w.subscription_id AND h.campaign_id <> w.campaign_id
      AND h.planned_date BETWEEN w.begins_on AND w.ends_on
  WHERE h.snapshot_date BETWEEN :first_date AND :last_date AND NOT h.is_control AND h.is_contacted
    AND exists(
      w.passed, first_day -> h.planned_date >= first_day AND h.planned_date < date_add(first_day, :horizon_days)
    )
  GROUP BY w.business_date, w.campaign_id, w.subscription_id
),

results AS (
  SELECT
    w.business_date,
    w.campaign_id,
    w.starts_on,
    w.is_open,
    w.is_global,
    w.is_control AND NOT w.is_global AS is_control,
    NOT w.is_control AS is_treated,
    s.subscription_id IS NOT NULL AS has_succeeded,
    coalesce(o.contact_cnt, 0) AS other_cnt
  FROM watched AS w
  LEFT JOIN succeeded AS s
    ON s.business_date = w.business_date AND s.campaign_id = w.campaign_id AND s.subscription_id = w.subscription_id
  LEFT JOIN reached AS o
    ON o.business_date = w.business_date AND o.campaign_id = w.campaign_id AND o.subscription_id = w.subscription_id
)

SELECT
  r.business_date,
  r.campaign_id,
  r.starts_on,
  r.is_open,
  count_if(r.is_treated) AS treated_cnt,
  count_if(r.is_control) AS control_cnt,
  count_if(r.is_global) AS global_control_cnt,
  count_if(r.is_treated AND r.has_succeeded) AS treated_success_cnt,
  count_if(r.is_control AND r.has_succeeded) AS control_success_cnt,
  count_if(r.is_treated AND r.other_cnt > 0) AS treated_reached_cnt,
  count_if(r.is_control AND r.other_cnt > 0) AS control_reached_cnt,
  coalesce(sum(r.other_cnt) FILTER (WHERE r.is_treated), 0) AS treated_other_cnt,
  coalesce(sum(r.other_cnt) FILTER (WHERE r.is_control), 0) AS control_other_cnt
FROM results AS r
GROUP BY r.business_date, r.campaign_id, r.starts_on, r.is_open
ORDER BY r.business_date, r.campaign_id, r.starts_on
