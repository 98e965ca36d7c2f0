"""What every DAG file shares: tags, owner and retries, the assets between stages, and the one task that runs a job.

Kept light on purpose: a task process reads its DAG file again each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from airflow.sdk import (
    Asset,
    CronPartitionTimetable,
    CronTriggerTimetable,
    PartitionedAssetTimetable,
    PartitionedAtRuntime,
    chain,
    task,
)
from airflow.sdk.exceptions import AirflowFailException

from conf.night import Stage, load_night

os.umask(os.umask(0o077) | 0o027)  # whatever Airflow started us with, nothing a task writes is for everybody
START = datetime(2025, 1, 1)
PLAYED_PROFILES = {"demo"}  # their dates lie in the past: nothing may start the real yesterday
WRITER_POOL = "writer"  # one slot: one writer at a time on the lake


class Tag(StrEnum):
    """The vocabulary of DAG tags."""

    tier_1 = "tier-1: lists leave by 08:30"
    tier_2 = "tier-2: next day"
    tier_3 = "tier-3: this week"
    by_hand = "by hand"


WORK = load_night()  # stages, their jobs, assets and hours: conf/night.yaml


def tell_failure(context: dict) -> None:
    """A failed task goes to the alert file and the webhook as well, with the command that repeats it."""
    from conf.settings import load_settings
    from jobs.lakehouse.alerts import raise_alert

    instance = context["ti"]
    key = getattr(context.get("dag_run"), "partition_key", None)
    again = f"airflow dags clear {instance.dag_id} --partition-key {key} -y" if key else "clear the task in Airflow"
    failure = context.get("exception")
    error = type(failure).__name__ if isinstance(failure, BaseException) else "its process died"
    where = log_file(instance)
    text = f"{instance.dag_id}.{instance.task_id}: {error}; log {where}; safe to run again: {again}"
    raise_alert(load_settings(), "TASK_FAILED", key or "no date", text, run=instance.run_id, error=error, log=where)


def log_file(instance) -> str:
    """Where Airflow writes the log of a task's try, below AIRFLOW_HOME."""
    folder = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")) / "logs" / f"dag_id={instance.dag_id}"
    return str(folder / f"run_id={instance.run_id}/task_id={instance.task_id}/attempt={instance.try_number}.log")


# The last resort alone: what stands still is ended by the job itself (jobs/lakehouse/hang.py), what moves is not.
ENDED_AFTER = WORK.end_after_hours

DEFAULT_ARGS = {
    "owner": "data-engineering@operator",
    "retries": WORK.retries.times,
    "retry_delay": timedelta(seconds=WORK.retries.wait_seconds),
    "execution_timeout": timedelta(hours=ENDED_AFTER.night),
    "on_failure_callback": tell_failure,
}


def nightly_schedule():
    """Midnight in the operator's zone, for the day that ended; a played profile waits for its key instead."""
    if _is_played():
        return PartitionedAtRuntime()
    return CronPartitionTimetable("0 0 * * *", timezone=_zone(), run_offset=-1, key_format="%Y-%m-%d")


def _is_played() -> bool:
    return os.environ.get("CLOSEDLOOP_PROFILE", "demo") in PLAYED_PROFILES


def _zone() -> str:
    return os.environ.get("CLOSEDLOOP_TIME_ZONE", "Asia/Shanghai")


def after_the_stage_before(stage: str):
    """When the stage before has left its asset for the same date."""
    names = list(WORK.stages)
    before = WORK.stages[names[names.index(stage) - 1]]
    return PartitionedAssetTimetable(assets=asset_of(before))


def asset_of(stage: Stage) -> Asset:
    """What a stage leaves for the next one."""
    return Asset(name=stage.asset.name, uri=stage.asset.uri)


def weekly_schedule(work: str):
    """Its weekly hour in the operator's zone; a played profile is started by hand."""
    return None if _is_played() else CronTriggerTimetable(WORK.weekly[work].at, timezone=_zone())


def stage_tasks(stage: str) -> list:
    """The jobs of a stage for the business date of its run, one after the other; the last leaves the stage's asset."""
    spec = WORK.stages[stage]
    outlets = [None] * (len(spec.jobs) - 1) + [asset_of(spec)]
    tasks = [
        business_date_task(job.task, name, outlet)
        for (name, job), outlet in zip(spec.jobs.items(), outlets, strict=True)
    ]
    return in_a_row(tasks)


def range_tasks(jobs: Iterable[str]) -> list:
    """These jobs for the dates in the run's parameters, one after the other."""
    return in_a_row([range_task(WORK.jobs[name].task, name) for name in jobs])


def in_a_row(tasks: list) -> list:
    """The same tasks, each after the one before it."""
    if len(tasks) > 1:
        chain(*tasks)
    return tasks


def business_date_task(task_id: str, job: str, outlet: Asset | None = None, **options):
    """A task that runs one job for the business date of its run; a run without a date fails at once."""

    @task(task_id=task_id, outlets=[outlet] if outlet else [], pool=WRITER_POOL, **options)
    def run_job(dag_run=None) -> dict:
        from jobs.stack.task import run_for_key

        return run_for_key(job, require_key(dag_run))

    return run_job()


def require_key(dag_run) -> str:
    """The business date of a run; without one the task fails at once, as no retry can bring it."""
    from jobs.stack.task import NoBusinessDate, business_date

    try:
        business_date(dag_run.partition_key)
    except NoBusinessDate as refusal:
        raise AirflowFailException(str(refusal)) from None
    return dag_run.partition_key


def range_task(task_id: str, job: str, **options):
    """A task that runs one job for the dates in the run's parameters; left empty: all that is loaded."""

    @task(task_id=task_id, pool=WRITER_POOL, execution_timeout=timedelta(hours=ENDED_AFTER.by_hand), **options)
    def run_job(params=None) -> dict:
        from jobs.stack.task import run_for_range

        return run_for_range(job, params.get("first"), params.get("last"))

    return run_job()
