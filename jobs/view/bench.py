"""What silver.usage_daily costs by the product's query on Spark and by a DuckDB script, the same rows from the same records."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import duckdb
import psutil
import pyarrow.parquet as pq
import typer

from conf.codes import load_source_codes
from conf.dates import DateRange
from conf.errors import InputRefused
from conf.settings import Settings, load_settings
from conf.tables import SQL, query_text, table_of
from jobs.lakehouse import delta_rs
from jobs.lakehouse.frames import conform_frame
from jobs.lakehouse.places import open_table
from jobs.lakehouse.planning import static_plans
from jobs.lakehouse.sqltext import bind_parameters
from jobs.lakehouse.tables import Tables
from jobs.view import as_of, conform
from jobs.view.bench_home import make_home
from jobs.view.references import hotlines

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NAME = "silver.usage_daily"
PEER = SQL / "bench" / "usage_daily.sql"
FEEDS = ("cdr_voice", "cdr_sms", "cdr_gprs", "mms_event")
READS = (*(f"bronze.{feed}" for feed in FEEDS), "silver.msisdn_assignment", "ops.duplicate_row")


def bench_usage(spark: SparkSession, settings: Settings, dates: DateRange, runs: int) -> dict[str, Any]:
    """CPU seconds of both on the records of these load dates, the ratio, and how many rows only one of them has.

    CPU is that of this process and of all it started, so Java's compiler and collector count. Ours is told of the first run,
    which also warms Java up, and of the median of `runs` further ones.
    """
    folder = settings.path("run", "bench")
    ours, theirs = folder / "ours", folder / "duckdb.parquet"
    folder.mkdir(parents=True, exist_ok=True)
    records = _records(settings, dates)

    def by_spark() -> None:
        tables = Tables(settings, spark)
        tables.bind(first_date=dates.first, last_date=dates.last)
        conform.register_inputs(tables, [NAME], dates)
        with static_plans(spark, settings, records):
            rows = conform_frame(table_of(NAME), tables.sql(query_text(NAME)))
            rows.sortWithinPartitions("load_date", "subscription_id").write.mode("overwrite").parquet(str(ours))

    first = _cpu_seconds(by_spark)
    ours_seconds = median(_cpu_seconds(by_spark) for _ in range(runs))
    with _duckdb(settings, dates) as connection:
        query = bind_parameters(PEER.read_text(encoding="utf-8"), {"first_date": dates.first, "last_date": dates.last})
        copy = f"COPY ({query}) TO '{theirs}' (FORMAT parquet, COMPRESSION zstd)"
        connection.execute(copy)
        duckdb_seconds = median(_cpu_seconds(lambda: connection.execute(copy)) for _ in range(runs))
    return {
        "dates": str(dates),
        "records": records,
        "spark_first_run_cpu_seconds": round(first, 1),
        "spark_cpu_seconds": round(ours_seconds, 1),
        "duckdb_cpu_seconds": round(duckdb_seconds, 1),
        "ratio": round(ours_seconds / duckdb_seconds, 2),
        **_compared(ours, theirs),
    }


def _records(settings: Settings, dates: DateRange) -> int:
    delivered = conform.rows_by_feed(settings, dates)
    records = sum(delivered[feed] for feed in FEEDS)
    if not records:
        raise InputRefused(f"{settings.home} has no use loaded in {dates}\n  to do:  name dates that were ingested")
    return records


def _cpu_seconds(work: Callable[[], object]) -> float:
    before = _cpu_of_all()
    work()
    return _cpu_of_all() - before


def _cpu_of_all() -> float:
    """CPU seconds of this process, its children (Spark's Java among them) and those of them that have ended."""
    me = psutil.Process()
    return sum(sum(process.cpu_times()[:4]) for process in [me, *me.children(recursive=True)])


@contextmanager
def _duckdb(settings: Settings, dates: DateRange) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with the files of the tables as views, on as many threads as Spark has."""
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2; SET enable_progress_bar = false")
        connection.execute("SET TimeZone = ?", [settings.time_zone])
        for name in READS:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name.split('.')[0]}")
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({_files(settings, name)})")
        sent = [(d.feed, d.data_date, d.resend_no, d.load_date) for d in as_of.deliveries(settings)]
        connection.execute("CREATE TABLE delivery (feed VARCHAR, data_date DATE, resend_no INT, load_date DATE)")
        connection.executemany("INSERT INTO delivery VALUES (?, ?, ?, ?)", sent)
        own = [(code,) for code, word in load_source_codes()["OPERATOR"].items() if word == "OWN"]
        connection.execute("CREATE TABLE own_operator (code VARCHAR)")
        connection.executemany("INSERT INTO own_operator VALUES (?)", own)
        connection.execute("CREATE TABLE hotline (msisdn_token BIGINT, owner VARCHAR)")
        connection.executemany("INSERT INTO hotline VALUES (?, ?)", hotlines(settings))
        yield connection


def _files(settings: Settings, name: str) -> list[str]:
    table = open_table(settings, name, version=Tables(settings).version(name))
    return [uri.removeprefix("file://") for uri in table.file_uris()] or [str(_empty(settings, name))]


def _empty(settings: Settings, name: str) -> Path:
    path = settings.path("run", "bench", f"{name}.parquet")
    pq.write_table(delta_rs.read(settings, name).slice(0, 0), path)
    return path


def _compared(ours: Path, theirs: Path) -> dict[str, int]:
    """Rows of both, and how many of each the other does not have; zero and zero when they are equal."""
    columns = ", ".join(table_of(NAME).column_names)
    with duckdb.connect() as connection:
        for name, path in (("ours", f"{ours}/*.parquet"), ("theirs", theirs)):
            connection.execute(f"CREATE VIEW {name} AS SELECT {columns} FROM read_parquet('{path}')")

        def count(query: str) -> int:
            return connection.execute(f"SELECT count(*) FROM ({query})").fetchone()[0]  # type: ignore[index]

        return {
            "rows": count("FROM ours"),
            "only_spark": count("FROM ours EXCEPT ALL FROM theirs"),
            "only_duckdb": count("FROM theirs EXCEPT ALL FROM ours"),
        }


def main(
    home: str = "", first: str = "", last: str = "", subscriptions: int = 20_000, days: int = 9, runs: int = 3
) -> None:
    """Print the comparison as JSON, for the load dates `--first` to `--last` of `--home`, or for generated records of that size."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="closedloop-bench-") as folder:
        settings = load_settings("local", home or folder)
        begin = settings.first_night
        dates = DateRange.of(first, last or first) if first else DateRange(begin - timedelta(days=days - 1), begin)
        if not home:
            make_home(settings, subscriptions, dates)
        from jobs.lakehouse.session import get_session

        spark = get_session(settings, "bench usage")
        try:
            typer.echo(json.dumps(bench_usage(spark, settings, dates, runs), indent=1))
        finally:
            spark.stop()


if __name__ == "__main__":
    typer.run(main)
