"""Gives a withheld file its end: it is never tried again, and its contacts count as never made."""

from __future__ import annotations

import uuid
from typing import Any

from conf.errors import InputRefused
from conf.settings import Settings
from jobs.lakehouse import delta_rs
from jobs.lakehouse.alerts import raise_alert
from jobs.lakehouse.masking import masked
from jobs.lakehouse.run import exclusive
from jobs.lakehouse.withheld import CLOSED, EXPORT_LEDGER, REFUSED
from jobs.targeting.file_status import write_status
from jobs.targeting.sent import remove_unreleased

STAGE = "targeting"


def close_file(settings: Settings, file_name: str, by: str, reason: str) -> dict[str, Any]:
    """Close a refused file in a person's name; InputRefused for one that left, was closed or never came to be written."""
    if not by.strip() or not reason.strip():
        raise InputRefused(f"close-file: found by '{by}', reason '{reason}'; wanted who closes it and why")
    by, reason = masked(by), masked(reason)
    with exclusive(settings, STAGE):
        row = _refused(settings, file_name)
        ends = {"status": CLOSED, "closed_by": by, "closed_because": reason, "run_id": uuid.uuid4().hex[:12]}
        write_status(settings, row | ends)
        remove_unreleased(settings, settings.path("exports", row["channel_code"], file_name), row)
    raise_alert(settings, "FILE_CLOSED", row["business_date"], reason, file_name=file_name, by=by)
    shown = ("file_name", "channel_code", "campaign_id", "rows", "refused_because", "closed_by", "closed_because")
    return {key: (row | ends)[key] for key in shown}


def _refused(settings: Settings, file_name: str) -> dict[str, Any]:
    rows = delta_rs.read(settings, EXPORT_LEDGER).to_pylist()
    found = next((row for row in rows if row["file_name"] == file_name), None)
    if found is None or found["status"] != REFUSED:
        refused = ", ".join(sorted(row["file_name"] for row in rows if row["status"] == REFUSED)) or "none is refused"
        raise InputRefused(
            f"close-file {file_name}\n  found:  {found['status'] if found else 'no such file'}\n  wanted: a refused file: {refused}\n"
            "  to do:  a file that left, or was about to, is taken back with closedloop recall"
        )
    return found
