"""What one day of the customer view costs, beside DuckDB at equal columns and beside its own floor; the rows are compared.

The floor is Spark reading every input of the view once and writing its rows once. CPU seconds are those of this process and all
it started; each is the second run, warm. The home is read, never written: results go to a folder that is thrown away.
"""

from __future__ import annotations

import json
import logging
import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import duckdb
import psutil
import pyarrow as pa
import typer

from conf.dates import DateRange
from conf.settings import load_settings
from conf.tables import table_of
from conf.view import load_view_rules
from jobs.lakehouse.planning import static_plans
from jobs.lakehouse.session import get_session
from jobs.lakehouse.tables import Tables
from jobs.view.assemble import VIEW, customer_360
from jobs.view.bench_peer import TABLES, make_peer
from jobs.view.snapshot import Snapshot
from jobs.view.usage_window import carried_from, rows_to_read, usage_window

READ_IN_PARTS = ("silver.usage_daily", "silver.vas_daily", "silver.balance")
TOLERANCE = 1e-6  # of the last place the view rounds to


def bench_view(home: Path, day: date, profile: str = "demo") -> dict[str, Any]:
    """CPU seconds of the view of one day by the product, by DuckDB and at the floor, and how many rows and values differ."""
    settings = load_settings(profile, home)
    settings = settings.model_copy(
        update={"spark": settings.spark.model_copy(update={"remote": None, "catalog": "in-memory"})}
    )
    tables = Tables(settings, get_session(settings, "bench view"))
    with tempfile.TemporaryDirectory(prefix="closedloop-bench-") as folder:
        with static_plans(tables.spark, settings, tables.row_count("silver.subscription")):
            ours = _second_run(lambda: _product(tables, day, Path(folder)))
            floor = _second_run(lambda: _floor(tables, day, Path(folder)))
        with peer(tables) as connection:
            theirs = _second_run(lambda: _write_peer(connection, day, Path(folder)))
            rows = peer_rows(connection, day)
        narrow = _second_run(lambda: _product(tables, day, Path(folder), rows.column_names))
        made = pa.table(duckdb.read_parquet(f"{folder}/view/*.parquet").to_arrow_table())
    return {
        "day": str(day),
        "subscriptions": made.num_rows,
        "columns_compared": len(rows.column_names),
        "differences": differences(made, rows),
        "cpu_seconds": {"view": ours, "view_of_these_columns": narrow, "duckdb": theirs, "floor": floor},
        "cpu_over_duckdb": round(narrow / theirs, 2),
        "cpu_over_floor": round(ours / floor, 2),
    }


def _product(tables: Tables, day: date, folder: Path, columns: list[str] | None = None) -> None:
    dates = DateRange(day, day)
    usage_window(tables, dates).write.mode("overwrite").parquet(f"{folder}/window")  # type: ignore[arg-type]
    rows = customer_360(tables, dates)  # type: ignore[arg-type]
    place = "some" if columns else "view"
    (rows.select(*columns) if columns else rows).write.mode("overwrite").parquet(f"{folder}/{place}")


def _floor(tables: Tables, day: date, folder: Path) -> None:
    snap, of_day, events = (
        Snapshot(tables, day),
        f"snapshot_date = DATE '{day}'",
        load_view_rules().windows.tone_events.days,
    )
    frames = [
        tables.read(name).where(of_day if table_of(name).replace_by == "snapshot_date" else "true")
        for name in table_of(VIEW).made_from
        if name not in (VIEW, *READ_IN_PARTS)
    ]
    frames.append(rows_to_read(snap, carried_from(tables, day)))
    frames += [snap.standing("silver.vas_daily", since=snap.days_back(events)), snap.newest_delivery("silver.balance")]
    for frame in frames:
        frame.write.format("noop").mode("overwrite").save()
    tables.read(VIEW).where(of_day).write.mode("overwrite").parquet(f"{folder}/copy")


@contextmanager
def peer(tables: Tables) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with the tables that its script reads as views, on as many threads as Spark has."""
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2; SET enable_progress_bar = false; CREATE SCHEMA silver")
        connection.execute("SET TimeZone = ?", [tables.settings.time_zone])
        for name in TABLES:
            connection.register(name.replace(".", "__"), tables.dataset(name))
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {name.replace('.', '__')}")
        yield connection


def peer_rows(connection: duckdb.DuckDBPyConnection, day: date) -> pa.Table:
    """What the script says of one snapshot date."""
    make_peer(connection, day)
    return pa.table(connection.sql("SELECT * FROM peer").to_arrow_table())


def _write_peer(connection: duckdb.DuckDBPyConnection, day: date, folder: Path) -> None:
    make_peer(connection, day)
    connection.execute(f"COPY peer TO '{folder}/peer.parquet' (COMPRESSION zstd)")


def differences(made: pa.Table, written: pa.Table) -> dict[str, int]:
    """Values that differ by column, over the rows both have; `rows` counts those that only one of the two has."""
    ours, theirs = (_by_subscription(table, written.column_names) for table in (made, written))
    found = {"rows": len(ours.keys() ^ theirs.keys())}
    for place, column in enumerate(written.column_names):
        other = sum(not _are_equal(ours[line][place], theirs[line][place]) for line in ours.keys() & theirs.keys())
        if other:
            found[column] = other
    return found


def _by_subscription(table: pa.Table, columns: list[str]) -> dict[str, tuple]:
    values = [table[name].to_pylist() for name in columns]
    return dict(zip(table["subscription_id"].to_pylist(), zip(*values, strict=True), strict=True))


def _are_equal(one: Any, other: Any) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        return one is not None and other is not None and math.isclose(one, other, rel_tol=1e-9, abs_tol=TOLERANCE)
    return one == other


def _second_run(work: Callable[[], object]) -> float:
    work()
    before = _cpu_seconds()
    work()
    return round(_cpu_seconds() - before, 2)


def _cpu_seconds() -> float:
    this = psutil.Process()
    total = 0.0
    for process in (this, *this.children(recursive=True)):
        times = process.cpu_times()
        total += times.user + times.system
    return total


def main(
    date: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="snapshot date that the home has a view of")],
    home: Annotated[Path, typer.Option(help="home to read")],
    profile: Annotated[str, typer.Option(help="settings of the home")] = "demo",
) -> None:
    """Print the comparison as JSON."""
    logging.disable(logging.WARNING)
    typer.echo(json.dumps(bench_view(home, date.date(), profile), indent=2))


if __name__ == "__main__":
    typer.run(main)
