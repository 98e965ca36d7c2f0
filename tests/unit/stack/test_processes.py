"""What we started is stopped whole, also what outlives its leader; what is not ours is left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from jobs.lakehouse.process_mark import ProcessMark, session_members
from jobs.stack import processes

FORKER = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    time.sleep(60)
open(sys.argv[1], "w").write("ready")
time.sleep(60 if sys.argv[2] == "stays" else 0)
"""


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "STOP_SECONDS", 1)

    def start(leader: str) -> processes.Server:
        ready = tmp_path / "ready"
        command = [sys.executable, "-c", FORKER, str(ready), leader]
        started = processes.start(tmp_path, "forker", command, dict(os.environ), tmp_path / "log", tmp_path)
        processes.wait_until(ready.exists, 20, "the forker", tmp_path / "log")
        return started

    yield start
    processes.stop(tmp_path, "forker")


def _living(session: int) -> int:
    return len(session_members(session))


def test_children_that_ignore_a_polite_stop_end_with_their_leader(server, tmp_path):
    started = server("stays")
    assert _living(started.pid) == 2

    assert processes.stop(tmp_path, "forker")

    assert _living(started.pid) == 0
    assert not processes.stop(tmp_path, "forker")


def test_children_are_stopped_given_a_leader_that_is_gone(server, tmp_path):
    started = server("leaves")
    deadline = time.monotonic() + 10
    while started.process() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes.find(tmp_path, "forker") is None
    assert _living(started.pid) == 1  # floor: the child lives on

    assert processes.stop(tmp_path, "forker")

    assert _living(started.pid) == 0


def test_a_process_with_a_reused_number_is_left_alone(tmp_path):
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        mark = ProcessMark.of(other.pid)
        record = {"name": "forker", **replace(mark, start=f"{mark.start}0").as_note()}
        (tmp_path / "server-forker.json").write_text(json.dumps(record))

        assert not processes.stop(tmp_path, "forker")
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_server_noted_by_an_earlier_version_is_still_ours_to_stop(server, tmp_path):
    started = server("stays")
    old = {"name": "forker", "pid": started.pid, "created": psutil.Process(started.pid).create_time()}
    (tmp_path / "server-forker.json").write_text(json.dumps(old))

    assert processes.stop(tmp_path, "forker")
    assert _living(started.pid) == 0


def test_a_note_that_is_no_note_names_no_server(tmp_path):
    (tmp_path / "server-forker.json").write_text("[]")

    assert processes.find(tmp_path, "forker") is None
