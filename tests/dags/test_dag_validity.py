"""Policy of DAG files: they import cleanly, name owner, tier and retries, and their docstring is a runbook."""

from __future__ import annotations

import ast
import itertools
from datetime import timedelta
from pathlib import Path

import pytest

from conf.night import load_night

DAGS = Path(__file__).resolve().parents[2] / "dags"
FILES = sorted(path for path in DAGS.glob("*.py") if path.name != "shared_parts.py")
EXPECTED = {path.stem for path in FILES}
HEAVY = {
    "pyspark",
    "pandas",
    "numpy",
    "mlflow",
    "great_expectations",
    "jobs",
    "models",
    "lightgbm",
    "polars",
    "deltalake",
}


def test_every_file_is_one_dag_and_imports_cleanly(dag_bag):
    assert dag_bag.import_errors == {}
    assert set(dag_bag.dags) == EXPECTED
    assert len(EXPECTED) == 9


@pytest.mark.parametrize("dag_id", sorted(EXPECTED))
def test_dag_carries_runbook_tier_owner_and_retries(dag_bag, dag_id):
    dag = dag_bag.dags[dag_id]

    assert "At 3 a.m." in (dag.doc_md or ""), "the docstring says what to do at 3 a.m."
    assert any(tag.startswith(("tier-", "by hand")) for tag in dag.tags), "add a Tag of shared_parts"
    assert dag.catchup is False
    assert len(dag.tasks) >= 1
    for task in dag.tasks:
        assert "@" in task.owner, f"{task.task_id}: owner is an address"
        assert task.retries >= 1, f"{task.task_id}: a task may be retried"
        assert task.on_failure_callback, f"{task.task_id}: a failure goes to the alerts"
        assert task.execution_timeout >= timedelta(hours=24), f"{task.task_id}: ended at last, and never while it works"


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_no_heavy_import_at_the_top_of_a_dag_file(file):
    tree = ast.parse(file.read_text())
    at_top = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).split(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }

    assert not at_top & HEAVY
    assert len(file.read_text().splitlines()) <= 120


def test_chain_runs_on_the_assets_of_the_stage_before(dag_bag):
    chain = list(load_night().stages)
    assert chain == ["ingest", "customer_view", "scoring", "targeting", "evaluation"]
    for upstream, downstream in itertools.pairwise(chain):
        produced = {asset.name for task in dag_bag.dags[upstream].tasks for asset in task.outlets}
        wanted = {dag_bag.dags[downstream].timetable.asset_condition.name}
        assert wanted <= produced, f"{downstream} waits for {wanted}, {upstream} makes {produced}"


def test_writing_tasks_share_the_writer_pool(dag_bag):
    writers = [
        task
        for dag_id, dag in dag_bag.dags.items()
        if dag_id != "campaign_approval"
        for task in dag.tasks
        if task.task_id != "wait_for_feeds"
    ]

    assert len(writers) >= 14
    assert {task.pool for task in writers} == {"writer"}


def test_approval_is_put_before_the_approvers_of_the_flow_and_twenty_can_wait(dag_bag):
    from conf.approval import load_approval_flow

    dag = dag_bag.dags["campaign_approval"]
    asked = {
        task.task_id: {user["id"] for user in task.assigned_users}
        for task in dag.tasks
        if hasattr(task, "assigned_users")
    }

    assert asked == {step.task_id: set(step.approvers) for step in load_approval_flow().steps}
    assert dag.max_active_runs >= 20


def test_approval_of_no_campaign_does_not_start(dag_bag):
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError, match="campaign_id"):
        dag_bag.dags["campaign_approval"].params.validate()


def test_demo_profile_waits_for_a_key_and_the_server_profile_ticks_at_midnight(monkeypatch):
    from shared_parts import nightly_schedule

    monkeypatch.setenv("CLOSEDLOOP_PROFILE", "demo")
    assert type(nightly_schedule()).__name__ == "PartitionedAtRuntime"
    monkeypatch.setenv("CLOSEDLOOP_PROFILE", "server")
    ticking = nightly_schedule()
    assert type(ticking).__name__ == "CronPartitionTimetable"


def test_task_without_a_business_date_fails_at_once_and_says_how_to_give_one():
    from jobs.stack.task import NoBusinessDate, run_for_key

    with pytest.raises(NoBusinessDate, match="partition_key"):
        run_for_key("view", None)


def test_wait_for_feeds_is_ended_by_their_deadlines_and_not_by_a_number_of_its_own(dag_bag):
    sensor = dag_bag.dags["ingest"].task_dict["wait_for_feeds"]

    assert sensor.timeout >= timedelta(days=1).total_seconds()  # whatever hour the cut-off is set to


def test_task_of_a_range_may_work_for_days(dag_bag):
    ranges = [task for dag in ("initial_load", "training", "maintenance") for task in dag_bag.dags[dag].tasks]

    assert len(ranges) >= 6
    assert {task.execution_timeout for task in ranges} == {timedelta(hours=168)}


def test_failed_task_says_what_failed_and_where_its_log_is(settings, monkeypatch):
    from types import SimpleNamespace

    from shared_parts import tell_failure

    from jobs.lakehouse.alerts import open_alerts

    monkeypatch.setenv("AIRFLOW_HOME", "/srv/closedloop/airflow")
    instance = SimpleNamespace(dag_id="ingest", task_id="conform_to_silver", run_id="night", try_number=2)
    run = SimpleNamespace(partition_key="2026-03-10")
    tell_failure({"ti": instance, "dag_run": run, "exception": KeyError("a number of somebody")})

    (alert,) = open_alerts(settings)
    assert (alert.event, alert.business_date, alert.severity) == ("TASK_FAILED", "2026-03-10", "page")
    log = "/srv/closedloop/airflow/logs/dag_id=ingest/run_id=night/task_id=conform_to_silver/attempt=2.log"
    assert alert.text.startswith(
        f"ingest.conform_to_silver: KeyError; log {log}; safe to run again: airflow dags clear ingest"
    )
    assert "somebody" not in alert.text
