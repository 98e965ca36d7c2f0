"""Old rows of Airflow's own database: runs, tasks, logs and messages between tasks."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

from conf.errors import ConfigError
from conf.settings import Settings
from jobs.servers import postgres

FORBIDDEN = "airflow-db-not-allowed"  # what Airflow leaves of the address inside a task


def is_reachable(settings: Settings) -> bool:
    """Whether the embedded Postgres runs; maintenance starts no server."""
    return postgres.is_running(settings)


def database(settings: Settings) -> str | None:
    """Address of a database that can be cleaned from here; None when none is given or ours does not run."""
    if settings.services.embedded_postgres and not is_reachable(settings):
        return None
    try:
        uri = postgres.airflow_database(settings)
    except ConfigError:
        return None
    if uri.startswith(FORBIDDEN):
        uri = settings.services.airflow_database_url or FORBIDDEN
    return None if uri.startswith(FORBIDDEN) else uri


def clean(settings: Settings, before: date, uri: str) -> None:
    """Remove rows older than that date; CalledProcessError with Airflow's own words when one table could not be cleaned."""
    command = [
        str(Path(sys.executable).with_name("airflow")),
        "db",
        "clean",
        "--skip-archive",
        "--yes",
        "--error-on-cleanup-failure",
        "--clean-before-timestamp",
        f"{before} 00:00:00",
    ]
    own = {
        "AIRFLOW_HOME": str(settings.path("airflow")),
        postgres.AIRFLOW_VARIABLE: uri,
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": settings.time_zone,
    }
    subprocess.run(command, env={**os.environ, **own}, check=True, capture_output=True)
