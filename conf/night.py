"""The one list of stages and jobs: their order, what they make and need, when a stage is late (conf/night.yaml)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from conf.reading import ROOT, Strict, load, remembered

NIGHT_FILE = ROOT / "conf" / "night.yaml"
TABLE_NAME = r"^[a-z]+\.[a-z0-9_]+$"
MODULE_NAME = r"^[a-z_]+(\.[a-z0-9_]+)+$"


class Asset(Strict):
    """What a stage leaves for the next one, as Airflow knows it."""

    name: str
    uri: str


class Job(Strict):
    """A job: its task in Airflow, its module, and what must be there.

    makes: the module says how the tables are made that name this job, and jobs.stage does the rest. runs: the module's own
    `run(spark, settings, dates)` does all of it, without `spark` in `needs` `run(settings, dates)`.
    """

    task: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    makes: str | None = Field(default=None, pattern=MODULE_NAME)
    runs: str | None = Field(default=None, pattern=MODULE_NAME)
    needs: tuple[Literal["spark", "registry"], ...] = ()
    sized_by: str | None = Field(default=None, pattern=TABLE_NAME)
    night_by_night: bool = False

    @model_validator(mode="after")
    def _is_one_kind(self) -> Job:
        if (self.makes is None) == (self.runs is None):
            raise ValueError("one of makes (jobs.stage builds its tables) and runs (the module does it all)")
        if self.runs and (self.sized_by or self.night_by_night):
            raise ValueError("sized_by and night_by_night belong to a job that makes tables")
        if self.makes and "spark" not in self.needs:
            raise ValueError("needs: [spark] for a job that makes tables")
        return self


class Works(Strict):
    """A group of jobs under one lock, run in order as one DAG."""

    jobs: dict[str, Job] = Field(min_length=1)
    lock: str | None = None


class Stage(Works):
    """A stage of the night: the asset it makes, the table whose publication ends it, its deadline, the alert when late.

    exports: its files must be out too. once_there_is: the stage is awaited only once that table has rows.
    """

    asset: Asset
    done_when: str = Field(pattern=TABLE_NAME)
    late_when: time
    told_as: str
    exports: bool = False
    once_there_is: str | None = Field(default=None, pattern=TABLE_NAME)

    def deadline(self, business_date: date, zone: str) -> datetime:
        """When the stage of a business date is late, in the operator's zone."""
        return datetime.combine(business_date + timedelta(days=1), self.late_when, ZoneInfo(zone))


class Weekly(Works):
    """Work beside the nights and its hour, as cron writes it."""

    at: str


class EndAfterHours(Strict):
    """Hours after which a task is ended whatever it does: one of the night, one for a range of dates."""

    night: int = Field(ge=12)
    by_hand: int = Field(ge=24)


class Retries(Strict):
    """How often a task that failed is run again, and after how long."""

    times: int = Field(ge=1)
    wait_seconds: int = Field(ge=1)


class Night(Strict):
    """The stages by name in the order of the night, weekly work, jobs of the initial load, and what ends or watches them."""

    stages: dict[str, Stage] = Field(min_length=1)
    weekly: dict[str, Weekly]
    initial_load: tuple[str, ...]
    look_back_nights: int = Field(ge=1)
    retries: Retries
    end_after_hours: EndAfterHours
    night_needs: tuple[str, ...]

    @model_validator(mode="after")
    def _names_agree(self) -> Night:
        names = [name for works in self.works.values() for name in works.jobs]
        if len(set(names)) != len(names):
            raise ValueError(f"each job in one stage; twice: {sorted({n for n in names if names.count(n) > 1})}")
        unknown = [name for name in self.initial_load if name not in names]
        if unknown:
            raise ValueError(f"initial_load names jobs of the stages; {unknown[0]} is none of {', '.join(names)}")
        return self

    @property
    def works(self) -> dict[str, Stage | Weekly]:
        """Stages and weekly work by name, in order."""
        return {**self.stages, **self.weekly}

    @property
    def jobs(self) -> dict[str, Job]:
        """Every job by name, in order."""
        return {name: job for works in self.works.values() for name, job in works.jobs.items()}

    @property
    def nightly_jobs(self) -> tuple[str, ...]:
        """Names of the jobs of a night, in order."""
        return tuple(name for stage in self.stages.values() for name in stage.jobs)

    def stage_of(self, job: str) -> str:
        """The stage, or the weekly work, a job belongs to."""
        return next(name for name, works in self.works.items() if job in works.jobs)

    def lock_of(self, job: str) -> str:
        """The lock a job holds while it runs."""
        stage = self.stage_of(job)
        return self.works[stage].lock or stage


@remembered
def load_night() -> Night:
    """The night as delivered, the operator's own hours laid over it."""
    return load(Night, NIGHT_FILE)
