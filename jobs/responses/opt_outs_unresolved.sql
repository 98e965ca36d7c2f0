-- Opt-outs that protect nobody, because neither the contact nor the number is known, by the day they were loaded.
SELECT r.load_date AS loaded_on, count(*) AS opt_out_cnt
FROM silver.channel_result AS r
LEFT JOIN contact_answers AS c ON c.snapshot_date = :last_date AND c.contact_id = r.contact_id
WHERE r.opt_out_scope <> '' AND coalesce(r.subscription_id, c.subscription_id) IS NULL
  AND r.load_date <= :last_date AND r.superseded_on > :last_date
GROUP BY r.load_date
