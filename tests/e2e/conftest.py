"""One small province taken round the loop once: history, training, two nights. The e2e tests look at what it left."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from conf.dates import DateRange
from conf.settings import Settings
from jobs.servers import postgres
from tests.conftest import settings_for_tests

ROOT = Path(__file__).resolve().parents[2]


def simulate(home: Path, *words: str) -> None:
    """The synthetic operator, as a process of its own."""
    env = {**os.environ, "CLOSEDLOOP_HOME": str(home), "CLOSEDLOOP_PROFILE": "local"}
    done = subprocess.run(
        [sys.executable, "-m", "simulator", *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@dataclass
class Loop:
    """A home that went round the loop, and how long each job took."""

    settings: Settings
    spark: object
    seconds: dict[str, float] = field(default_factory=dict)
    summaries: dict[str, dict] = field(default_factory=dict)
    nights: list[date] = field(default_factory=list)

    def job(self, name: str, first: date, last: date | None = None) -> dict:
        """Run one job in this process on the shared session."""
        from importlib import import_module

        from conf.night import load_night
        from jobs.stage import run_stage

        job, dates = load_night().jobs[name], DateRange(first, last or first)
        begun = time.monotonic()
        if job.makes:
            summary = run_stage(self.spark, self.settings, name, dates)
        else:
            run = import_module(str(job.runs)).run
            summary = run(self.spark, self.settings, dates) if "spark" in job.needs else run(self.settings, dates)
        self.seconds[f"{name} {dates.last}"] = time.monotonic() - begun
        self.summaries[f"{name} {dates.last}"] = summary
        return summary

    def night(self, night: date) -> None:
        """One whole night: the operator's extracts, then every job."""
        from conf.night import load_night

        simulate(self.settings.home, "day", "--date", night.isoformat())
        self.nights.append(night)
        for name in load_night().nightly_jobs:
            self.job(name, night)


def approve_all(settings: Settings) -> int:
    """See every campaign as it stands on disk through all steps of its approval."""
    from conf.campaigns import load_campaigns
    from tests.builders.targeting_night import approve

    campaigns = load_campaigns()
    approve(settings, *campaigns.values())
    return len(campaigns)


@pytest.fixture(scope="session")
def loop(spark, tmp_path_factory) -> Iterator[Loop]:
    """History, training, approvals and two nights of a small province; or the played home of $CLOSEDLOOP_LOOP_HOME."""
    played = os.environ.get("CLOSEDLOOP_LOOP_HOME")
    if played:
        os.environ["CLOSEDLOOP_HOME"] = played
        settings = settings_for_tests(Path(played))
        nights = [night for night in settings.night_dates if settings.path("reports", f"{night}.html").exists()]
        was_running = postgres.is_running(settings)
        postgres.point_mlflow_here(settings)  # the demo's champions are registered there
        yield Loop(settings, spark, nights=nights)
        if not was_running:
            postgres.stop(settings)
        return
    home = tmp_path_factory.mktemp("loop-home")
    os.environ["CLOSEDLOOP_HOME"] = str(home)
    settings = settings_for_tests(home)
    loop = Loop(settings, spark)
    simulate(home, "history")
    history = settings.history
    for name in ("ingest", "conform", "respond", "view", "train"):
        loop.job(name, history.first, history.last)
    approve_all(settings)
    for night in settings.night_dates[:2]:
        loop.night(night)
    yield loop
