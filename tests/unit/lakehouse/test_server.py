"""The Spark server's books: a dead one's remains do not count, a second start is refused at once."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from datetime import date

import psutil
import pytest

from conf.dates import DateRange
from conf.errors import AlreadyRunning, ServerUnavailable
from conf.settings import load_settings
from jobs import catalogue
from jobs.lakehouse import server
from jobs.lakehouse.process_mark import ProcessMark
from jobs.lakehouse.session import get_session


@pytest.fixture
def own_port(settings):
    """Settings whose server port nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    spark = settings.spark.model_copy(update={"port": port, "remote": f"sc://localhost:{port}"})
    settings.path("run").mkdir(parents=True)
    return settings.model_copy(update={"spark": spark})


def _record(settings, mark: ProcessMark) -> None:
    settings.path("run", "spark-server.json").write_text(json.dumps(mark.as_note()), encoding="utf-8")


def test_no_server_runs_given_the_process_id_now_belongs_to_somebody_else(own_port):
    _record(own_port, ProcessMark(os.getpid(), "another boot:1"))

    assert not server.status(own_port).running
    assert server.stop(own_port) is False  # and nobody was killed


def test_second_start_is_refused_at_once_and_told_the_process(own_port):
    _record(own_port, ProcessMark.of())
    begun = time.monotonic()

    with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
        server.start(own_port)

    assert time.monotonic() - begun < 10


def test_start_is_refused_given_a_stranger_on_the_port(own_port):
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", own_port.spark.port))
        stranger.listen()

        with pytest.raises(AlreadyRunning, match="port"):
            server.start(own_port)


def test_session_is_refused_within_seconds_given_no_server(own_port):
    begun = time.monotonic()

    with pytest.raises(ServerUnavailable, match="closedloop serve start"):
        get_session(own_port, "test")

    assert time.monotonic() - begun < 10


@pytest.fixture
def stand_in(own_port):
    """Starts a process in place of the server, recorded as it is, running the given code; it is gone after the test."""
    started = []

    def start(code: str) -> subprocess.Popen:
        process = subprocess.Popen([sys.executable, "-c", code, str(own_port.spark.port)], start_new_session=True)
        started.append(process)
        _record(own_port, ProcessMark.of(process.pid))
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_server_still_starting_is_waited_for(own_port, stand_in, monkeypatch):
    monkeypatch.setattr(server, "_connects", lambda settings: True)
    starting = stand_in("""
import socket, sys, time
time.sleep(0.5)
door = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(60)""")

    found = server.ensure_running(own_port)

    assert (found.running, found.answers, found.pid) == (True, True, starting.pid)


def test_server_that_hangs_is_stopped_and_another_started(own_port, stand_in, monkeypatch):
    monkeypatch.setattr(server, "start", lambda settings, tell: "another")
    hanging = stand_in("import time; time.sleep(60)")

    services = own_port.services.model_copy(update={"silence_seconds": 0.5})

    assert server.ensure_running(own_port.model_copy(update={"services": services})) == "another"
    assert hanging.poll() is not None or not psutil.pid_exists(hanging.pid)


def test_job_starts_no_server_given_one_run_by_others(settings, monkeypatch):
    monkeypatch.setenv("SPARK_CONNECT_AUTHENTICATE_TOKEN", "theirs")
    spark = load_settings("cluster").spark
    at_cluster = settings.model_copy(update={"spark": spark})
    monkeypatch.setattr(
        "jobs.lakehouse.session.get_session", lambda settings, app: f"session of {settings.spark.remote}"
    )
    monkeypatch.setattr("jobs.maintenance.job.run", lambda session, settings, dates: {"session": session})

    done = catalogue.run_job(at_cluster, "maintain", DateRange(date(2026, 3, 10), date(2026, 3, 10)))

    assert done == {"session": "session of sc://spark-connect.internal:15002/;use_ssl=true"}
    with pytest.raises(ServerUnavailable, match="run by others"):
        server.start(at_cluster)
