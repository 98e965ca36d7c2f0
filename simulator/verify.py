"""Compares what was loaded with the answer key, exactly: files, rows, quarantine by rule, money, planted dirt, fill rates."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import NamedTuple

import polars as pl

from conf.feeds import load_feeds
from conf.settings import Settings
from simulator.key import RULES, last_day_written, read_counts
from simulator.verify_dirt import compare_dirt
from simulator.verify_view import compare_fill_rates
from simulator.verify_with import Difference, table

LOADED = ("LANDED", "SUPERSEDED")
MONEY = ("money_good", "money_quarantined")
FILE = ["feed", "load_date", "file_name"]


class CheckResult(NamedTuple):
    """Totals by feed, planted dirt and fill rates, key beside lake; every difference; what could not be compared yet."""

    by_feed: pl.DataFrame
    dirt: pl.DataFrame
    fill_rates: pl.DataFrame
    differences: list[Difference]
    notes: list[str]


def verify(settings: Settings) -> CheckResult:
    """Compare every file due by the last day the simulator wrote; what was not loaded is a difference like any other."""
    written = last_day_written(Path(settings.home))
    if written is None:
        nothing = Difference(
            "-", "-", "files in answer_key/counts", "at least one", "none: run `simulator history` first"
        )
        return CheckResult(pl.DataFrame({"feed": []}), pl.DataFrame(), pl.DataFrame(), [nothing], [])
    expected = _expected(Path(settings.home), written)
    ledger = table(settings, "ops", "file_ledger").filter(pl.col("status").is_in(LOADED))
    found = _found(settings, ledger)
    dirt, dirt_differences = compare_dirt(settings, expected)
    fill_rates, fill_differences, notes = compare_fill_rates(settings)
    differences = _missing(expected, found) + _compare_files(expected, found) + _compare_bronze(settings, expected)
    return CheckResult(
        _by_feed(expected, found), dirt, fill_rates, differences + dirt_differences + fill_differences, notes
    )


def _expected(home: Path, written: date) -> pl.DataFrame:
    """Key by file, with the status its resends give it; files made for later nights are not due yet."""
    yuan = [
        feed.feed for feed in load_feeds().values() if feed.money_total and feed.field(feed.money_total).type == "yuan"
    ]
    money = [feed.feed for feed in load_feeds().values() if feed.money_total]
    text = [
        pl.when(~pl.col("feed").is_in(money))
        .then(None)
        .when(pl.col("feed").is_in(yuan))
        .then(_yuan_text(name))
        .otherwise(pl.col(name).cast(pl.String))
        .alias(name)
        for name in MONEY
    ]
    due = read_counts(home).filter(pl.col("load_date") <= written)
    replaced = pl.col("resend_no") < pl.col("resend_no").max().over("feed", "data_date")
    status = pl.when(replaced).then(pl.lit("SUPERSEDED")).otherwise(pl.lit("LANDED"))
    return due.with_columns(*text, bronze_money=pl.col("money_good"), status=status)


def _yuan_text(name: str) -> pl.Expr:
    fen = pl.col(name)
    whole, cents = (fen.abs() // 100).cast(pl.String), (fen.abs() % 100).cast(pl.String).str.pad_start(2, "0")
    return pl.concat_str([pl.when(fen < 0).then(pl.lit("-")).otherwise(pl.lit("")), whole, pl.lit("."), cents])


def _found(settings: Settings, ledger: pl.DataFrame) -> pl.DataFrame:
    quarantine = table(settings, "ops", "quarantine", ["file_id", "rule"])
    by_rule = (
        quarantine.group_by("file_id", "rule")
        .agg(rows=pl.len().cast(pl.Int64))
        .pivot("rule", index="file_id", values="rows")
    )
    known = [rule for rule in by_rule.columns if rule != "file_id"]
    joined = ledger.join(by_rule, on="file_id", how="left")
    missing = [pl.lit(0, dtype=pl.Int64).alias(rule) for rule in RULES if rule not in known]
    counted = joined.with_columns([pl.col(rule).fill_null(0) for rule in known] + missing)
    return counted.rename({"rows_good": "good", "rows_quarantined": "quarantined"}).with_columns(
        duplicates=pl.col("DUPLICATE_ROW")
    )


def _missing(expected: pl.DataFrame, found: pl.DataFrame) -> list[Difference]:
    absent = expected.join(found, on=FILE, how="anti")
    extra = found.join(expected, on=FILE, how="anti")
    return [
        Difference(row["feed"], str(row["load_date"]), row["file_name"], wanted, other)
        for frame, wanted, other in (
            (absent, "loaded", "not in ops.file_ledger"),
            (extra, "no such file", "in ops.file_ledger"),
        )
        for row in frame.iter_rows(named=True)
    ]


def _compare_files(expected: pl.DataFrame, found: pl.DataFrame) -> list[Difference]:
    compared = ["resend_no", "status", "bytes", "rows_in", "good", "quarantined", *RULES, *MONEY]
    joined = expected.join(found, on=FILE, how="inner", suffix="_found")
    differences = []
    for name in compared:
        wrong = joined.filter(pl.col(name).cast(pl.String).ne_missing(pl.col(f"{name}_found").cast(pl.String)))
        for row in wrong.iter_rows(named=True):
            where = f"{row['file_name']} {name}"
            differences.append(
                Difference(row["feed"], str(row["load_date"]), where, str(row[name]), str(row[f"{name}_found"]))
            )
    return differences


def _compare_bronze(settings: Settings, expected: pl.DataFrame) -> list[Difference]:
    """Rows of every bronze table by load date, and its money, against the good rows of the key."""
    differences = []
    for feed in sorted(set(expected["feed"])):
        contract = load_feeds()[feed]
        money = contract.field(contract.money_total).column if contract.money_total else None
        rows = table(settings, "bronze", feed, ["load_date", *([money] if money else [])])
        summed = pl.col(money).fill_null(0).sum() if money else pl.lit(0)
        found = {
            day: (count, fen)
            for day, count, fen in rows.group_by("load_date").agg(pl.len(), summed.alias("m")).iter_rows()
        }
        wanted = expected.filter(pl.col("feed") == feed).group_by("load_date").agg(pl.col("good", "bronze_money").sum())
        for day, good, amount in wanted.sort("load_date").iter_rows():
            count, total = found.get(day, (0, 0))
            for what, one, other in (
                (f"rows of bronze.{feed}", good, count),
                (f"money of bronze.{feed}", amount, total),
            ):
                if one != other:
                    differences.append(Difference(feed, str(day), what, str(one), str(other)))
    return differences


def _by_feed(expected: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Totals of the key beside those of the ledger."""
    totals = [
        pl.len().cast(pl.Int64).alias("files"),
        pl.col("load_date").n_unique().cast(pl.Int64).alias("nights"),
        pl.col("rows_in", "good", "quarantined", "duplicates").sum(),
    ]
    sides = [frame.group_by("feed").agg(totals) for frame in (expected, found)]
    joined = sides[0].join(sides[1], on="feed", how="full", coalesce=True, suffix="_found").fill_null(0).sort("feed")
    names = [name for name in sides[0].columns if name != "feed"]
    return joined.select("feed", *(column for name in names for column in (name, f"{name}_found")))
