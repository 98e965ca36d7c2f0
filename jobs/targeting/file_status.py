"""What became of each list: its row in ops.export_ledger, RELEASING before its `.done`, EXPORTED after; RECALLED or REFUSED."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pyarrow.compute

from conf.errors import InputRefused
from conf.settings import Settings
from jobs.lakehouse import ledger

LEDGER = "ops.export_ledger"
CONTACT_RECALL = "ops.contact_recall"
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
    """Contacts (with file_name) less those of refused and recalled files: they use up no cap, no wave and no budget.

    Contacts recalled one by one are still among them; see recalled_alone.
    """
    files = ledger.read(settings, LEDGER, filters=[("status", "in", list(WITHHELD))], columns=["file_name"])
    withheld = pa.compute.is_in(contacts["file_name"], value_set=files["file_name"].combine_chunks())
    return contacts.filter(pa.compute.invert(withheld))


def recalled_alone(settings: Settings) -> list[dict]:
    """Contacts recalled one by one from lists that stand, as rows of ops.contact_recall: they use up nothing either."""
    return without_withheld(settings, ledger.read(settings, CONTACT_RECALL)).to_pylist()


def without_unsent(settings: Settings, contacts: list[dict]) -> list[dict]:
    """Frozen contacts less those recalled before their list left: they are left out of its file."""
    rows = ledger.read(settings, CONTACT_RECALL, filters=[("has_left", "=", False)], columns=["contact_id"])
    unsent = set(rows["contact_id"].to_pylist())
    return [contact for contact in contacts if contact["contact_id"] not in unsent]


def require_person(by: str, reason: str) -> None:
    """Raise InputRefused unless a recall says who recalls and why."""
    if not by.strip() or not reason.strip():
        raise InputRefused(f"recall: found by '{by}', reason '{reason}'; wanted who recalls and why")
