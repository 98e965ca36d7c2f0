-- Protection asked for at a contact, in force at once and until a person releases it (conf/responses.yaml); no file takes it
-- away. An opt-out whose channel or product is unknown closes everything. One that binds to nobody is counted and told.
-- Who closes everything means the person: the other subscriptions on the same ID document follow.
WITH persons AS (
  SELECT
    snapshot_date,
    subscription_id,
    owner_since,
    collect_list(subscription_id) OVER (PARTITION BY snapshot_date, person) AS subscriptions
  FROM work.owners
  WHERE person IS NOT NULL
),

asked AS (
  SELECT
    snapshot_date,
    subscription_id,
    began_on,
    is_bound_at_the_time,
    CASE WHEN opt_out_scope = 'CHANNEL' AND channel_code <> 'UNKNOWN' THEN 'CHANNEL'
      WHEN opt_out_scope = 'PRODUCT' AND product_id IS NOT NULL THEN 'PRODUCT' ELSE 'SYSTEM'
    END AS scope_type,
    CASE WHEN opt_out_scope = 'CHANNEL' AND channel_code <> 'UNKNOWN' THEN channel_code
      WHEN opt_out_scope = 'PRODUCT' AND product_id IS NOT NULL THEN product_id ELSE '*'
    END AS scope_value
  FROM work.wishes
  WHERE subscription_id IS NOT NULL
    AND NOT coalesce(:released_opt_outs[subscription_id] BETWEEN began_on AND snapshot_date, FALSE)
),

spread AS (
  SELECT
    a.snapshot_date,
    a.subscription_id AS asked_by,
    a.scope_type,
    a.scope_value,
    a.began_on,
    a.is_bound_at_the_time,
    explode(CASE WHEN a.scope_type = 'SYSTEM' AND a.began_on >= coalesce(p.owner_since, DATE '1900-01-01')
        THEN array_union(array(a.subscription_id), coalesce(p.subscriptions, array()))
      ELSE array(a.subscription_id)
    END) AS subscription_id
  FROM asked AS a
  LEFT JOIN persons AS p ON p.snapshot_date = a.snapshot_date AND p.subscription_id = a.subscription_id
)

-- What a present holder has because nobody knows whose wish it was does not end with a change of owner.
SELECT
  snapshot_date,
  subscription_id,
  scope_type,
  scope_value,
  concat('DND_', scope_type) AS reason,
  began_on AS valid_from,
  DATE '9999-12-31' AS valid_to,
  CASE WHEN subscription_id = asked_by THEN 'OPT_OUT' ELSE 'OPT_OUT_PERSON' END AS source,
  CASE WHEN subscription_id = asked_by AND is_bound_at_the_time THEN began_on ELSE DATE '9999-12-31' END AS began_on
FROM spread
