"""Waiting for a run: as long as anything moves, and with a word of what it waited for when nothing does."""

from __future__ import annotations

import pytest

from jobs.lakehouse.patience import Patience
from jobs.servers import airflow_client
from jobs.servers.airflow_client import AirflowClient, RunFailed


class Played(AirflowClient):
    """A client whose runs follow a script: (state of the run, state of its task, files written), one a look."""

    def __init__(self, looks, clock):
        self.base, self._looks, self._clock, self.files = "http://127.0.0.1:8080", iter(looks), clock, 0

    def find(self) -> dict:
        state, self._task, self.files = next(self._looks)
        self._clock.now += 600  # ten minutes between two looks: a slow machine
        return {"state": state, "dag_run_id": "r"}

    def tasks(self, dag_id, run_id):
        return [{"task_id": "conform_to_silver", "state": self._task}]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def without_sleep(monkeypatch):
    monkeypatch.setattr(airflow_client, "POLL_SECONDS", 0)


def _wait(looks):
    clock, told = Clock(), []
    client = Played(looks, clock)
    run = client.wait("initial_load", client.find, Patience(900, clock), told.append, work=lambda: client.files)
    return run, clock.now, told


def test_run_that_writes_is_waited_for_far_beyond_half_an_hour():
    looks = [("running", "running", files) for files in range(50)] + [("success", "success", 50)]

    run, seconds, told = _wait(looks)

    assert run["state"] == "success"
    assert seconds > 8 * 3600
    assert told == ["initial_load: conform_to_silver running"]


def test_run_in_which_nothing_moves_is_given_up_with_what_it_waited_for():
    with pytest.raises(RunFailed) as given_up:
        _wait([("running", "running", 7)] * 10)

    words = str(given_up.value)
    assert "nothing has moved for 900 s" in words
    assert "conform_to_silver running" in words
    assert "the same command goes on from here" in words
