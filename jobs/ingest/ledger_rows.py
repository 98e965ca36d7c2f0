"""Rows of ops.file_ledger: what earlier runs knew, and what this run says about each file."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from conf.feeds import Feed
from conf.settings import Settings
from jobs.ingest.landing import Delivered
from jobs.ingest.verify import Known
from jobs.ingest.zones import utc_of
from jobs.lakehouse import delta_rs
from jobs.lakehouse.file_states import LANDED, LOADED

FILE_LEDGER = "ops.file_ledger"


@dataclass
class Money:
    """Balance of one money field of a file."""

    money_in: int = 0
    money_good: int = 0
    money_quarantined: int = 0

    @property
    def holds(self) -> bool:
        """Whether what came in is what is good and what is quarantined."""
        return self.money_in == self.money_good + self.money_quarantined


@dataclass
class Tally:
    """Balance of one file: what came in is what is good and what is quarantined, in rows and in each money field."""

    rows_good: int = 0
    rows_quarantined: int = 0
    rows_unreadable: int = 0  # quarantined, and not for being a copy of a row that is good
    money: dict[str, Money] = field(default_factory=lambda: defaultdict(Money))
    marks: Counter[tuple[str, str]] = field(default_factory=Counter)  # (field, rule) of cells whose records stayed

    @property
    def marks_text(self) -> str | None:
        """The marks as JSON {field: {rule: cells}}, None where there are none."""
        by_field: dict[str, dict[str, int]] = {}
        for (name, rule), cells in sorted(self.marks.items()):
            by_field.setdefault(name, {})[rule] = cells
        return json.dumps(by_field) if by_field else None


def known_files(settings: Settings, feeds: Iterable[str]) -> list[Known]:
    """Every file the ledger holds for these feeds."""
    wanted = set(feeds)
    columns = [
        "file_id",
        "feed",
        "file_name",
        "data_date",
        "load_date",
        "resend_no",
        "sequence_no",
        "sha256",
        "control_created_at",
        "rows_in",
        "rows_unreadable",
        "status",
    ]
    rows = delta_rs.read(settings, FILE_LEDGER, columns=columns).to_pylist()
    zone = ZoneInfo(settings.time_zone)
    return [
        Known(
            row["file_id"],
            row["feed"],
            row["file_name"],
            row["data_date"],
            row["load_date"],
            row["resend_no"] or 0,
            row["sequence_no"] or 0,
            row["sha256"] or "",
            row["control_created_at"].astimezone(zone).replace(tzinfo=None),
            row["rows_in"] or 0,
            row["status"],
            row["rows_unreadable"] or 0,
        )
        for row in rows
        if row["feed"] in wanted
    ]


def file_row(settings: Settings, file: Delivered, tally: Tally | None, run_id: str) -> dict[str, Any]:
    """One ledger row; files that were not read have no balance."""
    line = file.announced
    row: dict[str, Any] = {
        "file_id": file.file_id,
        "feed": file.feed.feed,
        "source": file.feed.source,
        "file_name": file.path.name,
        "style": file.feed.style,
        "data_date": file.data_date,
        "load_date": file.load_date,
        "resend_no": file.resend_no,
        "sequence_no": file.name.sequence_no,
        "bytes": file.size,
        "rows_control": line.rows if line else None,
        "rows_in": file.rows_found,
        "sha256": file.digest or None,
        "control_created_at": utc_of(file.created_at, settings.time_zone),
        "status": file.status,
        "reason": file.reason,
        "run_id": run_id,
        "rows_good": 0,
        "rows_quarantined": 0,
        "rows_unreadable": 0,
    }
    if tally is not None:
        row.update(rows_good=tally.rows_good, rows_quarantined=tally.rows_quarantined, marks_by_field=tally.marks_text)
        row.update(rows_unreadable=tally.rows_unreadable, **_money(file.feed, tally))
    return row


def _money(feed: Feed, tally: Tally) -> dict[str, str | None]:
    """Totals of the feed's first money field in columns of their own, of every money field as JSON."""
    totals = {
        name: {column: money_text(feed, name, amount) for column, amount in vars(tally.money[name]).items()}
        for name in feed.money_fields
    }
    return {**totals.get(feed.money_total or "", {}), "money_by_field": json.dumps(totals) if totals else None}


def money_text(feed: Feed, name: str, amount: int) -> str:
    """Exact amount in the field's unit; yuan are held as fen and written with two decimals."""
    if feed.field(name).type != "yuan":
        return str(amount)
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02d}"


def superseded(files: Iterable[Delivered], known: Iterable[Known]) -> tuple[list[Delivered], set[str]]:
    """Files of this run, and ids of files in the ledger, that a loaded higher resend of the same data date replaces."""
    highest: dict[tuple[str, date], int] = {}
    files, known = list(files), list(known)
    for feed, day, resend, status in [(f.feed.feed, f.data_date, f.resend_no, f.status) for f in files] + [
        (k.feed, k.data_date, k.resend_no, k.status) for k in known
    ]:
        if status in LOADED:
            highest[(feed, day)] = max(resend, highest.get((feed, day), 0))
    here = [f for f in files if f.status == LANDED and f.resend_no < highest[(f.feed.feed, f.data_date)]]
    ids = {f.file_id for f in files}
    there = {
        k.file_id
        for k in known
        if k.file_id not in ids and k.status == LANDED and k.resend_no < highest[(k.feed, k.data_date)]
    }
    return here, there
