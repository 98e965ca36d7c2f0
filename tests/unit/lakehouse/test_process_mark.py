"""A process is known again by its start, not by the clock; an id given to another process is noticed."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import psutil
import pytest

from jobs.lakehouse import process_mark
from jobs.lakehouse.process_mark import ProcessMark

AN_HOUR = 3600


@pytest.fixture
def stepped_clock(monkeypatch):
    """Every process seems an hour younger from now on, as after a step of the wall clock."""

    def step() -> None:
        before = psutil.Process.create_time
        monkeypatch.setattr(psutil.Process, "create_time", lambda process: before(process) + AN_HOUR)

    return step


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="start ticks are told by Linux")
def test_living_process_is_still_ours_after_the_clock_was_set(stepped_clock):
    mark = ProcessMark.of()
    stepped_clock()

    assert ProcessMark.of() == mark
    assert mark.process() is not None
    assert not mark.is_number_reused


def test_process_that_got_the_number_of_ours_is_not_ours():
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        ours = replace(ProcessMark.of(), pid=other.pid)

        assert ours.process() is None
        assert ours.is_number_reused
        assert ProcessMark.of(other.pid).process() is not None
    finally:
        other.communicate(b"\n")
    assert ProcessMark(other.pid, ours.start).process() is None
    assert not ours.is_number_reused


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="start ticks are told by Linux")
def test_same_number_and_ticks_after_another_boot_are_not_ours():
    boot, _, ticks = ProcessMark.of().start.rpartition(":")

    assert ProcessMark(os.getpid(), f"{boot}:{ticks}").process() is not None
    assert ProcessMark(os.getpid(), f"{boot[::-1]}:{ticks}").process() is None


def test_note_keeps_the_mark_and_one_of_an_earlier_version_is_understood():
    mark = ProcessMark.of()
    old = {"pid": os.getpid(), "created": psutil.Process().create_time()}

    assert ProcessMark.read(mark.as_note()) == mark
    assert ProcessMark.read(old).process() is not None
    assert ProcessMark.read(old | {"created": old["created"] - AN_HOUR}).process() is None


def test_instant_of_creation_serves_where_the_kernel_tells_no_ticks(monkeypatch, tmp_path, stepped_clock):
    monkeypatch.setattr(process_mark, "PROC", tmp_path)
    mark = ProcessMark.of()

    assert mark.start.startswith("created:")
    assert mark.process() is not None
    stepped_clock()
    assert mark.process() is None
