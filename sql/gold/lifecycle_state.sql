-- Top decile and lift decide (rules 5.11 and 5.12); lift = score over the mean score of the model's population that day.
WITH lifted AS (
  SELECT
    subscription_id,
    snapshot_date,
    model_name,
    decile = 10 AS is_top_decile,
    coalesce(try_divide(score, avg(score) OVER (PARTITION BY snapshot_date, model_name)), 0) AS lift
  FROM gold.customer_score
  WHERE snapshot_date BETWEEN :first_date AND :last_date
),

marks AS (
  SELECT
    subscription_id,
    snapshot_date,
    max(model_name = :prospect_model AND is_top_decile AND lift >= :prospect_min_lift) AS is_prospect,
    max(model_name = :churn_model AND (is_top_decile OR lift >= :churn_min_lift)) AS is_at_risk,
    max(model_name = :offnet_model AND (is_top_decile OR lift >= :churn_min_lift)) AS is_leaving
  FROM lifted
  GROUP BY subscription_id, snapshot_date
)

SELECT
  snapshot.subscription_id,
  snapshot.snapshot_date,
  CASE
    WHEN snapshot.crbt_lifecycle_state IN ('NONE', 'LAPSED') AND coalesce(marks.is_prospect, FALSE) THEN 'PROSPECT'
    ELSE snapshot.crbt_lifecycle_state
  END AS crbt_lifecycle_state,
  snapshot.has_crbt AND coalesce(marks.is_at_risk, FALSE) AS is_at_risk,
  coalesce(marks.is_leaving, FALSE) AS churn_offnet_at_risk
FROM gold.customer_360 AS snapshot
LEFT JOIN marks
  ON snapshot.subscription_id = marks.subscription_id AND snapshot.snapshot_date = marks.snapshot_date
WHERE snapshot.snapshot_date BETWEEN :first_date AND :last_date AND snapshot.is_live
