"""What deciding, allocating, freezing, checking and exporting a night costs, step by step: `closedloop bench targets`."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

LOOK_EVERY_SECONDS = 0.2
# What is timed, by module and name, each without what is timed inside it.
STEPS = {
    "target": (
        ("jobs.targeting.job", "_require_ready", "may lists be made"),
        ("jobs.targeting.job", "approved_campaigns", "campaigns and approvals"),
        ("jobs.targeting.job", "find_targets", "select and decide (Spark)"),
        ("jobs.targeting.job", "budgets_left", "budgets"),
        ("jobs.targeting.allocate", "expected_sales", "expected sales"),
        ("jobs.targeting.allocate", "expected_values", "expected values"),
        ("jobs.targeting.allocate", "build_problem", "the problem's arrays"),
        ("jobs.targeting.allocate", "solve", "solver"),
        ("jobs.targeting.allocate", "_why_not", "why not chosen"),
        ("jobs.targeting.night_rows", "decisions_of", "freeze decisions"),
        ("jobs.targeting.night_rows", "contacts_of", "freeze lists"),
        ("jobs.targeting.job", "require_tally", "identity"),
        ("jobs.targeting.night_rows", "control_rows_of", "control groups"),
        ("jobs.targeting.night_rows", "recommendations_of", "recommendations"),
        ("jobs.lakehouse.lake", "Lake.replace", "write tables"),
        ("jobs.stage", "run_gate", "gate"),
        ("jobs.lakehouse.lake", "Lake.publish", "publish"),
    ),
    "export": (
        ("jobs.targeting.export", "contacts_by_file", "read the lists"),
        ("jobs.targeting.export", "Directory", "numbers and places"),
        ("jobs.targeting.export", "read_protection", "protection"),
        ("jobs.targeting.export", "cells_of", "cells"),
        ("jobs.targeting.export", "file_bytes", "write lines"),
        ("jobs.targeting.export", "write_private", "files to disk"),
        ("jobs.targeting.export", "read_back", "read files back"),
        ("jobs.targeting.export", "differences", "compare with the list"),
        ("jobs.targeting.export", "violations", "last gate"),
        ("jobs.targeting.export", "write_manifest", "manifests"),
        ("jobs.targeting.export", "_release", "release"),
    ),
}


@dataclass
class Cost:
    """Seconds of the clock and of the processors, and the highest memory in between."""

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0


@dataclass
class Meter:
    """Notes what each step costs this process and all processes below it; the step that runs pauses those around it."""

    costs: dict[str, Cost] = field(default_factory=dict)
    _running: list[str] = field(default_factory=list)
    _since: tuple[float, float] = (0.0, 0.0)
    _below: list[psutil.Process] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Everything inside counts to this step, but for steps inside it."""
        with self._lock:
            self._count()
            self._running.append(name)
        try:
            yield
        finally:
            with self._lock:
                self._count()
                self._running.remove(name)

    def look(self) -> None:
        """Note the memory of now, and which processes there are: to look for them takes longer than many a step."""
        self._below = psutil.Process().children(recursive=True)
        memory = self._sum(lambda process: process.memory_info().rss)
        with self._lock:
            if self._running:
                cost = self.costs.setdefault(self._running[-1], Cost())
                cost.peak_bytes = max(cost.peak_bytes, int(memory))

    def _count(self) -> None:
        now = (time.perf_counter(), self._sum(_cpu_seconds))
        if self._running:
            cost = self.costs.setdefault(self._running[-1], Cost())
            cost.wall_seconds += now[0] - self._since[0]
            cost.cpu_seconds += now[1] - self._since[1]
        self._since = now

    def _sum(self, of: Callable[[psutil.Process], float]) -> float:
        total = 0.0
        for process in [psutil.Process(), *self._below]:
            try:
                total += of(process)
            except psutil.NoSuchProcess:
                continue
        return total


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


@contextmanager
def measured(meter: Meter) -> Iterator[None]:
    """Time the steps, and look at the memory every now and then."""
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(LOOK_EVERY_SECONDS):
            meter.look()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    undo = [_timed(meter, *step) for steps in STEPS.values() for step in steps]
    try:
        yield
    finally:
        stop.set()
        watcher.join()
        for put_back in undo:
            put_back()


def _timed(meter: Meter, module: str, name: str, step: str) -> Callable[[], None]:
    owner: Any = import_module(module)
    *path, last = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    plain = getattr(owner, last)

    def timed(*args: Any, **named: Any) -> Any:
        with meter.step(step):
            return plain(*args, **named)

    setattr(owner, last, timed)
    return lambda: setattr(owner, last, plain)


def bench_targets(subscriptions: int, campaigns: int, home: Path) -> tuple[Meter, dict[str, Any]]:
    """Draw the world, decide and export its night by the jobs themselves; returns the costs and what the jobs said."""
    os.environ["CLOSEDLOOP_CONF"] = str(home / "operator")
    (home / "operator").mkdir(parents=True, exist_ok=True)
    from conf.dates import DateRange
    from conf.settings import load_settings
    from jobs.lakehouse.session import get_session
    from jobs.stage import run_stage
    from jobs.targeting import export
    from jobs.targeting.bench_world import write_campaigns, write_world

    settings = load_settings(home=home / "home")
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    dates, meter, said = DateRange.of(settings.first_night), Meter(), {}
    with measured(meter):
        with meter.step("draw the world"):
            made = write_campaigns(home / "operator", campaigns)
            write_world(settings, made, subscriptions, settings.first_night)
        with meter.step("start Spark"):
            spark = get_session(settings, "bench-targets")
        with meter.step("target: the rest"):
            said["target"] = run_stage(spark, settings, "target", dates)[str(settings.first_night)]
        with meter.step("export: the rest"):
            said["export"] = export.run(spark, settings, dates)[str(settings.first_night)]
    spark.stop()
    return meter, said


def _lines(meter: Meter) -> Iterator[str]:
    yield f"{'step':32} {'wall s':>8} {'CPU s':>8} {'peak MB':>8}"
    for part, steps in STEPS.items():
        names = [*(step for _, _, step in steps), f"{part}: the rest"]
        costs = [(name, meter.costs[name]) for name in names if name in meter.costs]
        total = Cost(
            sum(cost.wall_seconds for _, cost in costs),
            sum(cost.cpu_seconds for _, cost in costs),
            max(cost.peak_bytes for _, cost in costs),
        )
        for name, cost in [*costs, (f"{part.upper()} IN ALL", total)]:
            yield f"{name:32} {cost.wall_seconds:8.2f} {cost.cpu_seconds:8.2f} {cost.peak_bytes / 1e6:8.0f}"
    for name in ("draw the world", "start Spark"):
        cost = meter.costs[name]
        yield f"({name}) {cost.wall_seconds:{30 - len(name) + 8}.2f} {cost.cpu_seconds:8.2f} {cost.peak_bytes / 1e6:8.0f}"


def main(
    subscriptions: Annotated[int, typer.Option(help="people; each is a target once on average")] = 50_000,
    campaigns: Annotated[int, typer.Option(help="campaigns that select among them")] = 20,
    home: Annotated[Path | None, typer.Option(help="folder to work in, else one that is removed afterwards")] = None,
) -> None:
    """Print what a night of so many people and campaigns costs from the decision to the files, by step."""
    logging.disable(logging.WARNING)
    os.environ.setdefault("CLOSEDLOOP_PROFILE", "local")
    with tempfile.TemporaryDirectory(prefix="closedloop-bench-") as folder:
        meter, said = bench_targets(subscriptions, campaigns, home or Path(folder))
    typer.echo("\n".join(_lines(meter)))
    target, export = said["target"], said["export"]
    typer.echo(
        f"{target['targeted']} targets of {subscriptions} people and {len(target['by_campaign'])} campaigns; "
        f"{sum(target['by_channel'].values())} on lists, {export['rows']} in files; gap {target['allocation.gap']:.4f}; "
        f"dropped {export['dropped']}, withheld {len(export['withheld'])}"
    )


if __name__ == "__main__":
    typer.run(main)
