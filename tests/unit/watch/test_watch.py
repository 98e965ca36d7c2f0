"""Each failure is told by a real webhook, once, whatever else is broken; what is over waits for nobody."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import date, timedelta

import psutil
import pytest

from jobs.lakehouse.alerts import acknowledge, known_alerts, open_alerts, raise_alert
from jobs.lakehouse.managed_process import server_of
from jobs.lakehouse.process_mark import ProcessMark
from jobs.watch import machine, watch
from tests.builders.listener import hurry, listening, told_at
from tests.unit.watch.conftest import NIGHT, at

BEFORE = at("06:00", date(2026, 3, 10))  # the first night is not yet awaited

HOLDER = """
import sys, time
from conf.settings import load_settings
from jobs.lakehouse.run import exclusive
with exclusive(load_settings("demo", sys.argv[1]), "ingest"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    hurry(monkeypatch)
    monkeypatch.setattr(machine, "SAMPLE_SECONDS", 0.2)


@pytest.fixture
def read_only(tmp_path):
    """A home on a disk that is mounted read-only."""
    home = tmp_path / "read-only"
    home.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", str(home)], capture_output=True, check=False
    ).returncode:
        pytest.skip("only root may mount a disk read-only; test_home_that_may_not_be_written covers it")
    yield home
    subprocess.run(["umount", "--lazy", str(home)], check=True)


def _watch(settings, now=None) -> tuple[int, list[str], list[str]]:
    """Exit code, events found, events a listener was told."""
    with listening() as listener:
        outcome = watch.watch(told_at(settings, listener.url), now)
    return outcome.code, [found.event for found in outcome.findings], listener.events


def test_night_that_is_well_says_nothing(operator, publish):
    publish(NIGHT)

    assert _watch(operator, at("12:00")) == (0, [], [])


def test_late_stage_is_told_once_and_closed_when_it_is_published(operator, publish):
    publish(NIGHT - timedelta(days=1))
    assert _watch(operator, at("06:40")) == (1, ["STAGE_LATE"], ["STAGE_LATE"])
    assert _watch(operator, at("06:50")) == (1, ["STAGE_LATE"], [])
    acknowledge(operator, None, "wang", "I am on it")
    assert _watch(operator, at("06:55")) == (1, ["STAGE_LATE"], [])

    publish(NIGHT)
    assert _watch(operator, at("07:10")) == (0, [], [])


def test_what_comes_back_is_told_again(operator, monkeypatch):
    full = operator.model_copy(update={"min_free_gb": 10**9})
    assert _watch(full, BEFORE)[1:] == (["DISK_LOW"], ["DISK_LOW"])
    assert _watch(operator, BEFORE)[1:] == ([], [])
    assert [alert.acknowledged_by for alert in known_alerts(operator)] == [watch.BY]
    assert _watch(full, BEFORE)[1:] == (["DISK_LOW"], ["DISK_LOW"])
    assert len(open_alerts(operator)) == 1


def test_read_only_home_is_told(settings, read_only):
    code, found, told = _watch(settings.with_home(read_only))

    assert (code, "HOME_UNUSABLE" in found, "HOME_UNUSABLE" in told) == (1, True, True)


def test_home_that_may_not_be_written(operator, monkeypatch):
    access = os.access
    monkeypatch.setattr(machine.os, "access", lambda path, mode: mode == os.R_OK and access(path, mode))

    assert _watch(operator, BEFORE)[1:] == (["HOME_UNUSABLE"], ["HOME_UNUSABLE"])


def test_home_that_is_not_there_is_told_and_nothing_is_made(settings):
    assert _watch(settings) == (2, ["HOME_UNUSABLE"], ["HOME_UNUSABLE"])
    assert not settings.home.exists()


def test_home_that_does_not_answer_is_told_in_time(operator, monkeypatch):
    monkeypatch.setattr(machine, "home_trouble", lambda settings: time.sleep(30))
    begun = time.monotonic()
    with listening() as listener:
        outcome = watch.watch(told_at(operator, listener.url), look_seconds=0.3)

    assert (outcome.code, listener.events) == (2, ["HOME_UNUSABLE"])
    assert time.monotonic() - begun < 10


def test_broken_ledger_is_told_and_hides_no_other_trouble(operator):
    operator.path("lake", "ops", "published", "_delta_log").mkdir(parents=True)
    operator.path("lake", "ops", "published", "_delta_log", f"{0:020d}.json").write_text("no json")
    full = operator.model_copy(update={"min_free_gb": 10**9})

    code, found, told = _watch(full, at("12:00"))

    assert (code, found) == (1, ["DISK_LOW", "HOME_UNUSABLE"])
    assert told == found


def test_scheduler_that_died_is_told_and_one_that_was_stopped_is_not(operator):
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    for name in ("airflow-scheduler", "mlflow"):
        server_of(operator, name).start(command)
    assert _watch(operator, BEFORE) == (0, [], [])

    for name in ("airflow-scheduler", "mlflow"):
        process = psutil.Process(server_of(operator, name).found().pid)
        process.kill()
        process.wait()
    assert _watch(operator, BEFORE)[1:] == (["SERVER_DEAD", "SIDE_SERVER_DEAD"],) * 2

    for name in ("airflow-scheduler", "mlflow"):
        server_of(operator, name).stop()
    assert _watch(operator, BEFORE) == (0, [], [])


def test_postgres_that_died_is_told(operator):
    ended = subprocess.Popen(["true"])
    ended.wait()
    operator.path("postgres").mkdir()
    operator.path("postgres", "postmaster.pid").write_text(
        f"{ended.pid}\n{operator.path('postgres')}\n{int(time.time())}\n"
    )

    assert _watch(operator, BEFORE)[1:] == (["SERVER_DEAD"], ["SERVER_DEAD"])


def test_spark_server_that_died_can_wait(operator):
    ended = subprocess.Popen(["sleep", "60"])
    operator.path("run").mkdir()
    operator.path("run", "spark-server.json").write_text(json.dumps(ProcessMark.of(ended.pid).as_note()))
    ended.kill()
    ended.wait()

    assert _watch(operator, BEFORE)[1:] == (["SIDE_SERVER_DEAD"], ["SIDE_SERVER_DEAD"])


def test_airflow_that_runs_and_is_not_well_is_told(operator):
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    server_of(operator, "airflow-api").start(command)
    unused = operator.services.model_copy(update={"airflow_port": 21499})
    ours = operator.model_copy(update={"services": unused})
    try:
        assert _watch(ours, BEFORE)[1] == [], "it is starting"
        long_ago = time.time() - 3600
        os.utime(operator.path("run", "server-airflow-api.json"), (long_ago, long_ago))
        assert _watch(ours, BEFORE)[1:] == (["AIRFLOW_UNWELL"], ["AIRFLOW_UNWELL"])
    finally:
        server_of(operator, "airflow-api").stop()


def test_lock_of_a_process_that_stands_still_is_told_and_of_one_that_works_is_not(operator):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(operator.home)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        (held,) = machine.lock_holders(operator)
        assert (held.stage, held.process) == ("ingest", holder.pid)
        assert _watch(operator, BEFORE) == (0, [], []), "it has just begun"

        holder.send_signal(signal.SIGSTOP)
        long_ago = time.time() - operator.services.silence_seconds - 1
        os.utime(operator.path("run", "locks", "stage-ingest.holder"), (long_ago, long_ago))
        assert _watch(operator, BEFORE)[1:] == (["LOCK_WITHOUT_WORK"], ["LOCK_WITHOUT_WORK"])

        operator.path("lake").mkdir()
        operator.path("lake", "part-0").write_text("rows")
        assert _watch(operator, BEFORE) == (0, [], []), "a file was written"
    finally:
        holder.kill()
        holder.wait()
    assert machine.lock_holders(operator) == []


def test_alert_nobody_took_is_sent_by_the_next_watch_and_counts_until_then(operator):
    deaf = told_at(operator, "http://127.0.0.1:9/x")
    raise_alert(deaf, "GATE_FAILED", NIGHT, "red")

    assert (watch.watch(deaf, BEFORE).unsent, watch.watch(deaf, BEFORE).code) == (1, 1)
    assert _watch(operator, BEFORE) == (0, [], ["GATE_FAILED"])


def test_played_home_is_not_cried_about(settings):
    settings.home.mkdir(parents=True)

    assert _watch(settings) == (0, [], [])


def test_low_disk_is_told_before_a_job_which_goes_on(operator, monkeypatch):
    from jobs.catalogue import run_job

    ran = type("Job", (), {"run": staticmethod(lambda settings, dates: {"rows": 1})})
    monkeypatch.setattr("jobs.catalogue.import_module", lambda name: ran)
    full = operator.model_copy(update={"min_free_gb": 10**9})

    for _ in range(2):
        assert run_job(full, "ingest", NIGHT) == {"rows": 1}
    assert [(alert.event, alert.times) for alert in open_alerts(full)] == [("DISK_LOW", 1)]
