"""What we started is known again and stopped whole, also what outlives its leader; what is not ours is left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from jobs.lakehouse import managed_process
from jobs.lakehouse.managed_process import ManagedProcess, ServerFailed, run_to_end
from jobs.lakehouse.process_mark import ProcessMark, session_members

FORKER = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    time.sleep(60)
open(sys.argv[1], "w").write("ready")
time.sleep(60 if sys.argv[2] == "stays" else 0)
"""
SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def server(tmp_path):
    """A managed process that is gone after the test."""
    managed = ManagedProcess("forker", tmp_path / "server-forker.json", tmp_path / "log", grace_seconds=0.5)
    yield managed
    managed.stop()


@pytest.fixture
def stranger():
    """A process of somebody else, leader of a session."""
    process = subprocess.Popen(SLEEPER, start_new_session=True)
    yield process
    process.kill()
    process.wait()


def fork(server: ManagedProcess, leader: str) -> ProcessMark:
    ready = server.note.with_name("ready")
    started = server.start([sys.executable, "-c", FORKER, str(ready), leader])
    server.wait_until(ready.exists, 20, None if leader == "stays" else ProcessMark.of(), every_seconds=0.05)
    return started


def note(server: ManagedProcess, mark: ProcessMark) -> None:
    server.note.write_text(json.dumps(mark.as_note()))


def wait_for_end(mark: ProcessMark) -> None:
    deadline = time.monotonic() + 10
    while mark.process() and time.monotonic() < deadline:
        time.sleep(0.05)


def test_children_that_ignore_a_polite_stop_end_with_their_leader(server):
    started = fork(server, "stays")
    assert (server.found(), len(started.session())) == (started, 2)

    assert server.stop()

    assert session_members(started.pid) == []
    assert (server.found(), server.started_at, server.stop()) == (None, None, False)


@pytest.mark.parametrize("how", ["it left", "kill -9"])
def test_children_are_stopped_given_a_leader_that_is_gone(server, how):
    started = fork(server, "leaves" if how == "it left" else "stays")
    if how == "kill -9":
        os.kill(started.pid, signal.SIGKILL)
    wait_for_end(started)
    assert (server.found(), len(started.session())) == (None, 1)  # floor: the child lives on
    assert server.started_at, "floor: nobody stopped it"

    assert server.stop()

    assert session_members(started.pid) == []


def test_start_after_kill_9_ends_what_the_dead_one_left_and_starts_one(server):
    first = fork(server, "stays")
    os.kill(first.pid, signal.SIGKILL)
    wait_for_end(first)

    second = server.start(SLEEPER)

    assert session_members(first.pid) == []
    assert (server.found(), server.start(SLEEPER)) == (second, second)


@pytest.mark.parametrize("start", ["another process", "another boot"])
def test_process_with_a_reused_number_is_left_alone(server, stranger, start):
    mark = ProcessMark.of(stranger.pid)
    boot, _, ticks = mark.start.rpartition(":")
    note(server, replace(mark, start=f"{mark.start}0" if start == "another process" else f"{boot[::-1]}:{ticks}"))

    assert (server.found(), server.stop()) == (None, False)
    server.kill()
    assert stranger.poll() is None


def test_session_of_another_boot_is_left_alone_though_its_leader_is_gone(server, tmp_path):
    other = ManagedProcess("other", tmp_path / "other.json", tmp_path / "other.log", grace_seconds=0.5)
    theirs = fork(other, "leaves")
    wait_for_end(theirs)
    os.waitpid(theirs.pid, 0)  # no process carries the number now
    try:
        boot, _, ticks = theirs.start.rpartition(":")
        note(server, replace(theirs, start=f"{boot[::-1]}:{ticks}"))

        assert server.stop() is False
        assert len(theirs.session()) == 1
    finally:
        other.stop()


def test_stop_hits_nothing_else(server, stranger, tmp_path):
    neighbour = ManagedProcess("neighbour", tmp_path / "neighbour.json", tmp_path / "log2", grace_seconds=0.5)
    theirs = neighbour.start(SLEEPER)
    fork(server, "stays")
    try:
        assert server.stop()

        assert (neighbour.found(), stranger.poll()) == (theirs, None)
        assert psutil.Process().is_running()
    finally:
        assert neighbour.stop()


def test_server_noted_by_an_earlier_version_is_still_ours_to_stop(server):
    started = fork(server, "stays")
    old = {"name": "forker", "pid": started.pid, "created": psutil.Process(started.pid).create_time()}
    server.note.write_text(json.dumps(old))

    assert server.stop()
    assert session_members(started.pid) == []


def test_a_note_that_is_no_note_names_no_process(server):
    server.note.write_text("[]")

    assert server.found() is None


def test_server_that_ends_or_stands_still_while_starting_is_told_with_its_last_words(server):
    started = server.start([sys.executable, "-c", "print('no licence'); raise SystemExit(3)"])
    with pytest.raises(ServerFailed, match=r"forker: ended while it was starting[\s\S]*no licence"):
        server.wait_until(lambda: False, 20, started, every_seconds=0.05)

    started = server.start(SLEEPER)
    with pytest.raises(ServerFailed, match="nothing has moved for 0 s"):
        server.wait_until(lambda: False, 0.3, started, every_seconds=0.05)


def test_server_that_moves_is_waited_for_beyond_its_silence(server):
    talks = "import time\nfor n in range(12): print(n, flush=True); time.sleep(0.1)\ntime.sleep(60)"
    started = server.start([sys.executable, "-c", talks])

    seconds = server.wait_until(lambda: b"11" in server.log.read_bytes(), 0.6, started, every_seconds=0.05)

    assert seconds > 0.6


def test_server_that_may_not_be_killed_is_told_when_it_does_not_end(server):
    started = fork(server, "stays")
    gentle = replace(server, may_be_killed=False)

    with pytest.raises(ServerFailed, match="does not end"):
        gentle.stop()

    assert server.found() == started


def test_step_adds_to_its_log_and_tells_its_exit_code(tmp_path):
    for code in (0, 3):
        command = [sys.executable, "-c", f"print('step {code}'); raise SystemExit({code})"]
        assert run_to_end(command, tmp_path / "logs" / "steps.log") == code

    assert (tmp_path / "logs" / "steps.log").read_text().split() == ["step", "0", "step", "3"]
    assert managed_process.answer_of(command) is None
