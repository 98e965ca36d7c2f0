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
    n.business_date,
    s.campaign_id,
    s.subscription_id,
    s.is_control,
    s.is_control AND coalesce(g.held_back_on < n.business_date, FALSE) AS is_global,
    date_add(s.business_date, 1) AS starts_on,
    :campaign_products[s.campaign_id] AS product_id
  FROM gold.campaign_standing AS s
  JOIN nights AS n ON s.business_date < n.business_date
  LEFT JOIN held_back_from_all AS g ON g.subscription_id = s.subscription_id
  WHERE s.is_due
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

-- From here on those few who ordered, held the product or were reached: the many are only counted.
ordered AS (
  SELECT DISTINCT
    w.business_date,
    w.campaign_id,
    w.subscription_id,
    w.starts_on,
    w.is_control,
    w.is_global
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
    w.starts_on,
    w.is_control,
    w.is_global,
    w.ends_on,
    max_by(struct(p.state, p.expire_date), struct(p.load_date, p.data_date)) AS newest
  FROM watched AS w
  JOIN silver.product_subscription AS p
    ON p.subscription_id = w.subscription_id AND p.product_id = w.product_id
      AND p.load_date <= w.business_date AND p.superseded_on > w.business_date AND p.valid_date <= w.ends_on
  WHERE w.is_retention
  GROUP BY
    w.business_date, w.campaign_id, w.subscription_id, w.starts_on, w.is_control, w.is_global, w.ends_on,
    p.sp_code, p.service_code, p.valid_date
),

succeeded AS (
  SELECT
    business_date,
    campaign_id,
    subscription_id,
    starts_on,
    is_control,
    is_global
  FROM ordered
  UNION
  SELECT
    business_date,
    campaign_id,
    subscription_id,
    starts_on,
    is_control,
    is_global
  FROM held
  WHERE newest.expire_date > ends_on OR (newest.expire_date IS NULL AND newest.state <> 'CANCELLED')
),

reached AS (
  SELECT
    w.business_date,
    w.campaign_id,
    w.subscription_id,
    w.starts_on,
    w.is_control,
    w.is_global,
    count(*) AS contact_cnt
  FROM watched AS w
  JOIN gold.contact_history AS h
    ON h.snapshot_date = w.business_date AND h.subscription_id = w.subscription_id AND h.campaign_id <> w.campaign_id
      AND h.planned_date BETWEEN w.begins_on AND w.ends_on
  WHERE h.snapshot_date BETWEEN :first_date AND :last_date AND NOT h.is_control AND h.is_contacted
    AND exists(
      w.passed, first_day -> h.planned_date >= first_day AND h.planned_date < date_add(first_day, :horizon_days)
    )
  GROUP BY w.business_date, w.campaign_id, w.subscription_id, w.starts_on, w.is_control, w.is_global
),

counted AS (
  SELECT
    business_date,
    campaign_id,
    starts_on,
    is_control,
    is_global,
    1 AS member_cnt,
    0 AS success_cnt,
    0 AS reached_cnt,
    0 AS other_cnt
  FROM watched
  UNION ALL
  SELECT
    business_date,
    campaign_id,
    starts_on,
    is_control,
    is_global,
    0 AS member_cnt,
    1 AS success_cnt,
    0 AS reached_cnt,
    0 AS other_cnt
  FROM succeeded
  UNION ALL
  SELECT
    business_date,
    campaign_id,
    starts_on,
    is_control,
    is_global,
    0 AS member_cnt,
    0 AS success_cnt,
    1 AS reached_cnt,
    contact_cnt AS other_cnt
  FROM reached
),

arms AS (
  SELECT
    business_date,
    campaign_id,
    starts_on,
    NOT is_control AS is_treated,
    is_control AND NOT is_global AS is_held_back,
    is_global,
    sum(member_cnt) AS member_cnt,
    sum(success_cnt) AS success_cnt,
    sum(reached_cnt) AS reached_cnt,
    sum(other_cnt) AS other_cnt
  FROM counted
  GROUP BY 1, 2, 3, 4, 5, 6
)

SELECT
  a.business_date,
  a.campaign_id,
  a.starts_on,
  k.ends_on IS NULL AS is_open,
  coalesce(sum(a.member_cnt) FILTER (WHERE a.is_treated), 0) AS treated_cnt,
  coalesce(sum(a.member_cnt) FILTER (WHERE a.is_held_back), 0) AS control_cnt,
  coalesce(sum(a.member_cnt) FILTER (WHERE a.is_global), 0) AS global_control_cnt,
  coalesce(sum(a.success_cnt) FILTER (WHERE a.is_treated), 0) AS treated_success_cnt,
  coalesce(sum(a.success_cnt) FILTER (WHERE a.is_held_back), 0) AS control_success_cnt,
  coalesce(sum(a.reached_cnt) FILTER (WHERE a.is_treated), 0) AS treated_reached_cnt,
  coalesce(sum(a.reached_cnt) FILTER (WHERE a.is_held_back), 0) AS control_reached_cnt,
  coalesce(sum(a.other_cnt) FILTER (WHERE a.is_treated), 0) AS treated_other_cnt,
  coalesce(sum(a.other_cnt) FILTER (WHERE a.is_held_back), 0) AS control_other_cnt
FROM arms AS a
JOIN clocks AS k ON k.business_date = a.business_date AND k.campaign_id = a.campaign_id AND k.starts_on = a.starts_on
GROUP BY a.business_date, a.campaign_id, a.starts_on, k.ends_on
ORDER BY a.business_date, a.campaign_id, a.starts_on
