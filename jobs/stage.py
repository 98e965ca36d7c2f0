"""One run of one stage: its lock, tables as published, what its contracts say built, gate, publication, summary."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Any

from conf.dates import DateRange
from conf.night import Job, load_night
from conf.tables import table_of, tables_of_job
from expectations.gate import run_gate
from jobs.lakehouse.building import build_tables
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.plan import StagePlan
from jobs.lakehouse.run import Run, exclusive
from jobs.lakehouse.tables import Tables

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from conf.settings import Settings


def run_stage(spark: SparkSession | None, settings: Settings, job: str, dates: DateRange) -> dict[str, Any]:
    """Make, check and publish the tables whose contracts name this job, for a closed range of business dates.

    The job's module says how, in up to three functions: `plan(tables, dates)` which dates and tables (jobs/lakehouse/plan.py);
    the makers its contracts name; `before_gate(lake, plan)` what else to tell. Raises GateFailed, and what these raise.
    """
    night = load_night()
    spec = night.jobs[job]
    with exclusive(settings, night.lock_of(job)):
        if spec.night_by_night:
            return {str(day): _run(spark, settings, job, spec, DateRange(day, day)) for day in dates}
        return _run(spark, settings, job, spec, dates)


def _run(spark: SparkSession | None, settings: Settings, job: str, spec: Job, dates: DateRange) -> dict[str, Any]:
    how, names = import_module(str(spec.makes)), tables_of_job(job)
    plan = how.plan(Tables(settings, spark), dates) if hasattr(how, "plan") else StagePlan((dates,))
    if not plan.parts:
        return {"dates": str(dates), "rows": {}, **plan.summary}
    lake = Lake(spark, settings, Run(load_night().stage_of(job), plan.dates, settings))  # type: ignore[arg-type]
    lake.restore_ahead(names)
    wanted = [name for name in names if plan.tables is None or name in plan.tables]
    rows: dict[str, int] = {}
    with _sized(lake, spec):
        for part in plan.parts:
            commits = build_tables(lake, wanted, part, plan.params, plan.rows_read)
            for name, commit in commits.items():
                rows[name] = rows.get(name, 0) + commit.rows
        if hasattr(how, "before_gate"):
            how.before_gate(lake, plan)
    judged = [name for name in wanted if name in lake.written or not table_of(name).may_be_left]
    for part in plan.parts:
        run_gate(lake, lake.run.stage, judged, part)
    return {
        "dates": str(plan.dates),
        "rows": dict(sorted(rows.items())),
        "published_seq": lake.publish(),
        **plan.summary,
        **lake.summary,
        **_undeclared(lake),
    }


def _undeclared(lake: Lake) -> dict[str, list[str]]:
    """Tables that were read and that no contract names as a source: the dictionary's lineage would be wrong."""
    found = sorted(f"{name} reads {source}" for name, source in lake.undeclared_reads)
    return {"undeclared_reads": found} if found else {}


def _sized(lake: Lake, spec: Job) -> AbstractContextManager[None]:
    """Spark plans once, and results are written, for as many rows as the job's measure of size has."""
    if spec.sized_by is None:
        return nullcontext()
    return lake.planned_for(lake.row_count(spec.sized_by))
