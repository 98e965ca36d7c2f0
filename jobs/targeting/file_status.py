"""What became of each list: its row in ops.export_ledger, RELEASING before its `.done`, EXPORTED after; RECALLED or REFUSED."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pyarrow.compute

from conf.settings import Settings
from jobs.lakehouse import ledger

LEDGER = "ops.export_ledger"
RELEASING, EXPORTED, RECALLED, REFUSED = "RELEASING", "EXPORTED", "RECALLED", "REFUSED"
CLOSED = (EXPORTED, RECALLED)  # never sent again, whatever lies in the channel's folder
MAY_HAVE_LEFT = (RELEASING, EXPORTED, RECALLED)
WITHHELD = (REFUSED, RECALLED)  # nobody was contacted from it


def files_of_night(settings: Settings, business_date: date) -> dict[str, dict]:
    """Ledger rows of the night's files by file name."""
    rows = ledger.read(settings, LEDGER, filters=[("business_date", "=", business_date)])
    return {row["file_name"]: row for row in rows.to_pylist()}


def write_status(settings: Settings, row: dict) -> None:
    """Put a file's row in place of the one it had: one row a file, whatever became of it."""
    ledger.replace(settings, LEDGER, [row], f"file_name = '{row['file_name']}'", row["run_id"])


def has_left(settings: Settings, business_date: date) -> bool:
    """Whether a channel may have seen any list of the night."""
    return any(row["status"] in MAY_HAVE_LEFT for row in files_of_night(settings, business_date).values())


def without_withheld(settings: Settings, contacts: pa.Table) -> pa.Table:
    """Contacts (with file_name) less those of refused and recalled files: they use up no cap, no wave and no budget."""
    files = ledger.read(settings, LEDGER, filters=[("status", "in", list(WITHHELD))], columns=["file_name"])
    withheld = pa.compute.is_in(contacts["file_name"], value_set=files["file_name"].combine_chunks())
    return contacts.filter(pa.compute.invert(withheld))
