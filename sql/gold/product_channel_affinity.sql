-- What became of each product on each channel over the last months: does a contact arrive, and does who was reached say yes.
-- Known is the outcome of a contact with a result, and of a row on a passive channel once its list has expired: who did not come by
-- then was not reached. A yes to a campaign that keeps a product is no sale of it and does not count. Bands are terciles.
-- `work.contact_answers` is the first half of gold.contact_history.
WITH contacts AS (
  SELECT
    snapshot_date,
    product_id,
    channel_code,
    is_contacted,
    response_code,
    CASE WHEN coalesce(contact_class, channel_class) = 'PASSIVE'
        THEN date_add(planned_date, :late_result_nights['PASSIVE']) <= snapshot_date
      ELSE has_result
    END AS is_known,
    is_contacted AND response_code IS NOT NULL
    AND NOT array_contains(:retention_campaigns, campaign_id) AS is_answered
  FROM work.contact_answers
  WHERE NOT is_control AND contact_state <> 'RECALLED' AND product_id IS NOT NULL AND channel_code IS NOT NULL
    AND planned_date > add_months(snapshot_date, -:affinity_months)
),

counted AS (
  SELECT
    snapshot_date,
    product_id,
    channel_code,
    count_if(is_known) AS resulted_cnt,
    count_if(is_known AND is_contacted) AS reached_cnt,
    count_if(is_answered) AS contacted_cnt,
    count_if(is_answered AND response_code = 'ACCEPT') AS accepted_cnt
  FROM contacts
  WHERE is_known OR is_answered
  GROUP BY snapshot_date, product_id, channel_code
),

smoothed AS (
  SELECT
    *,
    (accepted_cnt + :affinity_prior * overall_rate) / (contacted_cnt + :affinity_prior) AS smoothed_rate
  FROM (
    SELECT
      *,
      sum(accepted_cnt) OVER (PARTITION BY snapshot_date)
      / greatest(sum(contacted_cnt) OVER (PARTITION BY snapshot_date), 1) AS overall_rate
    FROM counted
  )
)

SELECT
  product_id,
  channel_code,
  resulted_cnt,
  reached_cnt,
  contacted_cnt,
  accepted_cnt,
  smoothed_rate,
  element_at(
    array('WEAK', 'MID', 'STRONG'),
    ntile(3) OVER (PARTITION BY snapshot_date ORDER BY smoothed_rate, product_id, channel_code)
  ) AS affinity_band,
  snapshot_date
FROM smoothed
