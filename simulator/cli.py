"""Command line of the simulator."""

from __future__ import annotations

from datetime import date

import typer

from conf.settings import load_settings

app = typer.Typer(help="Synthetic operator: writes extracts, answers exported lists, checks what was loaded.", no_args_is_help=True)


@app.command()
def history() -> None:
    """Write all extracts of the history (nothing happens when they are there)."""
    from simulator.history import write_history

    settings = load_settings()

    def show(day: date, total) -> None:
        if day.day in (1, 10, 20) or day == settings.history.last:
            typer.echo(f"{day}  {total.files} files  {total.rows:,} rows")

    outcome = write_history(settings, show)
    typer.echo(f"history: {outcome.days} days, {outcome.files} files, {outcome.rows:,} rows" if outcome.days else "history: already there")
