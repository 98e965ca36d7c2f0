-- Protection asked for at a contact, in force at once and until released. An opt-out whose channel or product is unknown
-- closes everything. One whose contact and number both resolve to nobody protects nobody: the job counts it and tells people.
-- Who closes everything means the person: the other subscriptions on the same ID document follow.
WITH snapshots AS (
  SELECT to_date(day) AS snapshot_date FROM (SELECT explode(split(:snapshot_dates, ',')) AS day)
),
persons AS (
  SELECT snapshot_date, subscription_id, owner_since,
         collect_list(subscription_id) OVER (PARTITION BY snapshot_date, person) AS subscriptions
  FROM owners WHERE person IS NOT NULL
),
asked AS (
  SELECT s.snapshot_date, r.contact_id, coalesce(r.subscription_id, c.subscription_id) AS subscription_id,
         to_date(r.contact_time) AS began_on,
         CASE WHEN r.opt_out_scope = 'CHANNEL' AND r.channel_code IS NOT NULL THEN 'CHANNEL'
              WHEN r.opt_out_scope = 'PRODUCT' AND c.product_id IS NOT NULL THEN 'PRODUCT' ELSE 'SYSTEM' END AS scope_type,
         CASE WHEN r.opt_out_scope = 'CHANNEL' AND r.channel_code IS NOT NULL THEN r.channel_code
              WHEN r.opt_out_scope = 'PRODUCT' AND c.product_id IS NOT NULL THEN c.product_id ELSE '*' END AS scope_value
  FROM silver.channel_result AS r
  JOIN snapshots AS s ON r.load_date <= s.snapshot_date AND r.superseded_on > s.snapshot_date
  LEFT JOIN contact_answers AS c ON c.snapshot_date = s.snapshot_date AND c.contact_id = r.contact_id
  WHERE r.opt_out_scope <> ''
),
spread AS (
  SELECT a.snapshot_date, a.subscription_id AS asked_by, a.scope_type, a.scope_value, a.began_on,
         explode(CASE WHEN a.scope_type = 'SYSTEM' AND a.began_on >= coalesce(p.owner_since, DATE '1900-01-01')
                      THEN array_union(array(a.subscription_id), coalesce(p.subscriptions, array()))
                      ELSE array(a.subscription_id) END) AS subscription_id
  FROM asked AS a
  LEFT JOIN persons AS p ON p.snapshot_date = a.snapshot_date AND p.subscription_id = a.subscription_id
  WHERE a.subscription_id IS NOT NULL
)
SELECT snapshot_date, subscription_id, scope_type, scope_value, concat('DND_', scope_type) AS reason,
       began_on AS valid_from, DATE '9999-12-31' AS valid_to,
       CASE WHEN subscription_id = asked_by THEN 'OPT_OUT' ELSE 'OPT_OUT_PERSON' END AS source,
       CASE WHEN subscription_id = asked_by THEN began_on ELSE DATE '9999-12-31' END AS began_on
FROM spread
