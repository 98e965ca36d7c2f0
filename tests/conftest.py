"""Fixtures shared by all tests: one local Spark session for the whole suite, a home of its own for each test that asks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from conf.dates import DateRange
from conf.settings import Settings, load_settings

os.umask(0o077)  # as every process of ours begins (jobs/lakehouse/doors.py)
A_NIGHT = DateRange.of("2026-03-10")


def settings_for_tests(home: Path) -> Settings:
    """Demo settings with a classic session of little memory instead of a server."""
    settings = load_settings("demo", home)
    spark = settings.spark.model_copy(
        update={
            "remote": None,
            "master": "local[2]",
            "driver_memory": "1500m",
            "shuffle_partitions": 2,
            "catalog": "in-memory",
            "extra_conf": {"spark.sql.adaptive.coalescePartitions.initialPartitionNum": "2"},
        }
    )
    return settings.model_copy(update={"spark": spark})


@pytest.fixture(scope="session")
def session_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings on a home shared by the whole session; only for what no test changes."""
    return settings_for_tests(tmp_path_factory.mktemp("session-home"))


@pytest.fixture(scope="session")
def spark(session_settings: Settings) -> Iterator[object]:
    """The one local Spark session with Delta."""
    from jobs.lakehouse.session import get_session

    session = get_session(session_settings, "tests")
    yield session
    session.stop()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings on an empty home of this test's own; CLOSEDLOOP_HOME points there too."""
    home = tmp_path / "home"
    monkeypatch.setenv("CLOSEDLOOP_HOME", str(home))
    return settings_for_tests(home)


@pytest.fixture
def lake(spark: object, settings: Settings) -> object:
    """The tables of an empty home as one run of 2026-03-10 sees them."""
    from jobs.lakehouse.lake import Lake
    from jobs.lakehouse.run import Run

    return Lake(spark, settings, Run("tests", A_NIGHT, settings))
