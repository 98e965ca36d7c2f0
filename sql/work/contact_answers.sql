-- First half of gold.contact_history: everything sent and its answer, as known on each snapshot date. A row counts as known on a date when it was
-- loaded by then and its file was not replaced by then; lists of a night are known from the next night on. Rows of a file that
-- was refused, closed or recalled, and contacts withdrawn one by one, are not there, unless the channel answered for them all the same.
WITH snapshots AS (
  SELECT explode(:snapshot_dates) AS snapshot_date
),

earlier_executions AS (
  SELECT
    s.snapshot_date,
    e.contact_id,
    e.campaign_id,
    e.task_id,
    e.wave_no,
    e.subscription_id,
    e.product_id,
    e.offer_id,
    e.channel_code,
    to_date(e.planned_at) AS planned_date,
    date_sub(to_date(e.planned_at), 1) AS business_date,
    coalesce(e.is_control, FALSE) AS is_control,
    e.is_model_selected,
    row_number() OVER (PARTITION BY s.snapshot_date, e.contact_id ORDER BY e.load_date DESC) AS nth_newest
  FROM silver.campaign_execution AS e
  JOIN snapshots AS s ON e.load_date <= s.snapshot_date AND e.superseded_on > s.snapshot_date
),

control_members AS (
  SELECT
    s.snapshot_date,
    g.campaign_id,
    g.subscription_id,
    min(g.business_date) AS business_date,
    min_by(g.is_model_selected, g.business_date) AS is_model_selected
  FROM gold.control_group AS g
  JOIN snapshots AS s ON g.business_date < s.snapshot_date
  GROUP BY s.snapshot_date, g.campaign_id, g.subscription_id
),

withheld AS (
  SELECT file_name FROM ops.export_ledger
  WHERE status IN ('REFUSED', 'RECALLED', 'CLOSED')
),

withdrawn AS (
  SELECT DISTINCT contact_id FROM ops.contact_withdrawal
),

planned AS (
  SELECT
    snapshot_date,
    contact_id,
    campaign_id,
    task_id,
    wave_no,
    subscription_id,
    product_id,
    offer_id,
    CASE WHEN NOT is_control THEN channel_code END AS channel_code,
    CASE WHEN NOT is_control THEN :channel_classes[channel_code] END AS channel_class,
    CASE WHEN NOT is_control THEN :channel_classes[channel_code] END AS contact_class,
    planned_date,
    business_date,
    is_control,
    is_model_selected,
    'HISTORY' AS source,
    FALSE AS is_withheld
  FROM earlier_executions
  WHERE nth_newest = 1
  UNION ALL
  SELECT
    s.snapshot_date,
    c.contact_id,
    c.campaign_id,
    c.task_id,
    c.wave_no,
    c.subscription_id,
    c.product_id,
    c.offer_id,
    c.channel_code,
    c.channel_class,
    c.contact_class,
    c.planned_date,
    c.business_date,
    FALSE AS is_control,
    c.is_model_selected,
    'EXPORT' AS source,
    w.file_name IS NOT NULL OR d.contact_id IS NOT NULL AS is_withheld
  FROM gold.campaign_contact AS c
  JOIN snapshots AS s ON c.business_date < s.snapshot_date
  LEFT JOIN withheld AS w ON w.file_name = c.file_name
  LEFT JOIN withdrawn AS d ON d.contact_id = c.contact_id
  UNION ALL
  SELECT
    snapshot_date,
    concat_ws(':', 'C', campaign_id, subscription_id) AS contact_id,
    campaign_id,
    NULL AS task_id,
    1 AS wave_no,
    subscription_id,
    :campaign_products[campaign_id] AS product_id,
    NULL AS offer_id,
    NULL AS channel_code,
    NULL AS channel_class,
    NULL AS contact_class,
    date_add(business_date, 1) AS planned_date,
    business_date,
    TRUE AS is_control,
    is_model_selected,
    'EXPORT' AS source,
    FALSE AS is_withheld
  FROM control_members
),

-- One result a contact: a yes or no beats a CONSIDER, that beats a mere delivery, that beats a failure; then the latest.
results AS (
  SELECT
    s.snapshot_date,
    r.contact_id,
    max_by(
      struct(
        r.contact_time,
        nullif(r.reach_code, 'UNKNOWN') AS reach_code,
        r.response_code,
        r.refuse_reason,
        r.staff_id,
        r.order_id
      ),
      struct(CASE WHEN r.response_code IN ('ACCEPT', 'REFUSE') THEN 3 WHEN r.response_code = 'CONSIDER' THEN 2
        WHEN array_contains(:contacted_codes, r.reach_code) THEN 1 ELSE 0
      END,
      r.contact_time, r.load_date, coalesce(r.order_id, ''))
    ) AS result
  FROM silver.channel_result AS r
  JOIN snapshots AS s ON r.load_date <= s.snapshot_date AND r.superseded_on > s.snapshot_date
  WHERE coalesce(r.nth_row, 1) = 1
  GROUP BY s.snapshot_date, r.contact_id
),

contacts AS (
  SELECT
    p.*,
    result.contact_time AS contacted_at,
    result.reach_code,
    result.response_code AS answer,
    result.refuse_reason,
    result.staff_id,
    result.order_id AS answer_order_id,
    result.contact_time IS NOT NULL AS has_result,
    coalesce(array_contains(:contacted_codes, result.reach_code), FALSE)
    OR coalesce(result.response_code IN ('ACCEPT', 'REFUSE', 'CONSIDER'), FALSE) AS is_contacted,
    coalesce(array_contains(:inferred_classes, coalesce(p.contact_class, p.channel_class)), FALSE) AS is_bulk
  FROM planned AS p
  LEFT JOIN results AS r ON r.snapshot_date = p.snapshot_date AND r.contact_id = p.contact_id AND NOT p.is_control
  WHERE p.planned_date > date_sub(p.snapshot_date, :history_days) AND (NOT p.is_withheld OR r.contact_id IS NOT NULL)
),

orders AS (
  SELECT
    s.snapshot_date,
    o.order_id,
    max_by(struct(o.subscription_id, o.product_id, o.ordered_at), o.load_date) AS placed
  FROM silver.product_order AS o
  JOIN snapshots AS s ON o.load_date <= s.snapshot_date AND o.superseded_on > s.snapshot_date
  WHERE o.action = 'ADD' AND o.order_date > date_sub(:first_date, :history_days)
  GROUP BY s.snapshot_date, o.order_id
),

-- Last touch: an order belongs to the latest contact for its product, if that lies within the window before it.
-- Treated and control alike: any order of the product after the planned day counts to the lift, whoever sold it.
paired AS (
  SELECT
    c.*,
    o.order_id AS placed_order_id,
    o.placed.ordered_at,
    coalesce(
      c.is_contacted AND o.placed.ordered_at >= c.contacted_at
      AND o.placed.ordered_at < c.contacted_at + make_dt_interval(:window_days), FALSE
    ) AS is_touch,
    to_date(o.placed.ordered_at) < date_add(c.planned_date, :horizon_days) AS is_in_horizon
  FROM contacts AS c
  LEFT JOIN orders AS o ON o.snapshot_date = c.snapshot_date AND o.placed.subscription_id = c.subscription_id
    AND o.placed.product_id = c.product_id AND to_date(o.placed.ordered_at) >= c.planned_date
),

ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY snapshot_date, coalesce(placed_order_id, contact_id)
      ORDER BY is_touch DESC, contacted_at DESC, contact_id DESC
    ) AS nth_touch
  FROM paired
),

answered AS (
  SELECT
    snapshot_date,
    contact_id,
    campaign_id,
    task_id,
    wave_no,
    subscription_id,
    product_id,
    offer_id,
    channel_code,
    channel_class,
    contact_class,
    planned_date,
    business_date,
    is_control,
    is_model_selected,
    source,
    contacted_at,
    reach_code,
    answer,
    refuse_reason,
    staff_id,
    answer_order_id,
    has_result,
    is_contacted,
    is_bulk,
    is_withheld,
    min_by(struct(placed_order_id, ordered_at), struct(ordered_at, placed_order_id))
    FILTER (
      WHERE is_touch AND is_bulk AND nth_touch = 1
      AND coalesce(answer NOT IN ('ACCEPT', 'REFUSE', 'CONSIDER'), TRUE)
    ) AS attributed,
    min(ordered_at) FILTER (WHERE placed_order_id = answer_order_id) AS answer_ordered_at,
    coalesce(bool_or(is_in_horizon), FALSE) AS has_window_order
  FROM ranked
  GROUP BY
    snapshot_date, contact_id, campaign_id, task_id, wave_no, subscription_id, product_id, offer_id, channel_code,
    channel_class, contact_class, planned_date, business_date, is_control, is_model_selected, source, contacted_at,
    reach_code, answer, refuse_reason, staff_id, answer_order_id, has_result, is_contacted, is_bulk, is_withheld
),

windows AS (
  SELECT
    *,
    attributed IS NOT NULL AS is_inferred,
    date_add(coalesce(CASE WHEN is_contacted THEN to_date(contacted_at) END, planned_date), :window_days)
      AS attribution_window_ends,
    CASE WHEN answer = 'CONSIDER' THEN date_add(to_date(contacted_at), :consider_days) END AS consider_until,
    CASE WHEN answer = 'ACCEPT' THEN coalesce(answer_ordered_at, contacted_at) ELSE attributed.ordered_at END
      AS accepted_at,
    CASE WHEN answer = 'ACCEPT' THEN answer_order_id ELSE attributed.placed_order_id END AS order_id
  FROM answered
)

SELECT
  *,
  -- What waves, recency, attempts and caps go by: did it happen, may its result still come, or was it in vain.
  CASE WHEN is_control THEN NULL
    WHEN is_contacted THEN 'MADE'
    WHEN is_withheld THEN 'RECALLED'
    WHEN NOT has_result AND snapshot_date < date_add(
        planned_date, :late_result_nights[coalesce(contact_class, channel_class)]
      ) THEN 'OPEN'
    ELSE 'MISSED'
  END AS contact_state,
  CASE WHEN is_control THEN NULL
    WHEN answer IN ('ACCEPT', 'REFUSE') THEN answer
    WHEN answer = 'CONSIDER' THEN CASE WHEN snapshot_date <= consider_until THEN 'CONSIDER' ELSE 'NO_RESPONSE' END
    WHEN is_inferred THEN 'ACCEPT'
    WHEN has_result AND NOT is_contacted THEN 'NOT_REACHED'
    WHEN has_result AND NOT is_bulk THEN 'NO_RESPONSE'
    WHEN snapshot_date < attribution_window_ends THEN NULL
    WHEN has_result THEN 'NO_RESPONSE'
    ELSE 'NOT_REACHED'
  END AS response_code,
  CASE WHEN accepted_at IS NOT NULL
      THEN greatest(date_add(to_date(accepted_at), :use_days), last_day(add_months(to_date(accepted_at), 1)))
  END
    AS effective_known_on,
  CASE WHEN snapshot_date >= date_add(planned_date, :horizon_days - 1) THEN has_window_order END AS ordered_in_window
FROM windows
