-- Protection by complaint class (domain rule 5.10). A: to the regulator, or a professional complainant; everything, until a
-- person releases it. B: repeated marketing complaints; everything. C: one marketing complaint; that channel and product,
-- everything when it names neither. D: any other complaint while open or freshly closed; everything.
WITH snapshots AS (
  SELECT explode(:snapshot_dates) AS snapshot_date
),

complaints AS (
  SELECT
    snapshot_date,
    newest.*,
    to_date(newest.created_at) AS began_on,
    coalesce(array_contains(:marketing_categories, newest.category), FALSE)
    OR coalesce(newest.about_channel, newest.about_product, '') <> '' AS is_marketing
  FROM (
    SELECT
      s.snapshot_date,
      c.complaint_id,
      max_by(struct(
        c.subscription_id, c.created_at, c.category, nullif(c.about_channel, '') AS about_channel,
        nullif(c.about_product, '') AS about_product, coalesce(c.is_escalated, FALSE) AS is_escalated,
        c.status, c.closed_at
      ),
      struct(c.data_date, c.load_date, c.status)) AS newest
    FROM silver.complaint AS c
    -- in any delivery: a file that replaces another takes no complaint away
    JOIN snapshots AS s ON c.load_date <= s.snapshot_date
    WHERE c.subscription_id IS NOT NULL
      AND NOT coalesce(:released_complaints[c.complaint_id] <= s.snapshot_date, FALSE)
    GROUP BY s.snapshot_date, c.complaint_id
  )
),

-- A customer has a handful of complaints: each looks at the others of the months before it.
with_others AS (
  SELECT
    *,
    collect_list(struct(began_on AS day, is_marketing AS marketing))
      OVER (PARTITION BY snapshot_date, subscription_id)
      AS others
  FROM complaints
),

counted AS (
  SELECT
    *,
    size(recent) AS recent_cnt,
    size(filter(recent, c -> c.marketing)) AS recent_marketing_cnt
  FROM (
    SELECT
      *,
      filter(others, c -> c.day <= began_on AND c.day >= add_months(began_on, -:complaint_months)) AS recent
    FROM with_others
  )
)

SELECT
  snapshot_date,
  subscription_id,
  rule.scope_type,
  rule.scope_value,
  rule.reason,
  began_on AS valid_from,
  rule.valid_to,
  'COMPLAINT' AS source,
  began_on
FROM (
  SELECT
    snapshot_date,
    subscription_id,
    began_on,
    explode(filter(array(
      CASE WHEN is_escalated OR recent_cnt >= :professional_cnt
          THEN named_struct(
              'scope_type', 'SYSTEM', 'scope_value', '*', 'reason', 'COMPLAINT_A', 'valid_to', DATE '9999-12-31'
            )
      END,
      CASE WHEN is_marketing AND recent_marketing_cnt >= :repeated_cnt
          THEN named_struct(
              'scope_type', 'SYSTEM', 'scope_value', '*', 'reason', 'COMPLAINT_B',
              'valid_to', add_months(began_on, :complaint_b_months)
            )
      END,
      CASE WHEN is_marketing AND about_channel IS NULL AND about_product IS NULL
          THEN named_struct(
              'scope_type', 'SYSTEM', 'scope_value', '*', 'reason', 'COMPLAINT_C',
              'valid_to', add_months(began_on, :complaint_c_months)
            )
      END,
      CASE WHEN is_marketing AND about_channel IS NOT NULL
          THEN named_struct(
              'scope_type', 'CHANNEL', 'scope_value', about_channel, 'reason', 'COMPLAINT_C',
              'valid_to', add_months(began_on, :complaint_c_months)
            )
      END,
      CASE WHEN is_marketing AND about_product IS NOT NULL
          THEN named_struct(
              'scope_type', 'PRODUCT', 'scope_value', about_product, 'reason', 'COMPLAINT_C',
              'valid_to', add_months(began_on, :complaint_c_months)
            )
      END,
      CASE WHEN NOT is_marketing
          THEN named_struct(
              'scope_type', 'SYSTEM', 'scope_value', '*', 'reason', 'COMPLAINT_D', 'valid_to',
              CASE WHEN status = 'CLOSED' THEN date_add(coalesce(to_date(closed_at), began_on), :complaint_d_days - 1)
                ELSE DATE '9999-12-31'
              END
            )
      END
    ), r -> r IS NOT NULL)) AS rule
  FROM counted
)
