"""DAGs run by Airflow itself, in this process, with every job replaced by a note of what it was called for."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

NIGHT = "2026-03-10"
CALLS = {  # DAG: the jobs its tasks call, in order
    "ingest": ["ingest", "conform"],
    "customer_view": ["respond", "view"],
    "scoring": ["score"],
    "targeting": ["target", "export"],
    "evaluation": ["evaluate", "report"],
}
RANGES = {"initial_load": ["ingest", "conform", "respond", "view"], "training": ["train"], "maintenance": ["maintain"]}


@pytest.fixture
def called(monkeypatch):
    """Jobs called, as (job, first date, last date)."""
    from jobs.stack import task

    calls = []
    monkeypatch.setattr(task, "_run", lambda job, dates: calls.append((job, dates.first, dates.last)) or {"rows": 1})
    monkeypatch.setattr(task, "feeds_have_come", lambda key, now: bool(key))
    return calls


@pytest.fixture
def run_dag(airflow_tables, dag_bag, monkeypatch):
    """Run one DAG for a partition key (DAG.test itself cannot be given one); returns task id -> (state, tries)."""
    from airflow.serialization.definitions.dag import SerializedDAG

    create = SerializedDAG.create_dagrun

    def run(dag_id: str, key: str | None = None, conf: dict | None = None) -> dict[str, tuple[str, int]]:
        def with_key(self, **given):
            midnight = datetime.fromisoformat(f"{key}T00:00:00+00:00") if key else None
            return create(self, **{**given, "partition_key": key, "partition_date": midnight})

        monkeypatch.setattr(SerializedDAG, "create_dagrun", with_key)
        found = dag_bag.dags[dag_id].test(logical_date=None, run_conf=conf)
        assert found.partition_key == key
        return {ti.task_id: (str(ti.state), ti.try_number) for ti in found.get_task_instances()}

    return run


@pytest.mark.parametrize("dag_id", sorted(CALLS))
def test_each_task_runs_its_job_for_the_key_given_a_business_date(run_dag, called, dag_bag, dag_id):
    states = run_dag(dag_id, NIGHT)

    assert set(states) == set(dag_bag.dags[dag_id].task_ids)
    assert {state for state, _ in states.values()} == {"success"}
    assert called == [(job, date(2026, 3, 10), date(2026, 3, 10)) for job in CALLS[dag_id]]


def test_run_without_a_key_fails_at_the_first_try_and_calls_nothing(run_dag, called, settings):
    states = run_dag("customer_view")

    assert states["coordinate_responses"] == ("failed", 1)
    assert called == []


@pytest.mark.parametrize("dag_id", sorted(RANGES))
def test_range_runs_its_jobs_in_order_given_first_and_last(run_dag, called, dag_id):
    states = run_dag(dag_id, conf={"first": "2025-08-10", "last": "2026-03-09"})

    assert {state for state, _ in states.values()} == {"success"}
    assert called == [(job, date(2025, 8, 10), date(2026, 3, 9)) for job in RANGES[dag_id]]


def test_midnight_tick_has_the_day_before_as_its_key(monkeypatch):
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import TimeRestriction
    from shared_parts import nightly_schedule

    monkeypatch.setenv("CLOSEDLOOP_PROFILE", "server")
    timetable = coerce_to_core_timetable(nightly_schedule())
    tick = datetime(2026, 3, 10, 16, 0, tzinfo=UTC)  # 2026-03-11 00:00 in Shanghai

    info = timetable.next_dagrun_info_v2(
        last_dagrun_info=None,
        restriction=TimeRestriction(earliest=tick, latest=None, catchup=True),
    )

    assert info.partition_key == NIGHT
    assert info.run_after == tick


def test_weekly_hours_wait_for_a_hand_in_the_demo_only(monkeypatch):
    from shared_parts import weekly_schedule

    monkeypatch.setenv("CLOSEDLOOP_PROFILE", "demo")
    assert weekly_schedule("training") is None
    monkeypatch.setenv("CLOSEDLOOP_PROFILE", "server")
    assert type(weekly_schedule("training")).__name__ == "CronTriggerTimetable"


def test_nested_counts_reach_airflow_and_rows_do_not():
    from jobs.stack.task import counts_of

    summary = {"rows": 3, "2026-03-10": {"lists": {"SMS": 40}, "who": ["token"]}, "snapshots": ["2026-03-10"]}

    assert dict(counts_of(summary)) == {"rows": 3, "2026-03-10.lists.SMS": 40}
