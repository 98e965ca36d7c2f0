-- Smoothed rate 2 of each product on each channel over the last months; only final answers count. Bands are terciles.
-- `contact_answers` is the first half of gold.contact_history, kept in memory by the job (jobs/responses).
WITH counted AS (
  SELECT snapshot_date, product_id, channel_code, count(*) AS contacted_cnt, count_if(response_code = 'ACCEPT') AS accepted_cnt
  FROM contact_answers
  WHERE is_contacted AND response_code IS NOT NULL
    AND product_id IS NOT NULL AND channel_code IS NOT NULL
    AND planned_date > add_months(snapshot_date, -:affinity_months)
  GROUP BY snapshot_date, product_id, channel_code
),
smoothed AS (
  SELECT *, (accepted_cnt + :affinity_prior * overall_rate) / (contacted_cnt + :affinity_prior) AS smoothed_rate
  FROM (SELECT *, sum(accepted_cnt) OVER (PARTITION BY snapshot_date) / sum(contacted_cnt) OVER (PARTITION BY snapshot_date)
                    AS overall_rate
        FROM counted)
)
SELECT product_id, channel_code, contacted_cnt, accepted_cnt, smoothed_rate,
       element_at(array('WEAK', 'MID', 'STRONG'),
                  ntile(3) OVER (PARTITION BY snapshot_date ORDER BY smoothed_rate, product_id, channel_code)) AS affinity_band,
       snapshot_date
FROM smoothed
