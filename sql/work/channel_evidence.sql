-- What the present owner of each subscription showed on each channel in the last months: final answers to contacts, and
-- orders placed unasked.
SELECT
  e.snapshot_date,
  e.subscription_id,
  max(o.brand_code) AS brand_code,
  e.channel_code,
  count_if(e.evidence = 'CONTACT') AS contact_cnt,
  count_if(e.is_accept) AS accept_cnt,
  count_if(e.evidence = 'SELF_ORDER') AS self_order_cnt
FROM (
  SELECT
    snapshot_date,
    subscription_id,
    channel_code,
    planned_date AS day,
    'CONTACT' AS evidence,
    response_code = 'ACCEPT' AS is_accept
  FROM work.contact_answers
  WHERE is_contacted AND response_code IS NOT NULL AND planned_date > add_months(snapshot_date, -:preference_months)
  UNION ALL
  SELECT
    s.snapshot_date,
    p.subscription_id,
    p.channel_id AS channel_code,
    p.order_date AS day,
    'SELF_ORDER' AS evidence,
    FALSE AS is_accept
  FROM (
    SELECT
      order_id,
      channel_id,
      subscription_id,
      order_date,
      load_date,
      superseded_on
    FROM silver.product_order
    WHERE action = 'ADD' AND coalesce(campaign_id, '') = '' AND array_contains(:self_order_channels, channel_id)
  ) AS p
  JOIN (SELECT explode(:snapshot_dates) AS snapshot_date) AS s
    ON p.load_date <= s.snapshot_date AND p.superseded_on > s.snapshot_date
      AND p.order_date > add_months(s.snapshot_date, -:preference_months)
) AS e
JOIN
  work.owners
    AS o
  ON o.snapshot_date = e.snapshot_date AND o.subscription_id = e.subscription_id
    AND e.day >= coalesce(o.owner_since, DATE '1900-01-01')
GROUP BY e.snapshot_date, e.subscription_id, e.channel_code
