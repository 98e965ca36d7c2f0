"""Shows a quarantined record to a person who says who they are and why; who looked at what is kept in ops.quarantine_opening."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from conf.errors import InputRefused
from conf.settings import Settings
from jobs.lakehouse import delta_rs
from jobs.lakehouse.masking import masked
from jobs.people.sealed_records import QUARANTINE, Sealer, unsealed

OPENING = "ops.quarantine_opening"


def open_record(settings: Settings, file_id: str, line_number: int, by: str, reason: str) -> bytes:
    """The record of a line of a file as it was delivered; noted before it is given out.

    Raises InputRefused without a person or a reason, or when no record of that line is in quarantine.
    """
    if not by.strip() or not reason.strip():
        raise InputRefused(f"quarantine open: found by '{by}', reason '{reason}'; wanted who looks and why")
    filters = [("file_id", "=", file_id), ("line_number", "=", line_number)]
    rows = delta_rs.read(settings, QUARANTINE, filters).to_pylist()
    row = next((row for row in rows if row["raw_encrypted"] is not None), None)
    if row is None:
        raise InputRefused(
            f"quarantine open: found no record of line {line_number} of file {file_id}, wanted one of ops.quarantine\n"
            '  to do:  closedloop sql "SELECT file_id, line_number, feed, rule FROM ops.quarantine"'
        )
    record = unsealed(Sealer.of(settings), row)
    note = {
        "opened_at": datetime.now(UTC),
        "opened_by": masked(by.strip()),
        "reason": masked(reason.strip()),
        "feed": row["feed"],
        "file_id": file_id,
        "line_number": line_number,
    }
    delta_rs.append(settings, OPENING, [note], uuid.uuid4().hex[:12])
    return record
