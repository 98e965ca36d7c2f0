-- Chance of a yes on each channel for each subscription: (accepts + a) / (contacts + b) over the last months, where the prior
-- is the brand's rate on that channel, itself smoothed with everybody's. Orders placed unasked count as accepts.
WITH counts AS (
  SELECT
    snapshot_date,
    brand_code,
    channel_code,
    sum(contact_cnt) AS contact_cnt,
    sum(accept_cnt) AS accept_cnt
  FROM work.channel_evidence
  GROUP BY snapshot_date, brand_code, channel_code
),

rates AS (
  SELECT
    snapshot_date,
    channel_code,
    sum(accept_cnt) / greatest(sum(contact_cnt), 1) AS overall_rate,
    map_from_entries(collect_list(struct(coalesce(brand_code, ''), struct(contact_cnt, accept_cnt)))) AS brands
  FROM counts
  GROUP BY snapshot_date, channel_code
),

priors AS (
  SELECT
    o.snapshot_date,
    o.brand_code,
    c.channel_code,
    (coalesce(r.brands[coalesce(o.brand_code, '')].accept_cnt, 0) + :brand_prior * coalesce(r.overall_rate, 0.0))
    / (coalesce(r.brands[coalesce(o.brand_code, '')].contact_cnt, 0) + :brand_prior) AS rate
  FROM (
    SELECT DISTINCT
      snapshot_date,
      brand_code
    FROM work.owners
  ) AS o
  CROSS JOIN (SELECT explode(map_keys(:channel_classes)) AS channel_code) AS c
  LEFT JOIN rates AS r ON r.snapshot_date = o.snapshot_date AND r.channel_code = c.channel_code
),

brands AS (
  SELECT
    snapshot_date,
    brand_code,
    array_sort(collect_list(struct(channel_code, rate))) AS priors
  FROM priors
  GROUP BY snapshot_date, brand_code
),

shown AS (
  SELECT
    snapshot_date,
    subscription_id,
    map_from_entries(collect_list(struct(channel_code, struct(contact_cnt, accept_cnt, self_order_cnt)))) AS channels,
    sum(contact_cnt) AS contact_cnt,
    sum(accept_cnt) AS accept_cnt,
    sum(self_order_cnt) AS self_order_cnt
  FROM work.channel_evidence
  WHERE array_contains(map_keys(:channel_classes), channel_code)
  GROUP BY snapshot_date, subscription_id
),

-- Few show anything: all channels of a line are scored within its row, so that no line is multiplied by the channels.
scored AS (
  SELECT
    o.snapshot_date,
    o.subscription_id,
    o.owner_since,
    coalesce(e.contact_cnt, 0) AS contact_cnt,
    coalesce(e.accept_cnt, 0) AS accept_cnt,
    coalesce(e.self_order_cnt, 0) AS self_order_cnt,
    transform(b.priors, p -> struct(
      p.channel_code AS channel_code,
      (
        coalesce(e.channels[p.channel_code].accept_cnt, 0)
        + :own_order_weight * coalesce(e.channels[p.channel_code].self_order_cnt, 0) + :preference_prior * p.rate
      )
      / (
        coalesce(e.channels[p.channel_code].contact_cnt, 0)
        + :own_order_weight * coalesce(e.channels[p.channel_code].self_order_cnt, 0) + :preference_prior
      ) AS score
    )) AS channels
  FROM work.owners AS o
  JOIN brands AS b ON b.snapshot_date = o.snapshot_date AND b.brand_code <=> o.brand_code
  LEFT JOIN shown AS e ON e.snapshot_date = o.snapshot_date AND e.subscription_id = o.subscription_id
)

SELECT
  subscription_id,
  map_from_entries(transform(channels, c -> struct(c.channel_code, CAST(c.score AS DOUBLE))))
    AS channel_preference_score,
  CASE WHEN contact_cnt + self_order_cnt > 0
      THEN array_max(transform(channels, c -> struct(c.score, c.channel_code))).channel_code
  END AS preferred_channel,
  CAST(contact_cnt AS INT) AS contact_cnt,
  CAST(accept_cnt AS INT) AS accept_cnt,
  CAST(self_order_cnt AS INT) AS self_order_cnt,
  owner_since,
  snapshot_date
FROM scored
