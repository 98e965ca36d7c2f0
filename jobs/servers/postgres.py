"""Where Airflow's and MLflow's records lie: the embedded Postgres (a wheel, no install) of the demo, or servers of the operator."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from conf.errors import ConfigError
from conf.settings import SETTINGS_FILE, Settings
from jobs.lakehouse.locks import held
from jobs.servers import postgres_server

DATABASES = ("airflow", "mlflow")
AIRFLOW_VARIABLE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"
POLL_SECONDS = 0.1


def start(settings: Settings) -> dict[str, str]:
    """Start Postgres on a Unix socket (no TCP port) and return one SQLAlchemy address per database."""
    with held(settings.path("run", "postgres.lock")):
        data = _running_data(settings)
        with closing(postgres_server.connect(data)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute("SELECT datname FROM pg_database")
            existing = {name for (name,) in cursor.fetchall()}
            for database in DATABASES:
                if database not in existing:
                    cursor.execute(f"CREATE DATABASE {database}")
    host = quote(str(postgres_server.socket_folder(data)))
    return {name: f"postgresql+psycopg2://{postgres_server.SUPERUSER}:@/{name}?host={host}" for name in DATABASES}


def _running_data(settings: Settings) -> Path:
    """Data folder of the server, which is started unless it runs; one whose data is to be moved ends first."""
    server, started = postgres_server.process(settings), None
    if is_running(settings) and not postgres_server.is_to_be_moved(settings):
        data = settings.path(postgres_server.LINK).resolve()
    else:
        stop(settings)
        place = postgres_server.place_of(settings)
        started, data = postgres_server.start(place, server), place.data
    silence_seconds = settings.services.silence_seconds
    server.wait_until(lambda: postgres_server.answers(data), silence_seconds, started, every_seconds=POLL_SECONDS)
    return data


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
    return postgres_server.process(settings).started_at


def running_pid(settings: Settings) -> int | None:
    """Process id of our Postgres; None when it does not run."""
    mark = postgres_server.process(settings).found()
    return mark.pid if mark else None


def is_running(settings: Settings) -> bool:
    """Whether our Postgres runs."""
    return running_pid(settings) is not None


def stop(settings: Settings) -> bool:
    """Stop our Postgres; True when it ran. ServerFailed when it does not end: it is never killed."""
    return postgres_server.process(settings).stop()
