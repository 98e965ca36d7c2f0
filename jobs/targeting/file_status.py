"""What became of each list: its row in ops.export_ledger, RELEASING before its `.done`, EXPORTED after; RECALLED, REFUSED or CLOSED."""

from __future__ import annotations

from datetime import date
from typing import Any

from conf.errors import InputRefused
from conf.settings import Settings
from jobs.lakehouse import delta_rs
from jobs.lakehouse.withheld import CLOSED, EXPORT_LEDGER, EXPORTED, RECALLED, RELEASING

ENDED = (EXPORTED, RECALLED, CLOSED)  # never sent again, whatever lies in the channel's folder
MAY_HAVE_LEFT = (RELEASING, EXPORTED, RECALLED)


def files_of_night(settings: Settings, business_date: date) -> dict[str, dict[str, Any]]:
    """Ledger rows of the night's files by file name."""
    rows = delta_rs.read(settings, EXPORT_LEDGER, filters=[("business_date", "=", business_date)])
    return {row["file_name"]: row for row in rows.to_pylist()}


def write_status(settings: Settings, row: dict) -> None:
    """Put a file's row in place of the one it had: one row a file, whatever became of it."""
    write_statuses(settings, [row], row["run_id"])


def write_statuses(settings: Settings, rows: list[dict], run_id: str) -> None:
    """Put the rows of several files in place of those they had, in one commit; nothing for no rows."""
    if rows:
        names = ", ".join(f"'{row['file_name']}'" for row in rows)
        delta_rs.replace(settings, EXPORT_LEDGER, rows, f"file_name IN ({names})", run_id)


def has_left(settings: Settings, business_date: date) -> bool:
    """Whether a channel may have seen any list of the night, by the ledger."""
    return any(row["status"] in MAY_HAVE_LEFT for row in files_of_night(settings, business_date).values())


def require_person(by: str, reason: str) -> None:
    """Raise InputRefused unless a recall says who recalls and why."""
    if not by.strip() or not reason.strip():
        raise InputRefused(f"recall: found by '{by}', reason '{reason}'; wanted who recalls and why")
