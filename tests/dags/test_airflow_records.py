"""Old rows leave Airflow's own database, by Airflow's own command; young ones stay."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import create_engine, text

from jobs.maintenance import airflow_records


@pytest.fixture
def log_rows(airflow_tables):
    """Two rows in Airflow's log table, of a year ago and of the day retention counts from."""
    engine = create_engine(os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    with engine.begin() as connection:
        for when in (datetime(2025, 3, 10, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC)):
            connection.execute(text("INSERT INTO log (dttm, event) VALUES (:at, 'maintenance-test')"), {"at": when})

    def left() -> list[int]:
        with engine.connect() as connection:
            found = connection.execute(text("SELECT dttm FROM log WHERE event = 'maintenance-test'"))
            return sorted(int(str(row[0])[:4]) for row in found)

    yield left
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM log WHERE event = 'maintenance-test'"))


def test_old_rows_go_and_young_ones_stay(settings, log_rows):
    assert log_rows() == [2025, 2026]

    airflow_records.clean(settings, date(2026, 1, 1), os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])

    assert log_rows() == [2026]


def test_the_address_airflow_hides_from_a_task_is_never_used(settings, monkeypatch):
    services = settings.services.model_copy(update={"embedded_postgres": False})
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "airflow-db-not-allowed:///")
    assert airflow_records.database(settings.model_copy(update={"services": services})) is None
    assert airflow_records.database(settings) is None  # the embedded one does not run, and maintenance starts no server
    given = services.model_copy(update={"airflow_database_url": "postgresql://db/airflow"})
    assert airflow_records.database(settings.model_copy(update={"services": given})) == "postgresql://db/airflow"
