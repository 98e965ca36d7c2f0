SELECT
  tac,
  device_id,
  brand,
  model,
  price_class,
  supports_gprs,
  supports_mms,
  supports_java,
  supports_fetion,
  supports_wap,
  launch_date,
  data_date,
  load_date,
  superseded_on
FROM as_of_tac_device
WHERE load_date BETWEEN :first_date AND :last_date
