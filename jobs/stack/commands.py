"""The commands `demo`, `up`, `down`, `reset`, `fetch`, `prove-kill` and `prove-models`."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.console import Console

from conf.settings import load_settings

app = typer.Typer(help="The demo and its servers.")
console = Console(highlight=False, width=None if Console().is_terminal else 120)


def _teller():
    begun = time.monotonic()

    def tell(text: str) -> None:
        seconds = int(time.monotonic() - begun)
        console.print(f"[dim]{seconds // 60:3d}:{seconds % 60:02d}[/dim]  {text}", soft_wrap=True)

    return tell


@app.command()
def demo() -> None:
    """Play history and nights under a real Airflow, then show what happened; run again, it changes nothing."""
    from jobs.stack import screen
    from jobs.stack.demo import run_demo

    settings, tell = load_settings(), _teller()
    if not run_demo(settings, tell):
        tell("every night is played already; nothing was changed (make reset starts afresh)")
    screen.show(settings, console)


@app.command()
def up() -> None:
    """Start Airflow, MLflow, the Data Docs and the Spark server on 127.0.0.1 and leave them running."""
    from jobs.stack import all_servers, screen

    settings = load_settings()
    with console.status("starting the servers"):
        all_servers.up(settings)
    screen.show_places(settings, console)


@app.command()
def down() -> None:
    """Stop exactly what `up` or `demo` started."""
    from jobs.stack import all_servers

    stopped = all_servers.down(load_settings())
    console.print("stopped: " + ", ".join(stopped) if stopped else "nothing of ours was running")


@app.command()
def reset(
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Stop the servers and remove the home with its keys, after saying what goes and asking."""
    from jobs.stack import all_servers
    from jobs.stack.reset import forget, what_goes

    settings = load_settings()
    gone = what_goes(settings)
    if not gone:
        console.print(f"{settings.home} holds nothing to forget")
        return
    console.print("This goes, and does not come back:\n  " + "\n  ".join(gone), soft_wrap=True)
    if not yes:
        typer.confirm("Remove it?", abort=True)
    all_servers.down(settings)
    forget(settings)
    console.print(f"{settings.home} is gone; make demo starts afresh")


@app.command()
def fetch() -> None:
    """Bring the JARs and the Data Docs' styles that the lists of digests name, by Maven, below the current folder."""
    from jobs.lakehouse import java_packages

    java_packages.fetch(console.print)
    console.print("all JARs and styles are here, as their lists say")


@app.command(name="prove-kill")
def prove_kill(
    keep_history: Annotated[bool, typer.Option(help="take the loaded history of an earlier proof")] = False,
) -> None:
    """Kill -9 a night at every named point, run it again, and compare with the undisturbed night by hash."""
    from jobs.stack import kill_matrix

    proofs = kill_matrix.prove_kill(load_settings(kill_matrix.PROFILE), _teller(), keep_history=keep_history)
    console.print(f"{len(proofs)} kills, {len(proofs)} equal reruns, nothing sent twice")


@app.command(name="prove-models")
def prove_models() -> None:
    """Train every model on twenty thousand subscriptions and hold its AUC against the truth's own and logistic's."""
    from jobs.stack import models_proof, screen

    verdicts = models_proof.prove_models(load_settings("province"), _teller())
    console.print(screen.grid("Models, judged on the later cut-off", *models_proof.as_rows(verdicts)))
    raise typer.Exit(0 if all(verdict.is_kept for verdict in verdicts) else 1)
