"""A whole night at a size: the town is made, two nights run on one Spark server, and each step says what it cost.

The first night finds a fresh server (cold), the second, the next date with the answers to the first one's lists, a warm one.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

from conf.dates import DateRange
from conf.errors import InputRefused
from conf.files import write_whole
from conf.night import load_night
from conf.reading import ROOT
from conf.settings import HOME_VARIABLE, PROFILE_VARIABLE, Settings, load_settings
from jobs.catalogue import run_job
from jobs.lakehouse import server
from jobs.lakehouse.run import exclusive
from jobs.lakehouse.session import get_session
from jobs.stack.bench_peers import compare_parse
from jobs.stack.bench_world import make_world, rows_of, simulate
from jobs.stack.event_log import read_event_log, table_of_queries
from jobs.stack.metering import Meter

PROFILE = "million"
COLD, WARM = "cold", "warm"
SPARK_CONF_VARIABLE = "SPARK_CONF_DIR"
GIGABYTE = 1024**3


def bench_night(settings: Settings, history_days: int, meter: Meter, nights: int = 2) -> dict[str, Any]:
    """Make the town where it is not there yet and play its first nights; returns what `main` writes down."""
    began, load = datetime.now(UTC), os.getloadavg()
    make_world(settings, history_days, meter)
    if settings.spark.is_our_server:
        stop_server(settings)  # the world was made on it: the first night shall find a fresh one
    for number in range(nights):
        play_night(settings, settings.first_night + timedelta(days=number), COLD if number == 0 else WARM, meter)
    return {
        "began": began.isoformat(timespec="seconds"),
        "subscriptions": settings.simulator.subscriptions,
        "history_days": history_days,
        "record_days": settings.history.days,
        "intensity": settings.simulator.intensity,
        "profile": settings.profile,
        "spark": settings.spark.model_dump(include={"master", "driver_memory", "shuffle_partitions", "java_options"}),
        "machine": machine(),
        "load_before": load,
        "load_after": os.getloadavg(),
        "commit": commit(),
        "steps": [cost.as_row() for cost in meter.costs],
    }


def stop_server(settings: Settings) -> None:
    """Stop the server, and forget this process's session on it: the next server would be asked for one it does not know."""
    if server.status(settings).answers:
        get_session(settings, "bench").stop()
    server.stop(settings)


def play_night(settings: Settings, day: date, run: str, meter: Meter) -> None:
    """The jobs of a night in order, each a step; before them the operator writes its extracts and a server comes up."""
    with meter.step(run, "simulate"):
        simulate(settings, "day", "--date", day.isoformat())
    if settings.spark.is_our_server:
        with meter.step(run, "server"):
            server.ensure_running(settings)
    with exclusive(settings, "night"):
        for job in load_night().nightly_jobs:
            with meter.step(run, job) as cost:
                cost.rows = rows_of(run_job(settings, job, DateRange(day, day)))


def machine() -> dict[str, Any]:
    """What the seconds were measured on."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / GIGABYTE, 1),
        "system": platform.platform(),
    }


def commit() -> str | None:
    """The commit of the code, with + when files differ from it; None without a checkout."""
    found = [
        subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        for words in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
    ]
    if found[0].returncode != 0:
        return None
    return found[0].stdout.strip() + ("+" if found[1].stdout.strip() else "")


def table_of_costs(result: Mapping[str, Any], against: Mapping[str, Any] | None = None) -> list[str]:
    """Lines a person reads: each step, the sum of each night, and with `against` the ratios to an earlier result."""
    earlier = {(row["run"], row["step"]): row for row in against["steps"]} if against else {}
    lines = [
        f"{'':22}{'s':>9}{'CPU s':>9}{'peak MB':>9}{'disk MB':>9}{'rows':>13}" + ("   s x   CPU x" if against else "")
    ]
    for run in dict.fromkeys(row["run"] for row in result["steps"]):
        rows = [row for row in result["steps"] if row["run"] == run]
        total = whole_night(rows) | {"run": run, "step": "whole night" if run != "world" else "whole world"}
        before = [row for (name, _), row in earlier.items() if name == run]
        if before:
            earlier[run, total["step"]] = whole_night(before)
        for row in [*rows, total]:
            lines.append(_line(row, earlier.get((run, row["step"]))))
    return lines


def whole_night(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The sum of a night's steps, without what the synthetic operator and the start of the server took."""
    jobs = [row for row in rows if row["step"] not in ("simulate", "server")]
    summed = {name: sum(row[name] for row in jobs) for name in ("wall_seconds", "cpu_seconds", "disk_mb", "rows")}
    return summed | {"peak_mb": max((row["peak_mb"] for row in jobs), default=0.0)}


def _line(row: Mapping[str, Any], before: Mapping[str, Any] | None) -> str:
    text = f"{row['run']:6}{row['step']:16}{row['wall_seconds']:9.1f}{row['cpu_seconds']:9.1f}{row['peak_mb']:9.0f}"
    text += f"{row['disk_mb']:9.1f}{row['rows']:13,}"
    return text + (f"{_ratio(row, before, 'wall_seconds')}{_ratio(row, before, 'cpu_seconds')}" if before else "")


def _ratio(row: Mapping[str, Any], before: Mapping[str, Any], name: str) -> str:
    return f"{row[name] / before[name]:8.2f}" if before[name] else f"{'-':>8}"


def write_event_log(settings: Settings) -> Path:
    """Let the server that starts next keep Spark's event log in a folder of the home; returns the folder.

    By a file of Spark's own settings: what is set for a session comes too late for the log.
    """
    folder, log = settings.path("run", "bench", "spark-conf"), settings.path("run", "bench", "event-log")
    log.mkdir(parents=True, exist_ok=True)
    lines = [f"spark.eventLog.enabled true\nspark.eventLog.dir {log.as_uri()}\nspark.eventLog.compress false\n"]
    write_whole(folder / "spark-defaults.conf", "".join(lines))
    os.environ[SPARK_CONF_VARIABLE] = str(folder)
    return log


def settings_for(subscriptions: int, record_days: int, profile: str, home: Path | None, port: int | None) -> Settings:
    """The profile's settings for a town of that size, for this process and those it starts."""
    os.environ[PROFILE_VARIABLE] = profile
    os.environ["CLOSEDLOOP__SIMULATOR__SUBSCRIPTIONS"] = str(subscriptions)
    if home:
        os.environ[HOME_VARIABLE] = str(home.resolve())
    if port:
        os.environ["CLOSEDLOOP__SPARK__PORT"] = str(port)
        os.environ["CLOSEDLOOP__SPARK__REMOTE"] = f"sc://localhost:{port}"
    first = load_settings().first_night - timedelta(days=record_days)
    os.environ["CLOSEDLOOP__HISTORY_FIRST"] = first.isoformat()
    eve = first + timedelta(days=record_days - 1)
    os.environ["CLOSEDLOOP__INITIAL_LOAD__SNAPSHOT_DATES"] = f"['{eve}']"
    return load_settings()


def main(
    subscriptions: Annotated[int, typer.Option(help="size of the town")] = 5_000,
    history: Annotated[int, typer.Option(help="days before the first night")] = 90,
    record_days: Annotated[int, typer.Option(help="the last of them, written as records and loaded by the jobs")] = 2,
    home: Annotated[
        Path | None, typer.Option(help="folder of the town; made once, a second run goes on with it")
    ] = None,
    profile_name: Annotated[str, typer.Option(help="profile of conf/profiles")] = PROFILE,
    port: Annotated[int | None, typer.Option(help="port of the Spark server, instead of the profile's")] = None,
    out: Annotated[Path | None, typer.Option(help="file for the result, else bench-<N>.json below the home")] = None,
    against: Annotated[Path | None, typer.Option(help="an earlier result: ratios by step")] = None,
    nights: Annotated[
        int, typer.Option(help="nights to play: the first cold, the others warm; 0 makes the town only")
    ] = 2,
    peers: Annotated[bool, typer.Option(help="DuckDB and Polars parse the first night's calls beside us")] = True,
    profile: Annotated[
        bool, typer.Option("--profile", help="keep Spark's event log, and say what the dearest queries cost")
    ] = False,
) -> None:
    """Measure a whole night at a size, cold and warm, and write a result file that a later run compares with."""
    from jobs.lakehouse.doors import keep, umask_of
    from jobs.lakehouse.logs import log_to_home

    earlier = _read(against) if against else None
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # the screen is for the table
    settings = settings_for(subscriptions, record_days, profile_name, home, port)
    os.umask(umask_of(settings))
    keep(settings)
    log_to_home(settings)
    meter = Meter(settings.home)
    event_log = write_event_log(settings) if profile else None
    try:
        result = bench_night(settings, history, meter, nights)
        if peers and nights:
            result["parse"] = compare_parse(settings, settings.first_night)
    except BaseException:
        typer.echo("\n".join(table_of_costs({"steps": [cost.as_row() for cost in meter.costs]}, earlier)), err=True)
        raise
    finally:
        if settings.spark.is_our_server:
            stop_server(settings)
    target = out or settings.path(f"bench-{subscriptions}.json")
    write_whole(target, json.dumps(result, indent=1))
    typer.echo("\n".join(table_of_costs(result, earlier)))
    for feed, engines in result.get("parse", {}).items():
        typer.echo(f"parse {feed}: " + ", ".join(f"{name} {figures}" for name, figures in engines.items()))
    if event_log:
        typer.echo("\n".join(["the dearest queries:", *table_of_queries(read_event_log(event_log))]))
    typer.echo(f"result: {target}" + (f"\nevent log: {event_log}" if event_log else ""))


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputRefused(f"--against {path}: found {error}; wanted the result file of an earlier run") from None


if __name__ == "__main__":
    typer.run(main)
