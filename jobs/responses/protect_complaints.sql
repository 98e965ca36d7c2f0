-- Protection by complaint class (domain rule 5.10). A: to the regulator, or a professional complainant; everything, until an
-- officer releases it. B: repeated marketing complaints; everything. C: one marketing complaint; that channel and product,
-- everything when it names neither. D: any other complaint while open or freshly closed; everything.
WITH snapshots AS (
  SELECT to_date(day) AS snapshot_date FROM (SELECT explode(split(:snapshot_dates, ',')) AS day)
),
complaints AS (
  SELECT snapshot_date, complaint_id, newest.*, to_date(newest.created_at) AS began_on,
         coalesce(array_contains(split(:marketing_categories, ','), newest.category), false)
           OR coalesce(newest.about_channel, newest.about_product, '') <> '' AS is_marketing
  FROM (
    SELECT s.snapshot_date, c.complaint_id,
           max_by(struct(c.subscription_id, c.created_at, c.category, nullif(c.about_channel, '') AS about_channel,
                         nullif(c.about_product, '') AS about_product, c.is_escalated, c.status, c.closed_at),
                  struct(c.data_date, c.load_date, c.status)) AS newest
    FROM silver.complaint AS c
    JOIN snapshots AS s ON c.load_date <= s.snapshot_date AND c.superseded_on > s.snapshot_date
    WHERE c.subscription_id IS NOT NULL
    GROUP BY s.snapshot_date, c.complaint_id
  )
  WHERE NOT array_contains(split(:released_complaints, ','), complaint_id)
),
counted AS (
  SELECT c.snapshot_date, c.complaint_id, c.subscription_id, c.began_on, c.is_marketing, c.about_channel, c.about_product,
         coalesce(c.is_escalated, false) AS is_escalated, c.status, to_date(c.closed_at) AS closed_on,
         count(*) AS recent_cnt, count_if(e.is_marketing) AS recent_marketing_cnt
  FROM complaints AS c
  JOIN complaints AS e ON e.snapshot_date = c.snapshot_date AND e.subscription_id = c.subscription_id
   AND e.began_on BETWEEN add_months(c.began_on, -:complaint_months) AND c.began_on
  GROUP BY c.snapshot_date, c.complaint_id, c.subscription_id, c.began_on, c.is_marketing, c.about_channel, c.about_product,
           c.is_escalated, c.status, c.closed_at
)
SELECT snapshot_date, subscription_id, 'SYSTEM' AS scope_type, '*' AS scope_value, 'COMPLAINT_A' AS reason,
       began_on AS valid_from, DATE '9999-12-31' AS valid_to, 'COMPLAINT' AS source, began_on
FROM counted WHERE is_escalated OR recent_cnt >= :professional_cnt
UNION ALL
SELECT snapshot_date, subscription_id, 'SYSTEM', '*', 'COMPLAINT_B', began_on, add_months(began_on, :complaint_b_months), 'COMPLAINT', began_on
FROM counted WHERE is_marketing AND recent_marketing_cnt >= :repeated_cnt
UNION ALL
SELECT snapshot_date, subscription_id, scope.type, scope.value, 'COMPLAINT_C', began_on, add_months(began_on, :complaint_c_months), 'COMPLAINT', began_on
FROM (
  SELECT *, explode(
           CASE WHEN about_channel IS NULL AND about_product IS NULL THEN array(named_struct('type', 'SYSTEM', 'value', '*'))
                ELSE filter(array(named_struct('type', 'CHANNEL', 'value', about_channel),
                                  named_struct('type', 'PRODUCT', 'value', about_product)), s -> s.value IS NOT NULL) END) AS scope
  FROM counted WHERE is_marketing
)
UNION ALL
SELECT snapshot_date, subscription_id, 'SYSTEM', '*', 'COMPLAINT_D', began_on,
       CASE WHEN status = 'CLOSED' THEN date_add(coalesce(closed_on, began_on), :complaint_d_days - 1) ELSE DATE '9999-12-31' END,
       'COMPLAINT', began_on
FROM counted WHERE NOT is_marketing
