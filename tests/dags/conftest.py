"""Airflow on a throw-away home, before anything imports it."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "dags"))  # as Airflow does for its DAG folder
_HOME = tempfile.mkdtemp(prefix="closedloop-airflow-")
os.environ.update(
    AIRFLOW_HOME=_HOME,
    AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{_HOME}/airflow.db",
    AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING",
)


@pytest.fixture(scope="session")
def dag_bag():
    """Every DAG of the project, read as Airflow reads it."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(dag_folder=str(ROOT / "dags"))


@pytest.fixture(scope="session")
def airflow_tables():
    """Airflow's own tables on SQLite, and the writers' pool."""
    from airflow.models.pool import Pool
    from airflow.utils.db import initdb

    initdb()
    Pool.create_or_update_pool("writer", slots=1, description="", include_deferred=False)


@pytest.fixture(scope="session")
def api(airflow_tables, tmp_path_factory) -> Iterator[Callable]:
    """Airflow's REST API in this process with the logins we start it with; `api(user)` is a client logged in as that user."""
    from airflow.api_fastapi.app import create_app, purge_cached_app
    from airflow.configuration import conf
    from fastapi.testclient import TestClient

    from jobs.servers.airflow_server import AUTH_MANAGER, USERS

    words = tmp_path_factory.mktemp("airflow-api") / "passwords.json"
    words.write_text(json.dumps({user: f"word of {user}" for user in USERS}))
    given = {
        "AIRFLOW__CORE__AUTH_MANAGER": AUTH_MANAGER,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in USERS.items()),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(words),
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this test alone, long enough",
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    assert conf.get("core", "simple_auth_manager_users")
    app = create_app(apps="core")

    def client(user: str) -> TestClient:
        session = TestClient(app)
        token = session.post("/auth/token", json={"username": user, "password": f"word of {user}"})
        assert token.status_code == 201, token.text
        session.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
        return session

    yield client
    purge_cached_app()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})
