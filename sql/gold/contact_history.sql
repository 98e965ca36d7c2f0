-- Second half of gold.contact_history: is the accepted customer effective? `work.contact_answers` is the first
-- half. `work.owners` says since when the present owner has the line: earlier contacts were another person's.
-- vas_uses and network_uses tell what counts as use of a day (conf/view.yaml, uses; jobs/rules/uses.py).
WITH to_judge AS (
  SELECT
    snapshot_date,
    contact_id,
    subscription_id,
    product_id,
    last_day(add_months(to_date(accepted_at), 1)) AS next_month_end
  FROM work.contact_answers
  WHERE accepted_at IS NOT NULL AND effective_known_on <= snapshot_date
),

used AS (
  SELECT
    snapshot_date,
    contact_id
  FROM work.uses_sought
  WHERE was_used
  UNION
  SELECT /*+ broadcast(j) */
    j.snapshot_date,
    j.contact_id
  FROM silver.vas_daily AS u
  JOIN work.uses_sought AS j
    ON u.subscription_id = j.subscription_id AND NOT j.was_used
      AND u.event_date BETWEEN j.accepted_on AND date_add(j.accepted_on, :use_days)
      AND u.load_date <= j.snapshot_date AND u.superseded_on > j.snapshot_date
      AND arrays_overlap(j.qualifying, vas_uses(
        u.crbt_download_cnt, u.crbt_paid_download_cnt, u.crbt_gift_cnt, u.crbt_copy_cnt, u.crbt_set_cnt,
        u.crbt_music_box_cnt, u.newspaper_issue_cnt, u.misc_subscribe_cnt, u.misc_unsubscribe_cnt
      ))
  WHERE u.event_date > date_sub(:first_date, :history_days)
    AND u.load_date >= (
      SELECT min(unread_from) AS unread_from FROM work.uses_sought
      WHERE NOT was_used
    )
  UNION
  SELECT /*+ broadcast(j) */
    j.snapshot_date,
    j.contact_id
  FROM silver.usage_daily AS u
  JOIN work.uses_sought AS j
    ON u.subscription_id = j.subscription_id AND NOT j.was_used
      AND u.event_date BETWEEN j.accepted_on AND date_add(j.accepted_on, :use_days)
      AND u.load_date <= j.snapshot_date AND u.superseded_on > j.snapshot_date
      AND arrays_overlap(j.qualifying, network_uses(
        u.voice_mo_cnt, u.sms_mo_cnt, u.gprs_sessions, u.data_volume_kb, u.mms_p2p_cnt, u.mms_sp_cnt
      ))
  WHERE u.event_date > date_sub(:first_date, :history_days)
    AND u.load_date >= (
      SELECT min(unread_from) AS unread_from FROM work.uses_sought
      WHERE NOT was_used
    )
),

-- Two days on which the product must be held: the next month end, to be effective; the end of the lift horizon, which is
-- the success of a campaign that keeps a product (an order is the success of every other).
to_hold AS (
  SELECT
    snapshot_date,
    contact_id,
    subscription_id,
    product_id,
    'EFFECTIVE' AS purpose,
    next_month_end AS until
  FROM to_judge
  UNION ALL
  SELECT
    snapshot_date,
    contact_id,
    subscription_id,
    product_id,
    'RETAINED' AS purpose,
    date_add(planned_date, :horizon_days - 1) AS until
  FROM work.contact_answers
  WHERE ordered_in_window IS NOT NULL AND array_contains(:retention_campaigns, campaign_id)
),

held AS (
  SELECT
    j.snapshot_date,
    j.contact_id,
    j.purpose,
    p.valid_date,
    j.until,
    max_by(struct(p.state, p.expire_date), struct(p.load_date, p.data_date)) AS newest
  FROM silver.product_subscription AS p
  JOIN to_hold AS j
    ON j.subscription_id = p.subscription_id AND j.product_id = p.product_id
      AND p.load_date <= j.snapshot_date AND p.superseded_on > j.snapshot_date AND p.valid_date <= j.until
  GROUP BY j.snapshot_date, j.contact_id, j.purpose, j.until, p.sp_code, p.service_code, p.valid_date
),

kept AS (
  SELECT
    snapshot_date,
    contact_id,
    bool_or(purpose = 'EFFECTIVE') AS is_kept,
    bool_or(purpose = 'RETAINED') AS is_retained
  FROM held
  WHERE newest.expire_date > until OR (newest.expire_date IS NULL AND newest.state <> 'CANCELLED')
  GROUP BY snapshot_date, contact_id
)

SELECT
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
  c.is_control,
  c.is_model_selected,
  c.contacted_at,
  c.reach_code,
  c.is_contacted,
  c.contact_state,
  c.response_code,
  CASE WHEN c.answer IN ('ACCEPT', 'REFUSE', 'CONSIDER') THEN c.contacted_at ELSE c.accepted_at END AS response_at,
  c.is_inferred,
  c.consider_until,
  c.refuse_reason,
  c.staff_id,
  c.order_id,
  c.accepted_at,
  CASE WHEN c.effective_known_on <= c.snapshot_date
      THEN coalesce(k.is_kept, FALSE)
        AND (u.contact_id IS NOT NULL OR :qualifying_use[c.product_id] IS NULL)
  END
    AS is_effective,
  CASE WHEN c.effective_known_on <= c.snapshot_date AND :qualifying_use[c.product_id] IS NOT NULL
      THEN u.contact_id IS NOT NULL
  END AS is_used,
  c.effective_known_on,
  CASE WHEN c.ordered_in_window IS NULL THEN NULL
    WHEN array_contains(:retention_campaigns, c.campaign_id) THEN coalesce(k.is_retained, FALSE)
    ELSE c.ordered_in_window
  END AS ordered_in_window,
  c.attribution_window_ends,
  CASE WHEN c.is_control THEN c.snapshot_date >= c.attribution_window_ends ELSE c.response_code IS NOT NULL END
    AS is_mature,
  CASE WHEN c.is_control OR c.contact_state = 'RECALLED' THEN FALSE
    WHEN c.contact_state IN ('MADE', 'OPEN') THEN TRUE
    WHEN c.has_result THEN :count_failed AND coalesce(c.contact_class, c.channel_class) <> 'PASSIVE'
    ELSE coalesce(c.contact_class, c.channel_class, '') <> 'PASSIVE'
  END AS counts_to_cap,
  c.source,
  c.planned_date >= coalesce(o.owner_since, DATE '1900-01-01') AS is_present_owner,
  c.snapshot_date
FROM work.contact_answers AS c
LEFT JOIN work.owners AS o ON o.snapshot_date = c.snapshot_date AND o.subscription_id = c.subscription_id
LEFT JOIN used AS u ON u.snapshot_date = c.snapshot_date AND u.contact_id = c.contact_id
LEFT JOIN kept AS k ON k.snapshot_date = c.snapshot_date AND k.contact_id = c.contact_id
