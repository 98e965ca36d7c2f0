"""Commands that run the nights: jobs, the Spark server, what a person decides about them, the synthetic operator, benchmarks."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from typing import Annotated

import typer

from conf.dates import DateRange
from conf.settings import load_settings
from jobs.commands.options import DateOption, LastDateOption, dates_of

app = typer.Typer()
serve_app = typer.Typer(help="The Spark server that writes the tables.", no_args_is_help=True)
app.add_typer(serve_app, name="serve")


@serve_app.command("start")
def serve_start() -> None:
    """Start the Spark server and wait until it answers."""
    from jobs.lakehouse import server

    settings = load_settings()
    found = server.start(settings, typer.echo)
    typer.echo(f"running: process {found.pid} at {found.address}, home {settings.home}")


@serve_app.command("stop")
def serve_stop() -> None:
    """Stop the Spark server of this home."""
    from jobs.lakehouse import server

    typer.echo("stopped" if server.stop(load_settings()) else "no server of this home was running")


@serve_app.command("status")
def serve_status() -> None:
    """Say whether the Spark server of this home runs."""
    from jobs.lakehouse import server

    found = server.status(load_settings())
    typer.echo(
        f"running: process {found.pid} at {found.address}" if found.running else f"not running (port {found.address})"
    )
    raise typer.Exit(0 if found.running else 1)


@app.command()
def run(
    job: Annotated[str, typer.Argument(help="job of the night, as ingest or target")],
    first: Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="business date")],
    last: LastDateOption = None,
) -> None:
    """Run one job for a date or a closed range of dates."""
    from jobs.catalogue import run_job
    from jobs.show import show

    show(run_job(load_settings(), job, dates_of(first, last)))


@app.command()
def night(first: Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="business date")]) -> None:
    """Run all jobs of a night in order, without Airflow."""
    from conf.night import load_night
    from jobs.catalogue import run_job
    from jobs.lakehouse.run import exclusive
    from jobs.show import show

    settings, dates = load_settings(), dates_of(first, None)
    with exclusive(settings, "night"):
        names = load_night().nightly_jobs
        for number, name in enumerate(names, start=1):
            typer.secho(f"[{number}/{len(names)}] {name} {dates}", bold=True)
            show(run_job(settings, name, dates))


@app.command()
def skip(date: DateOption, by: Annotated[str, typer.Option(help="who decides it")]) -> None:
    """Declare that a night makes no lists, so that the next one may."""
    from jobs.targeting.readiness import skip_night

    typer.echo(skip_night(load_settings(), date.date(), by))


@app.command()
def rollback(
    model: Annotated[str, typer.Argument(help="model of conf/models.yaml, as churn_offnet")],
    to_version: Annotated[int, typer.Option(help="version in the registry that was champion before")],
    by: Annotated[str, typer.Option(help="who decides it")],
    reason: Annotated[str, typer.Option(help="why, for ops.model_run")],
) -> None:
    """Let an earlier champion of a model score again; training does not promote the files it replaces once more."""
    from conf.models import load_models
    from jobs.scoring.promoted import roll_back
    from jobs.servers.postgres import point_mlflow_here
    from jobs.show import show

    settings = load_settings()
    point_mlflow_here(settings)
    show([roll_back(settings, model, to_version, by, reason, load_models().max_model_bytes)])


@app.command()
def maintain(
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="night retention counts from, else the newest view")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only tell what would go")] = False,
) -> None:
    """Remove rows and files whose time is over (contracts and conf/settings.yaml, retention) and join small files."""
    from jobs.catalogue import run_job
    from jobs.maintenance.job import preview
    from jobs.show import show
    from jobs.stack.task import newest_loaded

    settings = load_settings()
    last = date.date() if date else newest_loaded(settings)
    show(preview(settings, last) if dry_run else run_job(settings, "maintain", DateRange(last, last)))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def simulate(context: typer.Context) -> None:
    """The synthetic operator (all arguments go to `python -m simulator`)."""
    raise typer.Exit(_delegate("simulator", context.args))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def bench(context: typer.Context) -> None:
    """Benchmarks by name: a whole night at a size, the optimiser, parsing, models, tokens, daily use, the view, lists, the simulator."""
    modules = {
        "allocation": "jobs.targeting.bench",
        "ingest": "jobs.ingest.bench",
        "models": "jobs.scoring.bench",
        "night": "jobs.stack.bench_night",
        "simulator": "simulator.bench",
        "targets": "jobs.targeting.bench_targets",
        "tokens": "jobs.people.bench",
        "usage": "jobs.view.bench",
        "view": "jobs.view.bench_view",
    }
    if not context.args or context.args[0] not in modules:
        raise typer.BadParameter("say which: " + ", ".join(modules))
    raise typer.Exit(_delegate(modules[context.args[0]], context.args[1:]))


def _delegate(module: str, arguments: list[str]) -> int:
    return subprocess.run([sys.executable, "-m", module, *arguments], check=False).returncode
