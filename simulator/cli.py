"""Command line of the simulator (`closedloop simulate ...`, `python -m simulator ...`)."""

from __future__ import annotations

import json
import os
from datetime import date, datetime
from typing import Annotated

import polars as pl
import typer
from rich.console import Console
from rich.table import Table

from conf.errors import ClosedLoopError
from conf.settings import load_settings

app = typer.Typer(
    help="Synthetic operator: writes extracts, answers exported lists, checks what was loaded.", no_args_is_help=True
)
SHOWN_DAYS = (1, 10, 20)
MOST_DIFFERENCES = 40


@app.callback()
def _private() -> None:
    os.umask(
        0o077
    )  # its extracts, state and answer key name people, made-up ones; the pipeline gives its own folders their modes


@app.command()
def history() -> None:
    """Write all extracts of the history (nothing happens when they are there)."""
    from simulator.history import write_history

    settings = load_settings()

    def show(day: date, total) -> None:
        if day.day in SHOWN_DAYS or day == settings.history.last:
            typer.echo(f"{day}  {total.files:,} files  {total.rows:,} rows")

    outcome = write_history(settings, show)
    text = (
        f"history: {outcome.days} days, {outcome.files:,} files, {outcome.rows:,} rows"
        if outcome.days
        else "history: already there"
    )
    typer.echo(text)


@app.command()
def lean(days: Annotated[int, typer.Option(help="days before the first night")]) -> None:
    """Write a history of sums with its last days as records (settings.history): for benchmarks of large towns."""
    from simulator.lean import write_lean_history

    outcome = write_lean_history(load_settings(), days, lambda day, what: typer.echo(f"{day}  {what}"))
    typer.echo(f"lean history: {outcome.days} days of records, {outcome.files:,} files, {outcome.rows:,} rows")


@app.command()
def day(
    given: Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="business date")],
) -> None:
    """Write the extracts of one day after the history, with the answers to the lists exported for it."""
    from simulator.history import write_day

    try:
        result = write_day(load_settings(), given.date())
    except ClosedLoopError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    rows = "already there" if result.was_done else f"{result.outcome.files} files, {result.outcome.rows:,} rows"
    typer.echo(f"{given.date()}: {rows}, {result.contacts} contacts answered")


@app.command()
def ceilings(as_json: bool = typer.Option(False, "--json", help="one line: {model@cut-off: AUC}")) -> None:
    """Print the AUC of the true 30-day probability for every model and cut-off whose outcome is known."""
    from simulator.truth import known_ceilings

    found = known_ceilings(load_settings().home)
    if as_json:
        typer.echo(json.dumps(found))
        return
    for name, value in found.items():
        typer.echo(f"{name}  {value:.3f}")


@app.command()
def verify() -> None:
    """Compare what was loaded with the answer key, exactly; any difference ends with an error."""
    from simulator.verify import verify as compare

    verdict = compare(load_settings())
    console = Console()
    _print(console, "Answer key against lake, file by file", verdict.by_feed)
    _print(console, "Planted dirt (D18: money in the column's unit)", verdict.dirt)
    if verdict.fill_rates.height:
        shown = ("snapshot_date", "field", "rows", "fewest", "most", "found", "reason")
        _print(console, "Filled fields of the customer view", verdict.fill_rates.select(shown))
    for note in verdict.notes:
        console.print(note)
    for difference in verdict.differences[:MOST_DIFFERENCES]:
        console.print(
            f"{difference.feed} {difference.load_date} {difference.what}: wanted {difference.wanted}, found {difference.found}"
        )
    if verdict.differences:
        console.print(f"{len(verdict.differences)} differences")
        raise typer.Exit(1)
    console.print("no difference: rows, quarantine by rule, duplicates, money, dirt and fill rates agree")


def _print(console: Console, title: str, rows: pl.DataFrame) -> None:
    table = Table(*rows.columns, title=title)
    for row in rows.iter_rows():
        table.add_row(*(f"{value:,}" if isinstance(value, int) else str(value) for value in row))
    console.print(table)
