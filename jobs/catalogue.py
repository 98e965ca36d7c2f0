"""The jobs by name, in the order of a night: what `closedloop run`, `closedloop night` and the DAGs can call."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from conf.dates import DateRange
from conf.errors import ClosedLoopError
from conf.settings import Settings


class UnknownJob(ClosedLoopError):
    """No job has that name."""


@dataclass(frozen=True)
class Job:
    """A job: where its `run` stands, the stage whose lock it holds, and whether it needs Spark."""

    name: str
    module: str
    stage: str
    needs_spark: bool
    nightly: bool = True
    needs_registry: bool = False


JOBS = {
    job.name: job
    for job in (
        Job("ingest", "jobs.ingest.job", "ingest", needs_spark=False),
        Job("conform", "jobs.view.conform", "ingest", needs_spark=True),
        Job("respond", "jobs.responses.job", "customer_view", needs_spark=True),
        Job("view", "jobs.view.job", "customer_view", needs_spark=True),
        Job("train", "jobs.scoring.train", "training", needs_spark=True, nightly=False, needs_registry=True),
        Job("score", "jobs.scoring.job", "scoring", needs_spark=True, needs_registry=True),
        Job("target", "jobs.targeting.job", "targeting", needs_spark=True),
        Job("export", "jobs.targeting.export", "targeting", needs_spark=True),
        Job("evaluate", "jobs.evaluation.job", "evaluation", needs_spark=True),
        Job("report", "jobs.evaluation.page", "evaluation", needs_spark=True),
        Job("maintain", "jobs.maintenance.job", "maintenance", needs_spark=True, nightly=False),
    )
}
NIGHT = tuple(job.name for job in JOBS.values() if job.nightly)


def run_job(settings: Settings, name: str, dates: DateRange) -> dict:
    """Run one job for a closed range of business dates under the lock of its stage; returns its summary of counts.

    Starts the Spark server of this machine when the job needs it and it does not answer; one elsewhere is others' to run.
    Low disk is told before it begins. Raises AlreadyRunning, DoorOpen, GateFailed, JobHung and the job's own errors.
    """
    if name not in JOBS:
        raise UnknownJob(f"no job is called '{name}'\n  wanted: one of {', '.join(JOBS)}")
    job = JOBS[name]
    from jobs.lakehouse import doors
    from jobs.lakehouse.hang import ended_when_still
    from jobs.lakehouse.run import exclusive
    from jobs.lakehouse.server_logs import cut_long_logs
    from jobs.watch.machine import tell_low_disk

    doors.keep(settings)
    doors.require_closed(settings)
    cut_long_logs(settings)
    tell_low_disk(settings)
    with exclusive(settings, job.stage), ended_when_still(settings, f"{name} {dates}"):
        run = import_module(job.module).run
        if job.needs_registry:
            from jobs.servers.postgres import point_mlflow_here

            point_mlflow_here(settings)
        if not job.needs_spark:
            return run(settings, dates)
        from jobs.lakehouse import server
        from jobs.lakehouse.session import get_session

        if settings.spark.is_our_server:
            server.ensure_running(settings)
        return run(get_session(settings, job.name), settings, dates)
