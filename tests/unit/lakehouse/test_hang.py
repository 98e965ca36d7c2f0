"""A job in which nothing moves is ended and its lock is free; one that works is left alone however long it takes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from jobs.lakehouse import hang
from jobs.lakehouse.alerts import open_alerts
from jobs.lakehouse.hang import ended_when_still
from jobs.lakehouse.run import exclusive

QUICK = """
import os, signal, sys, time
from conf.settings import load_settings
from jobs import catalogue
from jobs.lakehouse import hang
from jobs.lakehouse.run import exclusive
settings = load_settings("local", sys.argv[1])
settings = settings.model_copy(update={"services": settings.services.model_copy(update={"silence_seconds": 1.5})})
hang.GRACE_SECONDS = 0.3 if sys.argv[2] == "deaf" else 60
class Job:
    @staticmethod
    def run(settings, dates):
        print("at work", flush=True)
        if sys.argv[2] == "deaf":  # as a call to a dead mount: no signal wakes it
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
            signal.sigwait({signal.SIGUSR2})
        open(settings.path("a.CHK")).read()  # a pipe nobody writes to
catalogue.import_module = lambda name: Job
begun = time.monotonic()
try:
    catalogue.run_job(settings, "ingest", "2026-03-10")
except hang.JobHung:
    with exclusive(settings, "ingest"):
        print("ended, lock free", time.monotonic() - begun < 20, flush=True)
"""


@pytest.fixture
def quick(settings):
    """Settings by which half a second of silence is enough."""
    settings.home.mkdir(parents=True)
    services = settings.services.model_copy(update={"silence_seconds": 0.5})
    return settings.model_copy(update={"services": services})


def _hang(settings, how: str) -> tuple[int, list[str]]:
    settings.home.mkdir(parents=True)
    os.mkfifo(settings.path("a.CHK"))
    command = [sys.executable, "-c", QUICK, str(settings.home), how]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout.splitlines()


def test_job_that_waits_for_a_pipe_is_ended_and_its_lock_is_free(settings):
    assert _hang(settings, "awake") == (0, ["at work", "ended, lock free True"])
    assert [alert.event for alert in open_alerts(settings)] == ["JOB_HUNG"]


def test_process_no_signal_wakes_is_killed_and_told_before(settings):
    assert _hang(settings, "deaf") == (-signal.SIGKILL, ["at work"])
    assert [alert.event for alert in open_alerts(settings)] == ["JOB_HUNG"]
    with exclusive(settings, "ingest"):  # its lock went with it
        pass


def _writes(settings, moment: int) -> None:
    settings.path("lake").mkdir(exist_ok=True)
    settings.path("lake", f"part-{moment}").write_text("rows")
    time.sleep(0.05)


def _computes(settings, moment: int) -> None:
    end = time.monotonic() + 0.05
    while time.monotonic() < end:
        pass


@pytest.mark.parametrize("work", [_writes, _computes])
def test_job_that_works_is_left_alone(quick, work):
    begun, moment = time.monotonic(), 0
    with ended_when_still(quick, "view"):
        while time.monotonic() - begun < 1.5:  # three times the silence
            moment += 1
            work(quick, moment)

    assert moment > 3
    assert open_alerts(quick) == []


def test_nothing_is_ended_given_a_cluster_of_others_or_another_thread(quick):
    far = quick.model_copy(update={"spark": quick.spark.model_copy(update={"remote": "sc://spark.internal:15002"})})
    with ended_when_still(far, "view"):
        assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL

    seen = []

    def in_a_thread() -> None:
        with ended_when_still(quick, "view"):
            seen.append(signal.getsignal(signal.SIGUSR1))

    thread = threading.Thread(target=in_a_thread)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]
    assert hang.sees_work(quick)
