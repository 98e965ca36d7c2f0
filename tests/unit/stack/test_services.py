"""Airflow's and MLflow's records lie where settings or the environment say, and jobs and pages use the same place."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conf.errors import ConfigError
from conf.settings import load_settings
from jobs.lakehouse.managed_process import ManagedProcess
from jobs.servers import postgres, web
from jobs.stack import all_servers
from models.registry import tracking_uri


@pytest.fixture
def operator(tmp_path, monkeypatch):
    """Settings of the server profile with the services given."""
    for variable in (postgres.AIRFLOW_VARIABLE, postgres.TRACKING_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(postgres, "start", lambda settings: pytest.fail("no embedded Postgres was asked for"))
    settings = load_settings("server", tmp_path)

    def with_services(**given):
        return settings.model_copy(update={"services": settings.services.model_copy(update=given)})

    return with_services


def test_airflow_without_a_database_is_refused(operator):
    with pytest.raises(ConfigError, match=r"services\.airflow_database_url"):
        postgres.airflow_database(operator())


def test_airflow_takes_the_database_of_settings_and_before_it_the_environment(operator, monkeypatch):
    settings = operator(airflow_database_url="postgresql://db.internal/airflow")
    assert postgres.airflow_database(settings) == "postgresql://db.internal/airflow"

    monkeypatch.setenv(postgres.AIRFLOW_VARIABLE, "postgresql://user:word@db.internal/airflow")
    assert "word" in postgres.airflow_database(settings)


def test_jobs_and_the_mlflow_page_read_the_same_records(operator, monkeypatch, tmp_path):
    for settings in (operator(), operator(mlflow_tracking_uri="http://mlflow.internal:5000")):
        postgres.point_mlflow_here(settings)
        assert postgres.mlflow_records(settings) == tracking_uri(settings)
    assert postgres.mlflow_records(operator()) == f"sqlite:///{tmp_path}/mlflow/mlflow.db"


def test_no_mlflow_is_started_given_the_operators_own(operator, monkeypatch):
    monkeypatch.setattr(ManagedProcess, "start", lambda *given, **how: pytest.fail("one too many"))
    settings = operator(mlflow_tracking_uri="http://mlflow.internal:5000")

    web.start_mlflow(settings)

    assert web.mlflow_address(settings) == "http://mlflow.internal:5000"


def test_embedded_postgres_is_started_given_the_demo(operator, monkeypatch):
    monkeypatch.setattr(postgres, "start", lambda settings: {"airflow": "a", "mlflow": "m"})
    monkeypatch.setenv(postgres.AIRFLOW_VARIABLE, "postgresql://somebody.elses/airflow")
    settings = operator(embedded_postgres=True)

    assert (postgres.airflow_database(settings), postgres.mlflow_records(settings)) == ("a", "m")


def test_postgres_runs_while_a_process_of_that_number_works_in_its_folder(operator, tmp_path):
    folder = tmp_path / "postgres"
    folder.mkdir()
    for place, is_ours in ((folder, True), (tmp_path, False)):
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, cwd=place) as process:
            # The third line says when it was up by the clock of then: whatever it says does not count.
            (folder / "postmaster.pid").write_text(f"{process.pid}\n{folder}\n1\n5432\n", encoding="utf-8")
            assert postgres.is_running(operator()) is is_ours
            process.communicate(b"\n")
        assert not postgres.is_running(operator())


def test_asking_for_addresses_starts_no_database(operator):
    settings = operator(embedded_postgres=True)  # whose start fails the test

    shown = {name: address for name, address, _ in all_servers.places(settings)}

    assert shown["MLflow"] == "http://127.0.0.1:5000"
