"""One delivery of one feed: clean rows, planted dirty rows with the rule each breaks, and when the files are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

MONEY = "_money"  # helper column: exact value of the feed's money_total in the file's unit (yuan: fen), never written


UTF8 = "_utf8"  # helper column: lines to be written in UTF-8, never written itself
AGAIN = "again"  # rows of yesterday's file delivered once more


@dataclass
class Delivery:
    """Rows of a feed for one data date in the contract's field order, ready for a writer.

    `clean` holds typed columns (null = empty field); `dirty` the same columns as text plus `_rule`; both may hold `_money`.
    """

    feed: str
    data_date: date
    clean: pl.DataFrame
    created: datetime
    dirty: pl.DataFrame | None = None
    resend_no: int = 0
    is_full: bool = False
    notes: list[str] = field(default_factory=list)
    again: list[bytes] = field(default_factory=list)  # lines of yesterday's file, as they were written
    again_money: int = 0

    @property
    def rows(self) -> int:
        """Rows the files will hold."""
        return len(self.clean) + (len(self.dirty) if self.dirty is not None else 0) + len(self.again)

    def cut(self, rows: int) -> Delivery:
        """The first rows only: a transmission that broke off, later replaced by a resend."""
        return Delivery(
            self.feed, self.data_date, self.clean.head(rows), self.created, None, self.resend_no, self.is_full
        )
