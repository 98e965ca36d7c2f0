"""MLflow and the Data Docs with the reports, on 127.0.0.1."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

import httpx

from conf.settings import Settings
from jobs.stack import postgres, processes


def mlflow_address(settings: Settings) -> str:
    """Where MLflow answers: the operator's own server, else ours; asking starts nothing."""
    from models.registry import tracking_uri

    given = tracking_uri(settings)
    if given.startswith("http"):
        return given
    return f"http://127.0.0.1:{settings.services.mlflow_port}"


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


def start_mlflow(settings: Settings) -> None:
    """MLflow's pages over the registry of the nightly jobs; nothing to start where the operator runs a server of its own."""
    records = postgres.mlflow_records(settings)
    if records.startswith("http"):
        return
    port = settings.services.mlflow_port
    if processes.find(settings.path("run"), "mlflow") is None:
        processes.require_free_port(port, "MLflow", "services.mlflow_port")
    command = ["mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        records,
        "--default-artifact-root",
        settings.path("mlflow", "artifacts").as_uri(),
    ]
    processes.start(
        settings.path("run"), "mlflow", command, _environment(), settings.path("logs", "mlflow.log"), settings.root
    )


def start_docs(settings: Settings) -> None:
    """A plain file server over Data Docs and reports: nothing in them is personal."""
    port = settings.services.data_docs_port
    if processes.find(settings.path("run"), "docs") is None:
        processes.require_free_port(port, "the Data Docs", "services.data_docs_port")
    site = settings.path("site")
    site.mkdir(parents=True, exist_ok=True)
    for name in ("data_docs", "reports"):
        settings.path(name).mkdir(parents=True, exist_ok=True)
        link = site / name
        if not link.is_symlink():
            link.symlink_to(settings.path(name))
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(site)]
    processes.start(
        settings.path("run"), "docs", command, _environment(), settings.path("logs", "docs.log"), settings.root
    )


def wait(settings: Settings) -> None:
    """Until both answer."""
    for name, address in (("mlflow", mlflow_address(settings)), ("docs", docs_address(settings))):
        server = processes.find(settings.path("run"), name)
        processes.wait_until(
            partial(_answers, address),
            settings.services.silence_seconds,
            name,
            settings.path("logs", f"{name}.log"),
            server,
        )


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5, trust_env=False).status_code < 500
    except httpx.HTTPError:
        return False


def stop(settings: Settings) -> list[str]:
    """Stop both; returns the names of those that ran."""
    return [name for name in ("mlflow", "docs") if processes.stop(settings.path("run"), name)]
