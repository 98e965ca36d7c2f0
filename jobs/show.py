"""Prints answers of the command line: counts, rows and tables, for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import typer


def show(answer: Any, limit: int = 50) -> None:
    """Print a summary, rows or an Arrow table in the way it reads best."""
    if answer is None:
        return
    if isinstance(answer, str):
        typer.echo(answer)
    elif isinstance(answer, Mapping):
        for key, value in answer.items():
            typer.echo(f"  {key}: {value}")
    elif hasattr(answer, "to_pylist"):
        show_rows(answer.column_names, answer.slice(0, limit).to_pylist(), answer.num_rows)
    elif hasattr(answer, "to_dicts"):
        show_rows(answer.columns, answer.head(limit).to_dicts(), answer.height)
    else:
        rows = [dict(row) if isinstance(row, Mapping) else {"": row} for row in answer]
        show_rows(list(rows[0]) if rows else [], rows[:limit], len(rows))


def show_tables(parts: Iterable[tuple[str, list[dict]]]) -> None:
    """Print several titled tables, one below the other."""
    for title, rows in parts:
        typer.secho(f"\n{title}", bold=True)
        show_rows(list(rows[0]) if rows else [], rows, len(rows))


def show_rows(columns: list[str], rows: list[dict], total: int) -> None:
    """Print rows under their column names and say how many there are in all."""
    from rich.console import Console
    from rich.table import Table

    if not rows:
        typer.echo("  no rows")
        return
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        grid.add_column(column, overflow="fold", justify="right" if _is_number(rows[0][column]) else "left")
    for row in rows:
        grid.add_row(*("" if row[column] is None else str(row[column]) for column in columns))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200
    console.print(grid)
    if total > len(rows):
        typer.echo(f"... {total - len(rows)} more rows")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
