"""Airflow of the demo and of `make up`: three processes on 127.0.0.1 over the embedded Postgres."""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path

import httpx

from conf.approval import load_approval_flow
from conf.files import write_whole
from conf.settings import Settings
from jobs.lakehouse import secrets as secret_files
from jobs.lakehouse.doors import umask_of
from jobs.lakehouse.managed_process import ServerFailed, last_lines, require_free_port, run_to_end, server_of

COMPONENTS = {
    "airflow-api": ["airflow", "api-server", "--workers", "1"],
    "airflow-dags": ["airflow", "dag-processor"],
    "airflow-scheduler": [sys.executable, "-m", "jobs.servers.airflow_scheduler", "--skip-serve-logs"],
}
ACCESS_LOG = "http.access"  # a line for each heartbeat and poll; who changed what stands in Airflow's audit log
PASSWORDS = "airflow_passwords.json"
JWT_KEY_BYTES = 64  # as long as the SHA-512 that signs with it
AUTH_MANAGER = "jobs.servers.airflow_logins.LoginsByDuty"
# People of conf/approval.yaml: the least role with which Airflow lets anybody start or answer; their manager cuts the rest.
USERS = {"admin": "admin"} | dict.fromkeys(load_approval_flow().people, "user")


def address(settings: Settings) -> str:
    """Where Airflow's pages and REST API answer."""
    return f"http://127.0.0.1:{settings.services.airflow_port}"


def passwords(settings: Settings) -> dict[str, str]:
    """The generated password of each user, kept in a file only its owner can read."""
    known = json.loads(secret_files.known_secret(settings, PASSWORDS) or "{}")
    missing = {user: secrets.token_urlsafe(12) for user in USERS if user not in known}
    if missing:
        secret_files.replace_secret(settings, PASSWORDS, json.dumps(known | missing))
    return known | missing


def _fernet_key() -> str:
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


def _long_key() -> str:
    return secrets.token_hex(JWT_KEY_BYTES)


def environment(settings: Settings, database_uri: str) -> dict[str, str]:
    """Airflow's whole configuration as variables; no airflow.cfg is edited by hand."""
    passwords(settings)
    binaries = str(Path(sys.executable).parent)
    port = settings.services.airflow_port
    own = {
        "AIRFLOW_HOME": str(settings.path("airflow")),
        "AIRFLOW__CORE__DAGS_FOLDER": str(settings.root / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "3",
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": settings.time_zone,
        "AIRFLOW__CORE__FERNET_KEY": secret_files.secret(settings, "airflow_fernet.key", _fernet_key),
        "AIRFLOW__CORE__AUTH_MANAGER": AUTH_MANAGER,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in USERS.items()),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(settings.path(secret_files.FOLDER, PASSWORDS)),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address(settings)}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_uri,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": address(settings),
        "AIRFLOW__API__SECRET_KEY": secret_files.secret(settings, "airflow_api.key", _long_key),
        "AIRFLOW__API_AUTH__JWT_SECRET": secret_files.secret(settings, "airflow_jwt.key", _long_key),
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",  # each parse costs seconds of a core
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "300",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__PRINT_STATS_INTERVAL": "3600",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": f"{ACCESS_LOG}=WARNING",
        # It sets the modes of its log files itself, whatever the umask.
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": f"0o{0o777 & ~umask_of(settings):o}",
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": f"0o{0o666 & ~umask_of(settings):o}",
        "PATH": binaries + os.pathsep + os.environ.get("PATH", ""),
        "CLOSEDLOOP_HOME": str(settings.home),
        "CLOSEDLOOP_PROFILE": settings.profile,
        "CLOSEDLOOP_TIME_ZONE": settings.time_zone,
        "GX_ANALYTICS_ENABLED": "false",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
    return {**os.environ, **own}


def migrate(settings: Settings, env: dict[str, str]) -> None:
    """Create or update Airflow's tables; done once per Airflow version and home."""
    from importlib.metadata import version

    stamp = settings.path("airflow", f"migrated-{version('apache-airflow')}")
    if stamp.exists():
        return
    log = settings.path("logs", "airflow-migrate.log")
    settings.path("airflow").mkdir(parents=True, exist_ok=True)
    code = run_to_end(["airflow", "db", "migrate"], log, env=env)
    if code != 0:
        raise ServerFailed(f"airflow db migrate ended with {code}\n{last_lines(log)}")
    write_whole(stamp, "")


def start(settings: Settings, database_uri: str) -> float:
    """Start the three components and wait until each says healthy; returns the seconds it took."""
    env = environment(settings, database_uri)
    api = server_of(settings, "airflow-api")
    if api.found() is None:
        require_free_port(settings.services.airflow_port, "Airflow", "services.airflow_port")
    migrate(settings, env)
    for name, command in COMPONENTS.items():
        server_of(settings, name).start(command, env=env, cwd=settings.base)
    return api.wait_until(lambda: _has_come_up(settings), settings.services.silence_seconds)


def _has_come_up(settings: Settings) -> bool:
    ended = [server for name in COMPONENTS if (server := server_of(settings, name)).found() is None]
    if ended:
        raise ended[0].failure("ended while Airflow was starting")
    return is_healthy(settings)


def is_healthy(settings: Settings) -> bool:
    """True when metadata database, scheduler and DAG processor all report healthy."""
    try:
        health = httpx.get(f"{address(settings)}/api/v2/monitor/health", timeout=5, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return False
    parts = ("metadatabase", "scheduler", "dag_processor")
    return all((health.get(part) or {}).get("status") == "healthy" for part in parts)


def stop(settings: Settings) -> list[str]:
    """Stop the components that run; returns their names."""
    return [name for name in reversed(list(COMPONENTS)) if server_of(settings, name).stop()]
