"""Compares what was loaded with the answer key, file by file: rows, quarantine by rule, duplicates, money; exactly."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import polars as pl
from deltalake import DeltaTable

from conf.feeds import load_feeds
from conf.settings import Settings
from simulator.key import RULES, read_counts

IDENTITY = ["feed", "load_date", "file_name", "resend_no"]
LOADED = ("LANDED", "SUPERSEDED")
MONEY = ("money_good", "money_quarantined")


class Difference(NamedTuple):
    """One number that is not what the key says."""

    feed: str
    load_date: str
    what: str
    wanted: str
    found: str


class Verdict(NamedTuple):
    """Totals by feed and every difference found."""

    by_feed: pl.DataFrame
    differences: list[Difference]


def verify(settings: Settings) -> Verdict:
    """Compare every file of the load dates loaded so far; the key's later files do not count yet."""
    ledger = _table(settings, "ops", "file_ledger").filter(pl.col("status").is_in(LOADED))
    expected = _expected(Path(settings.home)).filter(pl.col("load_date") <= ledger["load_date"].max())
    found = _found(settings, ledger)
    differences = _missing(expected, found) + _compare_files(expected, found) + _compare_bronze(settings, expected)
    return Verdict(_by_feed(expected), differences)


def _table(settings: Settings, layer: str, name: str, columns: list[str] | None = None) -> pl.DataFrame:
    path = settings.path("lake", layer, name)
    return pl.from_arrow(DeltaTable(str(path)).to_pyarrow_table(columns=columns))  # type: ignore[return-value]


def _expected(home: Path) -> pl.DataFrame:
    """Key by file; a dollar file replaced in place has no resend number in its name, ingest counts it."""
    yuan = [
        feed.feed for feed in load_feeds().values() if feed.money_total and feed.field(feed.money_total).type == "yuan"
    ]
    money = [feed.feed for feed in load_feeds().values() if feed.money_total]
    text = [
        pl.when(~pl.col("feed").is_in(money)).then(None)
        .when(pl.col("feed").is_in(yuan)).then(_yuan_text(name)).otherwise(pl.col(name).cast(pl.String)).alias(name)
        for name in MONEY
    ]  # fmt: skip
    return read_counts(home).with_columns(text, bronze_money=pl.col("money_good"))


def _yuan_text(name: str) -> pl.Expr:
    fen = pl.col(name)
    whole, cents = (fen.abs() // 100).cast(pl.String), (fen.abs() % 100).cast(pl.String).str.pad_start(2, "0")
    return pl.concat_str([pl.when(fen < 0).then(pl.lit("-")).otherwise(pl.lit("")), whole, pl.lit("."), cents])


def _found(settings: Settings, ledger: pl.DataFrame) -> pl.DataFrame:
    quarantine = _table(settings, "ops", "quarantine", ["file_id", "rule"])
    by_rule = (
        quarantine.group_by("file_id", "rule")
        .agg(rows=pl.len().cast(pl.Int64))
        .pivot("rule", index="file_id", values="rows")
    )
    known = [rule for rule in by_rule.columns if rule != "file_id"]
    joined = ledger.join(by_rule, on="file_id", how="left")
    missing = [pl.lit(0, dtype=pl.Int64).alias(rule) for rule in RULES if rule not in known]
    return joined.with_columns([pl.col(rule).fill_null(0) for rule in known] + missing).rename(
        {"rows_good": "good", "rows_quarantined": "quarantined"}
    )


def _missing(expected: pl.DataFrame, found: pl.DataFrame) -> list[Difference]:
    keys = ["feed", "load_date", "file_name"]
    absent = expected.join(found, on=keys, how="anti")
    extra = found.join(expected, on=keys, how="anti")
    return [
        Difference(row["feed"], str(row["load_date"]), row["file_name"], wanted, other)
        for frame, wanted, other in ((absent, "loaded", "not in ops.file_ledger"), (extra, "no such file", "in ops.file_ledger"))
        for row in frame.iter_rows(named=True)
    ]  # fmt: skip


def _compare_files(expected: pl.DataFrame, found: pl.DataFrame) -> list[Difference]:
    numbers = ["bytes", "rows_in", "good", "quarantined", *RULES, *MONEY]
    joined = expected.join(found, on=["feed", "load_date", "file_name"], how="inner", suffix="_found")
    differences = []
    for name in numbers:
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
        rows = _table(settings, "bronze", feed, ["load_date", *([money] if money else [])])
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


def _by_feed(expected: pl.DataFrame) -> pl.DataFrame:
    return expected.group_by("feed").agg(
        files=pl.len(), nights=pl.col("load_date").n_unique(), rows_in=pl.col("rows_in").sum(), good=pl.col("good").sum(),
        quarantined=pl.col("quarantined").sum(), duplicates=pl.col("duplicates").sum(),
    ).sort("feed")  # fmt: skip
