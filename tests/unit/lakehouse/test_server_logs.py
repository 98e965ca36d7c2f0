"""Logs of servers stay short while their servers write on; what was written before the cut stays beside them."""

from __future__ import annotations

import sys
import time
from datetime import date

import pytest

from conf.dates import DateRange
from jobs import catalogue
from jobs.lakehouse.managed_process import server_of
from jobs.lakehouse.server_logs import cut_long_logs

LINE = b"2026-03-11 02:00:00 WARN a line of a server\n"
MANY = 3000  # lines: more than the least `max_bytes` may be
COUNTING = """
import os, pathlib, sys
number = 0
while not pathlib.Path(sys.argv[1]).exists():
    number += 1
    os.write(1, b"%0500d\\n" % number)  # a whole line at once
"""


@pytest.fixture
def noisy(settings):
    """Settings that keep two parts of a log of 100 kB; its folder is there."""
    settings.path("logs").mkdir(parents=True)
    return settings.model_copy(
        update={"logs": settings.logs.model_copy(update={"max_bytes": 100_000, "kept_files": 2})}
    )


def test_server_goes_on_writing_where_its_long_log_was_cut(noisy):
    log, stop = noisy.path("logs", "airflow-api.log"), noisy.path("stop")
    command = [sys.executable, "-c", COUNTING, str(stop)]
    server = server_of(noisy, "airflow-api").start(command)
    while not log.exists() or log.stat().st_size <= noisy.logs.max_bytes:
        time.sleep(0.01)

    assert cut_long_logs(noisy) == ["airflow-api.log"]

    while log.stat().st_size == 0:
        time.sleep(0.01)
    stop.touch()
    if process := server.process():
        process.wait()
    numbers = [
        int(line) for name in ("airflow-api.log.1", "airflow-api.log") for line in noisy.path("logs", name).open()
    ]
    assert numbers[0] == 1
    assert numbers == sorted(numbers)
    assert len(numbers) > 200
    assert b"\0" not in log.read_bytes(), "floor: the server appends, it does not write on behind a hole"


def test_no_more_parts_are_kept_than_settings_say_and_the_newest_stays(noisy):
    log = noisy.path("logs", "spark-server.log")
    with log.open("ab") as server:
        for night in range(4):
            server.write(f"night {night}\n".encode() + LINE * MANY)
            server.flush()
            cut_long_logs(noisy)
        server.write(b"now\n")

    firsts = {file.name: file.read_text().splitlines()[0] for file in noisy.path("logs").glob("*.log*")}
    assert firsts == {"spark-server.log": "now", "spark-server.log.1": "night 3", "spark-server.log.2": "night 2"}


def test_short_log_and_one_not_appended_to_are_left_alone(noisy):
    noisy.path("logs", "mlflow.log").write_bytes(LINE)
    noisy.path("logs", "derby.log").write_bytes(LINE * MANY)

    assert cut_long_logs(noisy) == []
    assert sorted(file.name for file in noisy.path("logs").iterdir()) == ["derby.log", "mlflow.log"]


def test_part_is_readable_by_whom_the_log_is(noisy):
    log = noisy.path("logs", "docs.log")
    log.write_bytes(LINE * MANY)
    log.chmod(0o600)

    cut_long_logs(noisy)

    assert noisy.path("logs", "docs.log.1").stat().st_mode & 0o777 == 0o600


def test_every_job_cuts_what_grew_too_long(noisy, monkeypatch):
    log = noisy.path("logs", "airflow-scheduler.log")
    log.write_bytes(LINE * MANY)
    monkeypatch.setattr("jobs.ingest.job.run", lambda settings, dates: {})

    catalogue.run_job(noisy, "ingest", DateRange(date(2026, 3, 10), date(2026, 3, 10)))

    assert log.stat().st_size == 0
    assert noisy.path("logs", "airflow-scheduler.log.1").stat().st_size == len(LINE) * MANY
