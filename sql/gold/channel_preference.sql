-- Chance of a yes on each channel for each subscription: (accepts + a) / (contacts + b) over the last months, where the prior
-- is the brand's rate on that channel, itself smoothed with everybody's. Orders placed without being asked count as accepts.
WITH evidence AS (
  SELECT snapshot_date, subscription_id, channel_code, count(*) AS contact_cnt,
         count_if(response_code = 'ACCEPT') AS accept_cnt, CAST(0 AS BIGINT) AS self_order_cnt
  FROM gold.contact_history
  WHERE snapshot_date BETWEEN :first_date AND :last_date AND is_contacted AND is_mature
    AND planned_date > add_months(snapshot_date, -:preference_months)
  GROUP BY snapshot_date, subscription_id, channel_code
  UNION ALL
  SELECT s.snapshot_date, o.subscription_id, o.channel_id AS channel_code, 0, 0, count(DISTINCT o.order_id)
  FROM silver.product_order AS o
  JOIN (SELECT DISTINCT snapshot_date FROM owners) AS s ON o.load_date <= s.snapshot_date AND o.superseded_on > s.snapshot_date
  WHERE o.action = 'ADD' AND coalesce(o.campaign_id, '') = '' AND o.order_date > add_months(s.snapshot_date, -:preference_months)
    AND array_contains(split(:self_order_channels, ','), o.channel_id)
  GROUP BY s.snapshot_date, o.subscription_id, o.channel_id
),
own AS (
  SELECT snapshot_date, subscription_id, channel_code, sum(contact_cnt) AS contact_cnt, sum(accept_cnt) AS accept_cnt,
         sum(self_order_cnt) AS self_order_cnt
  FROM evidence
  GROUP BY snapshot_date, subscription_id, channel_code
),
channels AS (SELECT explode(map_keys(str_to_map(:channel_classes, ',', '='))) AS channel_code),
brand_counts AS (
  SELECT o.snapshot_date, o.brand_code, e.channel_code, sum(e.contact_cnt) AS contact_cnt, sum(e.accept_cnt) AS accept_cnt
  FROM own AS e
  JOIN owners AS o ON o.snapshot_date = e.snapshot_date AND o.subscription_id = e.subscription_id
  GROUP BY o.snapshot_date, o.brand_code, e.channel_code
),
brands AS (SELECT DISTINCT snapshot_date, brand_code FROM owners),
brand_rates AS (
  SELECT b.snapshot_date, b.brand_code, c.channel_code,
         (coalesce(k.accept_cnt, 0) + :brand_prior * coalesce(a.rate, 0.0)) / (coalesce(k.contact_cnt, 0) + :brand_prior) AS rate
  FROM brands AS b
  CROSS JOIN channels AS c
  LEFT JOIN brand_counts AS k
    ON k.snapshot_date = b.snapshot_date AND k.brand_code <=> b.brand_code AND k.channel_code = c.channel_code
  LEFT JOIN (SELECT snapshot_date, channel_code, sum(accept_cnt) / greatest(sum(contact_cnt), 1) AS rate
             FROM brand_counts GROUP BY snapshot_date, channel_code) AS a
    ON a.snapshot_date = b.snapshot_date AND a.channel_code = c.channel_code
),
scored AS (
  SELECT o.snapshot_date, o.subscription_id, r.channel_code, coalesce(e.contact_cnt, 0) AS contact_cnt,
         coalesce(e.accept_cnt, 0) AS accept_cnt, coalesce(e.self_order_cnt, 0) AS self_order_cnt,
         (coalesce(e.accept_cnt, 0) + :own_order_weight * coalesce(e.self_order_cnt, 0) + :preference_prior * r.rate)
           / (coalesce(e.contact_cnt, 0) + :own_order_weight * coalesce(e.self_order_cnt, 0) + :preference_prior) AS score
  FROM owners AS o
  JOIN brand_rates AS r ON r.snapshot_date = o.snapshot_date AND r.brand_code <=> o.brand_code
  LEFT JOIN own AS e
    ON e.snapshot_date = o.snapshot_date AND e.subscription_id = o.subscription_id AND e.channel_code = r.channel_code
)
SELECT subscription_id,
       map_from_entries(array_sort(collect_list(struct(channel_code, CAST(score AS DOUBLE) AS score)))) AS channel_preference_score,
       CASE WHEN sum(contact_cnt) + sum(self_order_cnt) > 0 THEN max_by(channel_code, struct(score, channel_code)) END
         AS preferred_channel,
       CAST(sum(contact_cnt) AS INT) AS contact_cnt, CAST(sum(accept_cnt) AS INT) AS accept_cnt,
       CAST(sum(self_order_cnt) AS INT) AS self_order_cnt, snapshot_date
FROM scored
GROUP BY snapshot_date, subscription_id
