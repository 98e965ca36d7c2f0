"""The Spark server's books: a dead one's remains do not count, a second start is refused at once."""

from __future__ import annotations

import os
import socket
import time

import psutil
import pytest

from conf.errors import AlreadyRunning, ServerUnavailable
from jobs.lakehouse import server
from jobs.lakehouse.session import get_session


@pytest.fixture
def own_port(settings):
    """Settings whose server port nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    spark = settings.spark.model_copy(update={"port": port, "remote": f"sc://127.0.0.1:{port}"})
    settings.path("run").mkdir(parents=True)
    return settings.model_copy(update={"spark": spark})


def _record(settings, pid: int, created: float) -> None:
    settings.path("run", "spark-server.pid").write_text(f"{pid} {created}\n", encoding="utf-8")


def test_no_server_runs_given_the_process_id_now_belongs_to_somebody_else(own_port):
    _record(own_port, os.getpid(), created=1.0)

    assert not server.status(own_port).running
    assert server.stop(own_port) is False  # and nobody was killed


def test_second_start_is_refused_at_once_and_told_the_process(own_port):
    _record(own_port, os.getpid(), psutil.Process().create_time())
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
