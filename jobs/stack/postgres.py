"""Where Airflow's and MLflow's records lie: the embedded Postgres (a wheel, no install) of the demo, or servers of the operator."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import psutil

from conf.errors import ConfigError
from conf.files import modified_at
from conf.settings import SETTINGS_FILE, Settings
from jobs.lakehouse.locks import held
from jobs.stack import postgres_server
from jobs.stack.processes import ServerFailed

DATABASES = ("airflow", "mlflow")
AIRFLOW_VARIABLE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"


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
    log_file, silence_seconds = settings.path("logs", "postgres.log"), settings.services.silence_seconds
    if is_running(settings) and not postgres_server.is_to_be_moved(settings):
        data = settings.path(postgres_server.LINK).resolve()
        postgres_server.wait(data, log_file, silence_seconds, lambda: is_running(settings))
        return data
    stop(settings)
    place = postgres_server.place_of(settings)
    server = postgres_server.start(place, log_file)
    postgres_server.wait(place.data, log_file, silence_seconds, lambda: server.poll() is None)
    return place.data


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
    """Whether our Postgres runs."""
    return _process(settings) is not None


def _process(settings: Settings) -> psutil.Process | None:
    """The process its own file names, when that is at work in our data folder as only Postgres is."""
    folder = settings.path(postgres_server.LINK)
    try:
        process = psutil.Process(int((folder / "postmaster.pid").read_text().split(maxsplit=1)[0]))
        is_ours = process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == folder.resolve()
        return process if is_ours else None
    except (OSError, ValueError, IndexError, psutil.Error):
        return None


def stop(settings: Settings) -> bool:
    """Stop our Postgres; True when it ran."""
    process = _process(settings)
    if process is None:
        return False
    process.send_signal(signal.SIGINT)  # open connections end, what was committed stays
    _, alive = psutil.wait_procs([process], timeout=settings.services.silence_seconds)
    if alive:
        raise ServerFailed(
            f"Postgres, process {process.pid}, does not end; see {settings.path('logs', 'postgres.log')}"
        )
    return True
