"""Counts of planted dirt (domain rules 2.12) by class, feed and day: written to the answer key while the files are made.

D21 and the exact copies inside a file (D10) are broken or doubled rows, which the key counts file by file (simulator/key.py).
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path
from typing import SupportsInt

import polars as pl

from conf.feeds import Feed
from simulator import key
from simulator.extract import MONEY

SENTINELS = {"birthday": "19000101", "marital_status": "3", "occupation": "99", "education": "01", "sex": "3"}
SCHEMA = {"class": pl.String, "feed": pl.String, "day": pl.Date, "column": pl.String, "rows": pl.Int64}


class Planted:
    """A day's counts; `rows` are rows, for D18 the money in fen or li."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.data_dates: dict[str, date] = {}

    def add(self, dirt: str, feed: str, rows: SupportsInt, column: str = "") -> None:
        """Count rows of a class."""
        self.counts[dirt, feed, column] += int(rows)

    def count_rows(self, feed: Feed, rows: pl.DataFrame, data_date: date) -> None:
        """Count what the rows of a delivery show by themselves: sentinels (D13), negative amounts (D12), money (D18)."""
        self.data_dates[feed.feed] = data_date
        if feed.feed == "customer":
            for column, sentinel in SENTINELS.items():
                self.add("D13", feed.feed, (rows[column].cast(pl.String) == sentinel).sum(), column)
        if feed.money_total is None or not len(rows):
            return
        field = feed.field(feed.money_total)
        amount = rows[MONEY if MONEY in rows.columns else field.name]
        if field.type in ("li", "yuan"):
            self.add("D18", feed.feed, amount.sum(), field.column)
        if feed.feed in ("payment", "bill_summary"):
            self.add("D12", feed.feed, (amount < 0).sum(), field.column)

    def save(self, home: Path, day: date) -> None:
        """Write answer_key/dirt/<day>.parquet; a row's day is the data date of its feed's file."""
        rows = [
            (dirt, feed, self.data_dates.get(feed, day), column, count)
            for (dirt, feed, column), count in sorted(self.counts.items())
            if count
        ]
        key.save(pl.DataFrame(rows, schema=SCHEMA, orient="row"), Path(home) / "answer_key" / "dirt" / f"{day}.parquet")


def read_planted(home: Path) -> pl.DataFrame:
    """Counts of all days made so far."""
    files = str(Path(home) / "answer_key" / "dirt" / "*.parquet")
    return (
        pl.read_parquet(files)
        if list((Path(home) / "answer_key" / "dirt").glob("*.parquet"))
        else pl.DataFrame(schema=SCHEMA)
    )
