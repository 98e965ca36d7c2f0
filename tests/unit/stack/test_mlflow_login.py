"""MLflow's pages are behind a login, take no files over HTTP and write below home alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conf.errors import InputRefused
from jobs.lakehouse import secrets
from jobs.lakehouse.managed_process import ManagedProcess
from jobs.servers import web
from jobs.stack import all_servers

ASK = """
import base64, json, os, sys
from fastapi.testclient import TestClient
from mlflow.server.auth import create_app

client = TestClient(create_app(), base_url="http://127.0.0.1")
registry = "/api/2.0/mlflow/registered-models"
strangers = {
    path: client.request(method, path, json={}).status_code
    for method, path in [
        ("GET", "/"), ("GET", registry + "/search"), ("POST", registry + "/alias"), ("POST", registry + "/create"),
        ("POST", "/api/2.0/mlflow/experiments/create"), ("POST", "/api/2.0/mlflow/model-versions/set-tag"),
        ("POST", "/ajax-api/2.0/mlflow/upload-artifact"), ("PUT", "/api/2.0/mlflow-artifacts/artifacts/a"),
    ]
}
logins = {word: client.get(registry + "/search?max_results=5", auth=("admin", word)).status_code for word in sys.argv[1:]}
upload = client.put("/api/2.0/mlflow-artifacts/artifacts/a", content=b"x", auth=("admin", sys.argv[1])).status_code
print(json.dumps([strangers, logins, upload]))
"""


@pytest.fixture
def pages(settings, monkeypatch):
    """Settings whose registry is a file below home, and what would be started: command, environment, folder."""
    services = settings.services.model_copy(
        update={"mlflow_tracking_uri": f"sqlite:///{settings.path('mlflow', 'mlflow.db')}", "mlflow_port": 21205}
    )
    settings = settings.model_copy(update={"services": services})
    started = []
    monkeypatch.setattr(ManagedProcess, "start", lambda server, command, env, cwd: started.append((command, env, cwd)))
    web.start_mlflow(settings)
    return settings, *started[0]


def test_strangers_get_nothing_and_the_login_of_the_screen_opens_the_registry(pages):
    settings, _, env, folder = pages
    password = secrets.known_secret(settings, web.MLFLOW_PASSWORD)
    given = {
        "_MLFLOW_SERVER_FILE_STORE": env["MLFLOW_BACKEND_STORE_URI"],
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "false",
        "_MLFLOW_SGI_NAME": "uvicorn",
    }

    done = subprocess.run(
        [sys.executable, "-c", ASK, password, "password1234"],
        env=env | given,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    strangers, logins, upload = json.loads(done.stdout.strip().splitlines()[-1])
    assert len(strangers) == 8
    assert set(strangers.values()) == {401}
    assert logins == {password: 200, "password1234": 401}
    assert upload == 503, "no files over HTTP, with a login either"
    assert {name: login for name, _, login in all_servers.places(settings)}["MLflow"] == f"admin / {password}"


def test_the_server_is_started_with_login_without_files_and_its_secrets_are_no_arguments(pages):
    settings, command, env, folder = pages
    assert command[command.index("--app-name") + 1] == "basic-auth"
    assert "--no-serve-artifacts" in command
    assert Path(folder).is_relative_to(settings.home)
    assert env["MLFLOW_AUTH_CONFIG_PATH"].startswith(str(settings.home))
    hidden = [
        env[name]
        for name in ("MLFLOW_AUTH_ADMIN_PASSWORD", "MLFLOW_FLASK_SERVER_SECRET_KEY", "MLFLOW_BACKEND_STORE_URI")
    ]
    assert all(len(value) >= 20 for value in hidden)
    assert not [value for value in hidden if value in " ".join(command)]


def test_a_lost_password_is_said_and_not_made_anew(pages):
    settings = pages[0]
    settings.path("mlflow", "logins.db").touch()
    settings.path(secrets.FOLDER, web.MLFLOW_PASSWORD).unlink()

    with pytest.raises(InputRefused, match="bring it back from the backup"):
        web.start_mlflow(settings)


def test_without_the_pages_package_nothing_is_started_or_waited_for_and_the_screen_says_so(settings, monkeypatch):
    services = settings.services.model_copy(update={"mlflow_tracking_uri": f"sqlite:///{settings.home}/mlflow.db"})
    settings = settings.model_copy(update={"services": services})
    monkeypatch.setattr(web, "find_spec", lambda name: None)
    monkeypatch.setattr(ManagedProcess, "start", lambda *given, **how: pytest.fail("nothing to start"))
    waited = []
    monkeypatch.setattr(ManagedProcess, "wait_until", lambda server, *given: waited.append(server.name))

    web.start_mlflow(settings)
    web.wait(settings)

    assert waited == ["docs"]
    assert "not installed" in {name: login for name, _, login in all_servers.places(settings)}["MLflow"]
