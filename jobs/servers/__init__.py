"""The servers of one machine, each started, asked and stopped exactly: Airflow, its Postgres, MLflow's pages, the Data Docs."""
