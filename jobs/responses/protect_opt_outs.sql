-- Protection asked for at a contact, in force at once and until released. An opt-out whose channel or product is unknown
-- closes everything. Who closes everything means the person: the other subscriptions on the same ID document follow.
WITH snapshots AS (
  SELECT to_date(day) AS snapshot_date FROM (SELECT explode(split(:snapshot_dates, ',')) AS day)
),
asked AS (
  SELECT s.snapshot_date, r.contact_id, r.subscription_id, r.opt_out_scope, r.channel_code, to_date(r.contact_time) AS began_on
  FROM silver.channel_result AS r
  JOIN snapshots AS s ON r.load_date <= s.snapshot_date AND r.superseded_on > s.snapshot_date
  WHERE r.opt_out_scope <> ''
),
opt_outs AS (
  SELECT a.snapshot_date, coalesce(a.subscription_id, c.subscription_id) AS subscription_id, a.began_on,
         CASE WHEN a.opt_out_scope = 'CHANNEL' AND a.channel_code IS NOT NULL THEN 'CHANNEL'
              WHEN a.opt_out_scope = 'PRODUCT' AND c.product_id IS NOT NULL THEN 'PRODUCT' ELSE 'SYSTEM' END AS scope_type,
         CASE WHEN a.opt_out_scope = 'CHANNEL' AND a.channel_code IS NOT NULL THEN a.channel_code
              WHEN a.opt_out_scope = 'PRODUCT' AND c.product_id IS NOT NULL THEN c.product_id ELSE '*' END AS scope_value
  FROM asked AS a
  LEFT JOIN contact_answers AS c ON c.snapshot_date = a.snapshot_date AND c.contact_id = a.contact_id
),
persons AS (
  SELECT o.snapshot_date, o.subscription_id, c.person, o.owner_since
  FROM owners AS o
  JOIN (SELECT s.snapshot_date, k.customer_id,
               max_by(CASE WHEN NOT coalesce(k.is_company_registered, false) AND k.corporate_id IS NULL
                           THEN k.id_number_token END, struct(k.data_date, k.load_date)) AS person
        FROM silver.customer AS k
        JOIN snapshots AS s ON k.load_date <= s.snapshot_date AND k.superseded_on > s.snapshot_date
        GROUP BY s.snapshot_date, k.customer_id) AS c
    ON c.snapshot_date = o.snapshot_date AND c.customer_id = o.customer_id
  WHERE c.person IS NOT NULL
),
followers AS (
  SELECT other.snapshot_date, other.subscription_id, min(o.began_on) AS began_on
  FROM opt_outs AS o
  JOIN persons AS p ON p.snapshot_date = o.snapshot_date AND p.subscription_id = o.subscription_id
   AND o.began_on >= coalesce(p.owner_since, DATE '1900-01-01')
  JOIN persons AS other ON other.snapshot_date = p.snapshot_date AND other.person = p.person
   AND other.subscription_id <> p.subscription_id
  WHERE o.scope_type = 'SYSTEM'
  GROUP BY other.snapshot_date, other.subscription_id
)
SELECT snapshot_date, subscription_id, scope_type, scope_value, concat('DND_', scope_type) AS reason,
       began_on AS valid_from, DATE '9999-12-31' AS valid_to, 'OPT_OUT' AS source, began_on
FROM opt_outs WHERE subscription_id IS NOT NULL
UNION ALL
SELECT snapshot_date, subscription_id, 'SYSTEM', '*', 'DND_SYSTEM', began_on, DATE '9999-12-31', 'OPT_OUT_PERSON', DATE '9999-12-31'
FROM followers
