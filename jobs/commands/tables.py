"""Commands that ask the tables and write what is known of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from conf.settings import load_settings
from jobs.commands.options import DateOption

app = typer.Typer()


@app.command()
def quality(date: DateOption) -> None:
    """What is wrong with the data of a date: feeds, balances, quarantine by reason, rules that did not hold."""
    from jobs.overview import quality as quality_of
    from jobs.show import show_tables

    show_tables(quality_of(load_settings(), date.date()))


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help='as "SELECT count(*) FROM gold.customer_360"')],
    spark: Annotated[bool, typer.Option(help="run on the Spark server instead of in this process")] = False,
    limit: Annotated[int, typer.Option(help="rows to print")] = 50,
) -> None:
    """Ask the published tables, by name."""
    from jobs.lakehouse.query import query_tables
    from jobs.show import show

    show(query_tables(load_settings(), query, on_spark=spark), limit)


@app.command()
def tables(
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="as published for this business date")
    ] = None,
    hash: Annotated[bool, typer.Option("--hash", help="with a hash of each table's content")] = False,
) -> None:
    """Path, version and rows of every table, for readers outside Spark."""
    from jobs.overview import table_list
    from jobs.show import show

    show(table_list(load_settings(), date.date() if date else None, hash), limit=500)


@app.command()
def dictionary(
    check: Annotated[bool, typer.Option("--check", help="only say whether the page is up to date")] = False,
) -> None:
    """Write docs/data_dictionary.md from the table contracts."""
    from jobs.lakehouse.dictionary import is_stale, write_dictionary

    if not check:
        typer.echo(f"written: {write_dictionary()}")
        return
    stale = is_stale()
    typer.echo("docs/data_dictionary.md is stale: run closedloop dictionary" if stale else "up to date")
    raise typer.Exit(1 if stale else 0)


@app.command()
def disk() -> None:
    """Bytes and files of each part of the home: now, a night, and a night per million subscriptions."""
    from jobs.maintenance.disk import disk as disk_of
    from jobs.show import show

    show(disk_of(load_settings()))


@app.command()
def lineage(table: Annotated[str, typer.Argument(help="as gold.suppression")]) -> None:
    """What a table's query reads, column by column, and which tables' queries read it."""
    from jobs.lakehouse.columns_read import lineage as lineage_of
    from jobs.lakehouse.columns_read import readers
    from jobs.show import show_tables

    reads = [{"table": name, "columns": ", ".join(columns)} for name, columns in lineage_of(table).items()]
    show_tables(
        [(f"{table} is made from", reads), (f"{table} is read by", [{"table": name} for name in readers(table)])]
    )
