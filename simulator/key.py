"""The answer key: what every delivered file holds, counted while it is written; lies apart from the extracts."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from conf.dates import load_date_of
from conf.feeds import Feed
from conf.files import whole_file
from simulator.extract import Delivery
from simulator.files import money_of

RULES = (
    "NOT_DECODABLE",
    "FIELD_COUNT",
    "RECORD_LENGTH",
    "ROW_NUMBER",
    "REQUIRED_MISSING",
    "BAD_DATE",
    "BAD_NUMBER",
    "BAD_MSISDN",
    "OUT_OF_RANGE",
    "NOT_ALLOWED",
    "TOO_LONG",
    "BAD_FORM",
    "DUPLICATE_ROW",
)
UNREADABLE = ("FIELD_COUNT", "RECORD_LENGTH", "ROW_NUMBER")  # the money of such a row cannot be read


def file_counts(feed: Feed, delivery: Delivery, written: dict, cutoff_hour: int) -> dict:
    """One row of the key: a data file with its rows, quarantine by rule and money in the file's own unit."""
    part: Delivery = written["part"]
    rules = part.dirty["_rule"].value_counts() if part.dirty is not None else pl.DataFrame({"_rule": [], "count": []})
    by_rule = dict(zip(rules["_rule"].to_list(), rules["count"].to_list(), strict=True))
    bad = sum(by_rule.values())
    readable = part.dirty.filter(~pl.col("_rule").is_in(UNREADABLE)) if part.dirty is not None else None
    return {
        "feed": feed.feed,
        "source": feed.source,
        "file_name": written["file_name"],
        "data_date": delivery.data_date,
        "load_date": load_date_of(delivery.created, cutoff_hour),
        "resend_no": delivery.resend_no,
        "sequence_no": written["sequence_no"],
        "bytes": written["bytes"],
        "rows_in": part.rows,
        "good": part.rows - bad,
        "quarantined": bad,
        "duplicates": by_rule.get("DUPLICATE_ROW", 0),
        "money_good": money_of(part.clean, feed) + part.again_money,
        "money_quarantined": money_of(readable, feed),
        "created": delivery.created,
        **{rule: by_rule.get(rule, 0) for rule in RULES},
    }


def save(frame: pl.DataFrame, path: Path) -> None:
    """Write a Parquet file in one step."""
    with whole_file(path) as partial:
        frame.write_parquet(partial)


def save_counts(home: Path, day: date, rows: list[dict]) -> None:
    """Counts of the files made on a business date."""
    frame = pl.DataFrame(rows, infer_schema_length=None).sort("feed", "file_name")
    save(frame, home / "answer_key" / "counts" / f"{day}.parquet")


def read_counts(home: Path) -> pl.DataFrame:
    """Counts of all files made so far."""
    return pl.read_parquet(str(home / "answer_key" / "counts" / "*.parquet"))


def last_day_written(home: Path) -> date | None:
    """Newest business date whose files the simulator has written, None before the first."""
    days = [date.fromisoformat(path.stem) for path in (home / "answer_key" / "counts").glob("20*.parquet")]
    return max(days, default=None)
