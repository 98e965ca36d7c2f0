"""MLflow and the Data Docs with the reports, on 127.0.0.1."""

from __future__ import annotations

import os
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from secrets import token_urlsafe

import httpx

from conf.errors import InputRefused
from conf.files import write_whole
from conf.settings import Settings
from jobs.lakehouse import secrets
from jobs.lakehouse.managed_process import require_free_port, server_of
from jobs.servers import postgres

MLFLOW_USER = "admin"
MLFLOW_PASSWORD, MLFLOW_PAGES_KEY = "mlflow.password", "mlflow_pages.key"
# Nobody who logs in later may do more than look, unless the administrator grants it.
MLFLOW_LOGIN = """[mlflow]
default_permission = READ
database_uri = sqlite:///{database}
admin_username = {user}
"""


def mlflow_address(settings: Settings) -> str:
    """Where MLflow answers: the operator's own server, else ours; asking starts nothing."""
    return _operators_own(settings) or f"http://127.0.0.1:{settings.services.mlflow_port}"


def _operators_own(settings: Settings) -> str | None:
    """Address of the MLflow server an operator gave; None when its pages are ours."""
    from models.registry import tracking_uri

    given = tracking_uri(settings)
    return given if given.startswith("http") else None


def docs_address(settings: Settings) -> str:
    """Where the Data Docs and the reports answer."""
    return f"http://127.0.0.1:{settings.services.data_docs_port}"


def _environment() -> dict[str, str]:
    binaries = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": binaries + os.pathsep + os.environ.get("PATH", ""),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_UVICORN_OPTS": "--no-access-log",
    }


def has_mlflow_pages(settings: Settings) -> bool:
    """Whether MLflow's pages are ours to start: not where the operator runs a server, or where they are not installed."""
    return find_spec("flask_wtf") is not None and _operators_own(settings) is None


def mlflow_login(settings: Settings) -> str:
    """User and password of MLflow's pages, as the screen shows them."""
    if _operators_own(settings):
        return "login of that server"
    if not has_mlflow_pages(settings):
        return "not installed here (requirements-ui.lock)"
    return f"{MLFLOW_USER} / {_mlflow_password(settings)}"


def _mlflow_password(settings: Settings) -> str:
    """The generated password; MLflow keeps a hash of it and takes no other later, so a lost one is not made anew."""
    database = settings.path("mlflow", "logins.db")
    if database.exists() and secrets.known_secret(settings, MLFLOW_PASSWORD) is None:
        raise InputRefused(
            f"{settings.path(secrets.FOLDER, MLFLOW_PASSWORD)}: found no password, wanted the one of {database}\n"
            f"  to do:  bring it back from the backup, or remove {database}: all logins of MLflow's pages go with it"
        )
    return secrets.secret(settings, MLFLOW_PASSWORD, lambda: token_urlsafe(18))


def mlflow_environment(settings: Settings) -> dict[str, str]:
    """What MLflow's server needs to know, its secrets among it: arguments are readable by everybody on the machine."""
    login = settings.path("mlflow", "logins.ini")
    login.parent.mkdir(parents=True, exist_ok=True)
    write_whole(login, MLFLOW_LOGIN.format(database=settings.path("mlflow", "logins.db"), user=MLFLOW_USER))
    return {
        **_environment(),
        "MLFLOW_BACKEND_STORE_URI": postgres.mlflow_records(settings),
        "MLFLOW_DEFAULT_ARTIFACT_ROOT": settings.path("mlflow", "artifacts").as_uri(),
        "MLFLOW_AUTH_CONFIG_PATH": str(login),
        "MLFLOW_AUTH_ADMIN_PASSWORD": _mlflow_password(settings),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.secret(settings, MLFLOW_PAGES_KEY, secrets.new_key),
    }


def start_mlflow(settings: Settings) -> None:
    """MLflow's pages, behind a login, over the registry of the nightly jobs, which write to it without this server.

    It takes no files over HTTP (--no-serve-artifacts), and what it writes itself lies below home.
    """
    if not has_mlflow_pages(settings):
        return
    port, server = settings.services.mlflow_port, server_of(settings, "mlflow")
    if server.found() is None:
        require_free_port(port, "MLflow", "services.mlflow_port")
    command = ["mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--app-name", "basic-auth", "--no-serve-artifacts"]
    server.start(command, env=mlflow_environment(settings), cwd=settings.path("mlflow"))


def start_docs(settings: Settings) -> None:
    """A plain file server over Data Docs and reports: nothing in them is personal."""
    port, server = settings.services.data_docs_port, server_of(settings, "docs")
    if server.found() is None:
        require_free_port(port, "the Data Docs", "services.data_docs_port")
    site = settings.path("site")
    site.mkdir(parents=True, exist_ok=True)
    for name in ("data_docs", "reports"):
        settings.path(name).mkdir(parents=True, exist_ok=True)
        link = site / name
        if not link.is_symlink():
            link.symlink_to(settings.path(name))
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(site)]
    server.start(command, env=_environment(), cwd=settings.base)


def wait(settings: Settings) -> None:
    """Until those of ours answer."""
    pages = [("docs", docs_address(settings))]
    if has_mlflow_pages(settings):
        pages.append(("mlflow", f"{mlflow_address(settings)}/health"))
    for name, address in pages:
        server_of(settings, name).wait_until(partial(_answers, address), settings.services.silence_seconds)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5, trust_env=False).status_code < 500
    except httpx.HTTPError:
        return False


def stop(settings: Settings) -> list[str]:
    """Stop both; returns the names of those that ran."""
    return [name for name in ("mlflow", "docs") if server_of(settings, name).stop()]
