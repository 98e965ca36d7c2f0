"""Runs a job of conf/night.yaml: what `closedloop run`, `closedloop night` and the DAGs call."""

from __future__ import annotations

from importlib import import_module

from conf.dates import DateRange
from conf.errors import ClosedLoopError
from conf.night import Job, load_night
from conf.settings import Settings


class UnknownJob(ClosedLoopError):
    """No job has that name."""


def run_job(settings: Settings, name: str, dates: DateRange) -> dict:
    """Run one job for a closed range of business dates under the lock of its stage; returns its summary of counts.

    Starts the Spark server of this machine when the job needs it and it does not answer; one elsewhere is others' to run.
    Low disk is told before it begins. Raises AlreadyRunning, DoorOpen, GateFailed, JobHung and the job's own errors.
    """
    night = load_night()
    if name not in night.jobs:
        raise UnknownJob(f"no job is called '{name}'\n  wanted: one of {', '.join(night.jobs)}")
    from jobs.lakehouse import doors
    from jobs.lakehouse.hang import ended_when_still
    from jobs.lakehouse.run import exclusive
    from jobs.lakehouse.server_logs import cut_long_logs
    from jobs.watch.machine import tell_low_disk

    doors.keep(settings)
    doors.require_closed(settings)
    cut_long_logs(settings)
    tell_low_disk(settings)
    with exclusive(settings, night.lock_of(name)), ended_when_still(settings, f"{name} {dates}"):
        return _run(settings, name, night.jobs[name], dates)


def _run(settings: Settings, name: str, job: Job, dates: DateRange) -> dict:
    if "registry" in job.needs:
        from jobs.servers.postgres import point_mlflow_here

        point_mlflow_here(settings)
    if "spark" not in job.needs:
        return import_module(str(job.runs)).run(settings, dates)
    from jobs.lakehouse import server
    from jobs.lakehouse.session import get_session

    if settings.spark.is_our_server:
        server.ensure_running(settings)
    spark = get_session(settings, name)
    if job.runs:
        return import_module(job.runs).run(spark, settings, dates)
    from jobs.stage import run_stage

    return run_stage(spark, settings, name, dates)
