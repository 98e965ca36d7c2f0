"""Commands that ask the tables and write what is known of them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
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
    check: Annotated[bool, typer.Option("--check", help="only say whether pages and picture are up to date")] = False,
) -> None:
    """Write docs/dictionary, a page a layer, and docs/architecture.svg from contracts, queries and conf/night.yaml."""
    from jobs import diagram
    from jobs.lakehouse import dictionary as pages

    if not check:
        typer.echo(f"written: {pages.write_dictionary()}\nwritten: {diagram.write_diagram()}")
        return
    stale = pages.is_stale() or diagram.is_stale()
    typer.echo(
        "docs/dictionary or docs/architecture.svg is stale: run closedloop dictionary" if stale else "up to date"
    )
    raise typer.Exit(1 if stale else 0)


@app.command()
def disk() -> None:
    """Bytes and files of each part of the home: now, a night, and a night per million subscriptions."""
    from jobs.maintenance.disk import disk as disk_of
    from jobs.show import show

    show(disk_of(load_settings()))


@app.command()
def settings(
    below: Annotated[str, typer.Argument(help="only what is below a name, as spark or channels.SMS")] = "",
    origin: Annotated[bool, typer.Option("--origin", help="with the file or variable each value comes from")] = False,
) -> None:
    """Every setting and every value of business data, as it counts here; nothing secret is shown."""
    from conf.origins import origins

    for value in origins(below):
        typer.echo(f"{value.key} = {value.value}" + (f"    {value.place}" if origin else ""))


@app.command()
def schemas(
    folder: Annotated[
        list[Path] | None, typer.Argument(help="also name them in the files of this operator's folder")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="only say what is not up to date")] = False,
) -> None:
    """Write conf/schemas, by which editors complete business files, and name each file's schema in its first line."""
    from jobs.schemas import stale, write

    folders = [path.resolve() for path in folder or []]
    changed = stale(folders) if check else write(folders)
    for path in changed:
        typer.echo(f"{'stale' if check else 'written'}: {path}")
    typer.echo("up to date" if not changed else "run closedloop schemas" if check else f"{len(changed)} files")
    raise typer.Exit(1 if check and changed else 0)


@app.command()
def lineage(table: Annotated[str, typer.Argument(help="as gold.suppression")]) -> None:
    """What a table's query reads, column by column, and which tables' queries read it."""
    from conf.tables import table_of
    from jobs.lakehouse.lineage import columns_read, read_by, sources
    from jobs.show import show_tables

    columns = columns_read(table_of(table).name)
    reads = [{"table": name, "columns": ", ".join(columns.get(name, ()))} for name in sorted(sources(table))]
    show_tables(
        [(f"{table} is made from", reads), (f"{table} is read by", [{"table": name} for name in read_by(table)])]
    )
