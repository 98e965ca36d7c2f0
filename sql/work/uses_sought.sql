-- Acceptances of which a use of the product is sought, once it can be known. What an earlier night found (uses_before,
-- jobs/responses/uses_before.py) stands while the days it read are as they were: then only days loaded since are unread, and
-- those of acceptances that could not be judged by then.
SELECT
  c.snapshot_date,
  c.contact_id,
  c.subscription_id,
  to_date(c.accepted_at) AS accepted_on,
  :qualifying_use[c.product_id] AS qualifying,
  coalesce(e.is_used, FALSE) AS was_used,
  CASE WHEN e.contact_id IS NULL THEN to_date(c.accepted_at) ELSE date_add(:used_before, 1) END AS unread_from
FROM work.contact_answers AS c
LEFT JOIN uses_before AS e
  ON e.contact_id = c.contact_id AND e.product_id = c.product_id AND e.accepted_at = c.accepted_at
WHERE c.accepted_at IS NOT NULL AND c.effective_known_on <= c.snapshot_date
  AND :qualifying_use[c.product_id] IS NOT NULL
