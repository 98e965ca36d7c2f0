"""The parse of a night's calls by DuckDB and by Polars beside ingest's own: the same files, the same rules, compared to the row.

Ours makes tokens and event ids on the way, theirs only cut, check and type; nothing is written by any.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from conf.feeds import Feed, load_feeds
from conf.settings import Settings
from jobs.ingest.chunks import chunks_of
from jobs.ingest.landing import discover
from jobs.ingest.layout import FieldRule
from jobs.ingest.parse import parse_chunk
from jobs.lakehouse.file_states import LANDED
from jobs.people.tokens import Tokenizer

FEEDS = ("cdr_voice", "cdr_sms", "cdr_gprs")
COUNTS = ("int", "bigint", "fen", "li")
MOBILE = r"^\s*(\+?86|12530)?1[3-9][0-9]{9}\s*$"  # what the files hold where a number of ours is required
INT_LIMIT = 2**31 - 1
TIME = "%Y%m%d%H%M%S"


def compare_parse(settings: Settings, day: date) -> dict[str, dict[str, dict[str, float]]]:
    """Feed -> engine -> good rows, CPU and wall seconds of the second run, and CPU over ours."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for feed in (load_feeds()[name] for name in FEEDS):
        paths = [file.path for file in discover(settings, [feed], {feed.feed: day}) if file.status == LANDED]
        if not paths:
            continue
        engines: dict[str, Callable[[], int]] = {
            "ours": lambda feed=feed, paths=paths: _ours(feed, paths, settings),  # type: ignore[misc]
            "duckdb": lambda feed=feed, paths=paths: _duckdb(feed, paths),  # type: ignore[misc]
            "polars": lambda feed=feed, paths=paths: _polars(feed, paths),  # type: ignore[misc]
        }
        found[feed.feed] = {name: _second_run(work) for name, work in engines.items()}
    return found


def _second_run(work: Callable[[], int]) -> dict[str, float]:
    work()
    wall, cpu = time.perf_counter(), time.process_time()
    rows = work()
    seconds = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    return {"rows_good": rows} | {name: round(value, 2) for name, value in seconds.items()}


def _ours(feed: Feed, paths: list[Path], settings: Settings) -> int:
    tokenizer, zone, good = Tokenizer.of(settings), settings.time_zone, 0  # one that knows no number yet, as a night's
    for chunk in chunks_of(paths):
        good += int(np.count_nonzero(parse_chunk(feed, chunk, tokenizer, zone).records.rule == FieldRule.GOOD))
    return good


def _duckdb(feed: Feed, paths: list[Path]) -> int:
    """Good rows by SQL; a line with other than the wanted number of fields, or of other bytes than UTF-8, is refused."""
    columns = {field.name: "VARCHAR" for field in feed.fields}
    typed, good = [], []
    for field in feed.fields:
        text = f"nullif(trim({field.name}), '')"
        if field.type in COUNTS:
            value = f"try_cast({text} AS BIGINT)"
            least = field.min if field.min is not None else -INT_LIMIT
            good.append(f"({text} IS NULL OR ({value} IS NOT NULL AND {value} >= {least}))")
        elif field.type == "datetime14":
            value = f"try_strptime({text}, '{TIME}')"
            good.append(f"({text} IS NULL OR {value} IS NOT NULL)")
        else:
            value = text
        if field.required:
            good.append(f"{text} IS NOT NULL")
            if field.type == "msisdn":
                good.append(f"regexp_matches({field.name}, '{MOBILE}')")
        if field.known_codes and field.error_action == "refuse_row":
            good.append(f"({text} IS NULL OR {text} IN ({', '.join(repr(code) for code in field.known_codes)}))")
        typed.append(f"{value} AS {field.name}")
    files = ", ".join(f"'{path}'" for path in paths)
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2; SET enable_progress_bar = false")
        connection.execute(
            f"CREATE TEMP TABLE parsed AS SELECT {', '.join(typed)} FROM read_csv([{files}], columns = {columns},"
            " delim = '$', quote = '', escape = '', header = false, auto_detect = false, null_padding = false,"
            f" ignore_errors = true) WHERE {' AND '.join(good)}"
        )
        row = connection.execute("SELECT count(*) FROM parsed").fetchone()
    return int(row[0]) if row else 0


def _polars(feed: Feed, paths: list[Path]) -> int:
    """Good rows by expressions; each line is one text first, so that a wrong number of fields can be told."""
    names = [field.name for field in feed.fields]
    lines = pl.scan_csv(
        paths, separator="\x01", has_header=False, new_columns=["line"], quote_char=None, encoding="utf8-lossy"
    ).filter(pl.col("line").str.count_matches("$", literal=True) == len(names) - 1)
    cut = lines.select(pl.col("line").str.split_exact("$", len(names) - 1).struct.rename_fields(names).alias("cut"))
    rows = cut.unnest("cut")
    typed, good = [], []
    for field in feed.fields:
        text = pl.col(field.name).str.strip_chars(" ")
        text = pl.when(text != "").then(text).otherwise(None)
        value: pl.Expr = text
        if field.type in COUNTS:
            value = text.cast(pl.Int64, strict=False)
            least = field.min if field.min is not None else -INT_LIMIT
            good.append(text.is_null() | (value.is_not_null() & (value >= least)))
        elif field.type == "datetime14":
            value = text.str.strptime(pl.Datetime, TIME, strict=False)
            good.append(text.is_null() | value.is_not_null())
        if field.required:
            good.append(text.is_not_null())
            if field.type == "msisdn":
                good.append(pl.col(field.name).str.contains(MOBILE))
        if field.known_codes and field.error_action == "refuse_row":
            good.append(text.is_null() | text.is_in(list(field.known_codes)))
        typed.append(value.alias(field.name))
    return rows.filter(pl.all_horizontal(good)).select(typed).collect().height
