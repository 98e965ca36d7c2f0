"""The servers people look at (Postgres, Airflow, MLflow, Data Docs), started and stopped exactly, and the demo that drives them."""
