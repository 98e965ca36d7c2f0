"""Planted dirt (domain rules 2.12) against the lake: what the answer key counted must have arrived as the rules say.

Files replaced by a resend do not count; a row of a class counts for the data date of its file.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from conf.codes import load_status_codes
from conf.feeds import UNKNOWN, load_feeds
from conf.settings import Settings
from simulator.dirt import UTF8_REMARK
from simulator.extract import AGAIN
from simulator.planted import read_planted
from simulator.verify_with import Difference, scan, table

BY_RULE = {"D10": "DUPLICATE_ROW", "D21": "OUT_OF_RANGE"}
NUMBERS = ("D1", "D4", "D5", "D6", "D8")  # of the subscription master: counted over all days together
PLACE = ["class", "feed", "column", "day"]


def compare_dirt(settings: Settings, expected: pl.DataFrame) -> tuple[pl.DataFrame, list[Difference]]:
    """Totals by class and feed, key beside lake, and every class, feed and day that differs."""
    due = expected.select("feed", day="data_date").unique()
    planted = read_planted(Path(settings.home)).join(due, on=["feed", "day"], how="semi")
    whole = planted.filter(pl.col("class").is_in(NUMBERS)).group_by("class", "feed").agg(pl.col("rows").sum())
    daily = planted.filter(~pl.col("class").is_in(NUMBERS))
    compared = pl.concat([_subscriptions(settings, whole), _days(settings, daily), _rules(settings, expected)])
    wrong = compared.filter(pl.col("rows") != pl.col("found"))
    differences = [
        Difference(
            row["feed"],
            str(row["day"] or "-"),
            f"{row['class']} {row['column']}".strip(),
            str(row["rows"]),
            str(row["found"]),
        )
        for row in wrong.sort(PLACE).iter_rows(named=True)
    ]
    return compared.group_by("class", "feed").agg(pl.col("rows", "found").sum()).sort("class", "feed"), differences


def _rules(settings: Settings, expected: pl.DataFrame) -> pl.DataFrame:
    """D10, D21: quarantined rows by the rule they break; file by file they are compared elsewhere."""
    broken = table(settings, "ops", "quarantine", ["rule"])["rule"]
    rows = [
        (name, "all feeds", int(expected[rule].sum()), int((broken == rule).sum())) for name, rule in BY_RULE.items()
    ]
    return _frame(pl.DataFrame(rows, schema=["class", "feed", "rows", "found"], orient="row"))


def _frame(rows: pl.DataFrame) -> pl.DataFrame:
    """The columns of a comparison, the place filled up where it names no day and no column."""
    missing = {"day": pl.lit(None, dtype=pl.Date), "column": pl.lit("")}
    filled = rows.with_columns([value.alias(name) for name, value in missing.items() if name not in rows.columns])
    return filled.select(*PLACE, pl.col("rows", "found").cast(pl.Int64))


def _subscriptions(settings: Settings, whole: pl.DataFrame) -> pl.DataFrame:
    """D1 live ids beyond the first of a number, D4 numbers given out again, D5 numbers changed, D6 owners changed, D8 test and staff lines."""
    held = table(
        settings,
        "bronze",
        "subscription",
        ["user_id", "product_no_token", "cust_id", "user_type", "data_date", "load_date"],
    )
    owners = held.select("user_id", "cust_id").unique()
    pairs = held.select("user_id", "product_no_token").unique()
    double = _live_ids(settings, held).group_by("product_no_token").len().select((pl.col("len") - 1).sum()).item()
    found = {
        "D1": double,
        "D4": len(pairs) - pairs["product_no_token"].n_unique() - double,
        "D5": len(pairs) - pairs["user_id"].n_unique(),
        "D6": len(owners) - owners["user_id"].n_unique(),
        "D8": held.filter(pl.col("user_type") != "1")["user_id"].n_unique(),
    }
    names = pl.DataFrame(
        {"class": list(found), "found": list(found.values())}, schema={"class": pl.String, "found": pl.Int64}
    )
    joined = names.join(whole, on="class", how="left").with_columns(
        pl.col("feed").fill_null("subscription"), pl.col("rows").fill_null(0)
    )
    return _frame(joined)


def _live_ids(settings: Settings, held: pl.DataFrame) -> pl.DataFrame:
    """Newest number of each subscription on the network by its newest status."""
    gone = [code.status_code for code in load_status_codes() if code.is_off_network]
    statuses = table(settings, "bronze", "subscription_status", ["user_id", "status_code", "data_date", "load_date"])
    newest = [frame.sort("data_date", "load_date").group_by("user_id").last() for frame in (held, statuses)]
    live = newest[1].filter(~pl.col("status_code").is_in(gone))
    return newest[0].join(live, on="user_id", how="semi")


def _days(settings: Settings, daily: pl.DataFrame) -> pl.DataFrame:
    """The other classes, each counted in the bronze table of its feed by data date."""
    parts = []
    for (dirt, feed, column), planted in sorted(daily.group_by("class", "feed", "column")):
        if column == AGAIN:
            counted = _copies(settings, str(feed))
        else:
            found = _standing(settings, str(feed)).group_by(pl.col("data_date").alias("day"))
            count = _count(settings, str(dirt), str(feed), str(column)).cast(pl.Int64).alias("found")
            counted = found.agg(count).collect()
        both = planted.join(counted, on="day", how="left").with_columns(pl.col("found").fill_null(0))
        parts.append(_frame(_normalised(both) if _is_variant(str(dirt), str(column)) else both))
    return pl.concat(parts) if parts else _frame(daily.with_columns(found=pl.lit(0)))


def _copies(settings: Settings, feed: str) -> pl.DataFrame:
    """Later copies of events of a feed by the data date of their file (D10)."""
    copies = table(settings, "ops", "duplicate_row", ["feed", "file_id", "line_number"]).filter(pl.col("feed") == feed)
    files = table(settings, "ops", "file_ledger", ["file_id", "data_date"])
    lines = copies.unique(["file_id", "line_number"]).join(files, on="file_id")
    return lines.group_by(pl.col("data_date").alias("day")).agg(pl.len().cast(pl.Int64).alias("found"))


def _standing(settings: Settings, feed: str) -> pl.LazyFrame:
    """Records of a feed that count: of the newest delivery of their date, and no later copy of another file's."""
    rows = scan(settings, "bronze", feed)
    if rows is None:
        raise FileNotFoundError(f"bronze.{feed} is not there: load the files first")
    newest = rows.group_by("data_date").agg(pl.col("resend_no").max())
    copies = table(settings, "ops", "duplicate_row", ["file_id", "line_number"]).lazy()
    counted = rows.join(copies, on=["file_id", "line_number"], how="anti")
    return counted.join(newest, on=["data_date", "resend_no"], how="semi")


def _is_variant(dirt: str, column: str) -> bool:
    return dirt == "D9" and " " not in column


def _normalised(both: pl.DataFrame) -> pl.DataFrame:
    """Oddly written numbers leave no trace but their class: as many are lost as were not recognised."""
    return both.with_columns(found=pl.col("rows") - pl.col("found"))


def _count(settings: Settings, dirt: str, feed: str, column: str) -> pl.Expr:
    if dirt == "D9":
        name, _, number_class = column.partition(" ")
        found = pl.col(f"{name}_class")
        return (found == number_class).sum() if number_class else (found != "NATIONAL_MOBILE").sum()
    if dirt == "D11":
        event = pl.col(load_feeds()[feed].event_time or "").dt.convert_time_zone(settings.time_zone).dt.date()
        return (event < pl.col("data_date")).sum()
    if dirt == "D12":
        return (pl.col(column) < 0).sum()
    if dirt == "D19":
        name, _, kind = column.partition(" ")
        broken = pl.col("dq_flag").fill_null("").str.contains(f"{name} {kind}", literal=True)
        return (pl.col(name) == UTF8_REMARK).sum() if kind == "UTF-8" else broken.sum()
    if dirt == "D22":
        return (pl.col(column) == UNKNOWN).sum()
    return pl.col(column).is_null().sum() if dirt == "D13" else pl.col(column).fill_null(0).sum()
