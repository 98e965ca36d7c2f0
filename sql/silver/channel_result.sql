-- What nobody could read is filled: an identifier by the record's place, the time by the day of the file. A wish in any row
-- or delivery stays (nth_row, superseded_on): only a person takes it away.
SELECT
  coalesce(r.contact_id, concat(r.file_id, ':', r.line_number)) AS contact_id,
  r.nth_row,
  coalesce(r.contact_time, CAST(r.data_date AS TIMESTAMP)) AS contact_time,
  r.msisdn_token,
  h.subscription_id,
  coalesce(r.campaign_id, 'UNKNOWN') AS campaign_id,
  r.task_id,
  r.wave_no,
  coalesce(r.channel_code, 'UNKNOWN') AS channel_code,
  coalesce(r.reach_code, 'UNKNOWN') AS reach_code,
  nullif(r.response_code, '') AS response_code,
  r.refuse_reason,
  r.staff_id,
  r.script_id,
  r.order_id,
  nullif(r.opt_out_scope, '') AS opt_out_scope,
  r.data_date,
  r.load_date,
  r.superseded_on
FROM as_of_channel_result AS r
LEFT JOIN work.msisdn_holder AS h
  ON h.msisdn_token = r.msisdn_token
    AND h.valid_from <= CAST(r.contact_time AS DATE) AND h.valid_to > CAST(r.contact_time AS DATE)
    AND h.known_from <= r.load_date AND h.known_to > r.load_date
WHERE r.load_date BETWEEN :first_date AND :last_date
