"""The proof that a killed night loses and doubles nothing: kill -9 at named points, run again, compare by hash.

The undisturbed night is played once and its home kept before each stage. For each point the home of before is laid out
anew, the stage runs into the kill, runs again, and must leave the tables and files of the undisturbed night.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path

from conf.errors import ClosedLoopError
from conf.night import load_night
from conf.settings import PROFILE_VARIABLE, Settings, load_settings
from conf.tables import load_tables, table_of
from jobs.lakehouse import delta_rs
from jobs.lakehouse.content import rows_hash
from jobs.lakehouse.published import reader_version
from jobs.stack import steps
from jobs.stack.steps import require_step, run_step

Tell = Callable[[str], None]
POINTS = (  # stage, fault point; ":server" kills the Spark server instead of the task
    ("ingest", "bronze.cdr_voice.before_commit"),
    ("ingest", "bronze.cdr_voice.after_commit"),
    ("ingest", "silver.usage_daily.after_commit"),
    ("ingest", "ingest.before_publish"),
    ("customer_view", "gold.customer_360.before_commit"),
    ("customer_view", "gold.customer_360.after_commit"),
    ("customer_view", "gold.customer_360.after_commit:server"),
    ("customer_view", "customer_view.after_publish"),
    ("scoring", "gold.customer_score.after_commit"),
    ("targeting", "gold.campaign_contact.after_commit"),
    ("targeting", "gold.campaign_decision.after_commit:server"),
    ("targeting", "targeting.before_publish"),
    ("targeting", "export.before_rename"),
    ("targeting", "export.after_rename"),
    ("targeting", "export.before_done"),
    ("targeting", "export.after_done"),
)
# What a run writes about itself differs from run to run by design; what it says about customers must not.
ABOUT_RUNS = {
    "ops.published",
    "ops.run_metric",
    "ops.gate_result",
    "ops.model_run",
    "ops.approval",
    "ops.person_lookup",
    "ops.key_register",
}
PROFILE = "proof"
LOG = Path("logs", "kill-matrix.log")
FLOORS = {"gold.customer_360": 500, "gold.customer_score": 500, "gold.campaign_contact": 50}  # rows of the night
LEAST_CHANNELS = 9


class KillProofFailed(ClosedLoopError):
    """A kill did not hit, or the run after it differs from the undisturbed one."""


@dataclass(frozen=True)
class Proof:
    """One row of the matrix: where it was killed and how long the two runs took."""

    point: str
    seconds: float


def fingerprint(settings: Settings) -> dict[str, str]:
    """Content hash of every table and of every exported file's bytes."""
    marks = {name: rows_hash(settings, name) for name in load_tables() if name not in ABOUT_RUNS}
    for file in sorted(settings.path("exports").rglob("*")):
        if file.is_file():
            marks[str(file.relative_to(settings.home))] = sha256(file.read_bytes()).hexdigest()
    return marks


def differences(wanted: dict[str, str], found: dict[str, str]) -> list[str]:
    """Names whose fingerprint differs, with both values."""
    names = sorted(set(wanted) | set(found))
    return [f"{n}: {wanted.get(n)} became {found.get(n)}" for n in names if wanted.get(n) != found.get(n)]


def jobs_of(stage: str) -> tuple[str, ...]:
    """Jobs that make up a stage, in order."""
    return tuple(load_night().stages[stage].jobs)


def run_jobs(home: Path, jobs: tuple[str, ...], day: date, fault: str | None = None) -> int:
    """Run jobs as processes of their own, as Airflow's tasks are; returns the first exit code that is not 0."""
    env = environment(home)
    if fault:
        env.update(CLOSEDLOOP_FAULT=fault, CLOSEDLOOP_FAULT_ONCE=str(home / "run" / "fault-fired"))
    codes = (run_step(["jobs.cli", "run", job, "--date", day.isoformat()], home / LOG, env) for job in jobs)
    return next((code for code in codes if code != 0), 0)


def environment(home: Path) -> dict[str, str]:
    """What a job of that home is started with: no fault armed, the model registry beside the homes, not in them."""
    env = steps.environment(home)
    env.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{home.parent / 'mlflow.db'}")
    env.pop("CLOSEDLOOP_FAULT", None)
    return env


def lay_out(source: Path, home: Path) -> None:
    """Put a kept home in place of the working one."""
    if home.exists():
        shutil.rmtree(home)
    shutil.copytree(source, home, symlinks=True)


def prove_point(home: Path, kept: Path, jobs: tuple[str, ...], point: str, day: date, wanted: dict[str, str]) -> Proof:
    """Kill jobs at one point and run them again; raises KillProofFailed when the kill missed or anything differs."""
    begun = time.monotonic()
    lay_out(kept, home)
    marker = home / "run" / "fault-fired"
    marker.unlink(missing_ok=True)
    (home / "run").mkdir(exist_ok=True)
    first = run_jobs(home, jobs, day, fault=point)
    if first == 0 or not marker.exists():
        raise KillProofFailed(f"{point}: the kill did not hit (exit code {first}, fired: {marker.exists()})")
    marker.unlink()
    second = run_jobs(home, jobs, day)
    if second != 0:
        raise KillProofFailed(f"{point}: the run after the kill ended with {second}; see {home / LOG}")
    wrong = differences(wanted, fingerprint(load_settings(home=home)))
    if wrong:
        raise KillProofFailed(f"{point}: after the kill and the rerun these differ:\n  " + "\n  ".join(wrong[:20]))
    return Proof(point, time.monotonic() - begun)


def prove_kill(
    settings: Settings, tell: Tell, points: tuple[tuple[str, str], ...] = POINTS, keep_history: bool = False
) -> list[Proof]:
    """Play the undisturbed night of the profile `proof`, then every point; returns one proof per point.

    `keep_history` takes the loaded history of an earlier proof, when there is one, instead of loading it anew.
    Needs the Spark server's port free: the server is stopped and started between points, as its host would be.
    """
    from jobs.lakehouse import server
    from jobs.lakehouse.managed_process import require_free_port

    os.environ[PROFILE_VARIABLE] = settings.profile  # fault points find the server by it
    home, day = settings.home, settings.first_night
    try:
        server.stop(settings)
        require_free_port(settings.spark.port, "the Spark server of the proof (make down frees it)", "spark.port")
        kept, wanted = _undisturbed(settings, home.parent, day, tell, keep_history)
        proofs = []
        for number, (stage, point) in enumerate(points, 1):
            server.stop(settings)
            proof = prove_point(home, kept[stage], jobs_of(stage), point, day, wanted[stage])
            tell(f"{number}/{len(points)} {point}: killed, run again, equal ({proof.seconds:.0f} s)")
            proofs.append(proof)
        return proofs
    finally:
        server.stop(settings)


def _undisturbed(settings: Settings, folder: Path, day: date, tell: Tell, keep_history: bool):
    from jobs.lakehouse import server

    stages = list(dict.fromkeys(stage for stage, _ in POINTS))
    kept = {stage: folder / f"before-{stage}" for stage in stages}
    wanted: dict[str, dict[str, str]] = {}
    tell("playing the undisturbed history and night")
    if keep_history and kept["ingest"].exists():
        lay_out(kept["ingest"], settings.home)
    else:
        shutil.rmtree(folder, ignore_errors=True)
        _prepare(settings, day, tell)
    for stage in stages:
        server.stop(settings)
        lay_out(settings.home, kept[stage])
        code = run_jobs(settings.home, jobs_of(stage), day)
        if code != 0:
            raise KillProofFailed(f"the undisturbed {stage} ended with {code}; see {settings.home / LOG}")
        wanted[stage] = fingerprint(settings)
        tell(f"undisturbed {stage}: {len(wanted[stage])} tables and files")
    _require_work_done(settings, day)
    return kept, wanted


def _require_work_done(settings: Settings, day: date) -> None:
    """An undisturbed night that did nothing would prove nothing."""
    for name, floor in FLOORS.items():
        column = str(table_of(name).date_column)
        version = reader_version(settings, name)
        rows = delta_rs.read(settings, name, version=version, columns=[column], filters=[(column, "=", day)]).num_rows
        if rows < floor:
            raise KillProofFailed(f"{name} has {rows} rows of {day} in the undisturbed night; wanted at least {floor}")
    channels = {file.parent.name for file in settings.path("exports").rglob("*.done")}
    if len(channels) < LEAST_CHANNELS:
        raise KillProofFailed(f"only {sorted(channels)} got a list in the undisturbed night; wanted {LEAST_CHANNELS}")


def _prepare(settings: Settings, day: date, tell: Tell) -> None:
    from conf.campaigns import load_campaigns
    from conf.channels import load_channels
    from jobs.targeting.approval import record_whole_way
    from jobs.targeting.export_signature import signing_key

    history = settings.history
    days = ["--date", history.first.isoformat(), "--to", history.last.isoformat()]
    todo = [["simulator", "history"], ["simulator", "day", "--date", day.isoformat()]]
    todo += [
        ["jobs.cli", "run", job, *days] for job in (*load_night().initial_load, *load_night().weekly["training"].jobs)
    ]
    for words in todo:
        tell(f"  {' '.join(words[:3])}")
        require_step(settings, words, settings.home / LOG, environment(settings.home))
    for campaign in load_campaigns().values():
        record_whole_way(settings, campaign, "prove-kill")
    for channel_code in load_channels():  # one key for all plays of the night: signatures are compared
        signing_key(settings, channel_code)
