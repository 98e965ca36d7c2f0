"""Locks, fault points and alerts."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from conf.errors import AlreadyRunning
from jobs.lakehouse import faults
from jobs.lakehouse.alerts import raise_alert
from jobs.lakehouse.run import exclusive

HOLDER = """
import sys, time
from conf.settings import load_settings
from jobs.lakehouse.run import exclusive
with exclusive(load_settings("demo", sys.argv[1]), "targeting"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_second_run_is_refused_within_ten_seconds_and_told_who_holds_the_lock(settings):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(settings.home)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        begun = time.monotonic()
        with pytest.raises(AlreadyRunning, match=f"process {holder.pid}"), exclusive(settings, "targeting"):
            pass
        assert time.monotonic() - begun < 10
        with exclusive(settings, "evaluation"):  # another stage is free
            pass
    finally:
        holder.kill()
        holder.wait()
    with exclusive(settings, "targeting"):  # kill -9 of the holder frees its lock
        pass


def test_stage_lock_is_held_on_given_a_job_that_calls_another(settings):
    with exclusive(settings, "targeting"), exclusive(settings, "targeting"):
        pass
    with exclusive(settings, "targeting"):
        pass


def test_armed_fault_point_kills_the_process_as_kill_9_would(settings):
    code = "from jobs.lakehouse import faults; faults.point('other'); print('alive', flush=True); faults.point('here'); print('never')"
    done = subprocess.run(
        [sys.executable, "-c", code], env=_environment("here"), capture_output=True, text=True, check=False
    )

    assert done.returncode == -9
    assert done.stdout == "alive\n"


def test_fault_point_does_nothing_given_none_is_armed(monkeypatch):
    monkeypatch.delenv(faults.VARIABLE, raising=False)

    faults.point("here")


def _environment(fault: str) -> dict[str, str]:
    import os

    return {**os.environ, faults.VARIABLE: fault}


def test_alert_is_one_file_however_often_it_is_raised(settings):
    for _ in range(2):
        raise_alert(settings, "FEED_LATE", "2026-03-10", "payment has not come by 06:00", feed="payment")

    files = list(settings.path("alerts").glob("*.json"))
    assert len(files) == 1
    assert json.loads(files[0].read_text(encoding="utf-8"))["feed"] == "payment"
