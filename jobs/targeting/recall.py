"""Takes lists back between export and work: a marker beside each list for its channel, and RECALLED in the ledger."""

from __future__ import annotations

import json
import uuid
from datetime import date
from typing import Any

from conf.errors import InputRefused
from conf.settings import Settings
from jobs.lakehouse.alerts import raise_alert
from jobs.lakehouse.doors import export_folder
from jobs.lakehouse.masking import masked
from jobs.lakehouse.withheld import RECALLED
from jobs.targeting.export_files import recall_marker_of, write_atomically
from jobs.targeting.file_status import MAY_HAVE_LEFT, files_of_night, require_person, write_status


def recall(
    settings: Settings, business_date: date, channel_code: str, by: str, reason: str, campaign_id: str | None = None
) -> list[dict[str, Any]]:
    """Recall the lists of a night's channel, all or one campaign's; the marker stands before the ledger says so."""
    require_person(by, reason)
    by, reason = masked(by), masked(reason)
    recalled = _files(settings, business_date, channel_code, campaign_id)
    for row in recalled:
        target = settings.path("exports", row["channel_code"], row["file_name"])
        marker = {
            "file_name": row["file_name"],
            "sha256": row["sha256"],
            "reason": reason,
            "recalled_by": by,
            "all": True,
        }
        text = json.dumps(marker, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        export_folder(settings, row["channel_code"])
        write_atomically(settings.path("exports"), recall_marker_of(target), text.encode())
        write_status(settings, row | {"status": RECALLED, "run_id": uuid.uuid4().hex[:12]})
        raise_alert(settings, "LIST_RECALLED", business_date, reason, file_name=row["file_name"], by=by)
    return [{key: row[key] for key in ("file_name", "channel_code", "campaign_id", "rows")} for row in recalled]


def _files(settings: Settings, business_date: date, channel_code: str, campaign_id: str | None) -> list[dict]:
    """Ledger rows of the lists that may have left; InputRefused when there is none."""
    left = [row for row in files_of_night(settings, business_date).values() if row["status"] in MAY_HAVE_LEFT]
    found = [row for row in left if row["channel_code"] == channel_code and campaign_id in (None, row["campaign_id"])]
    if not found:
        known = ", ".join(sorted({f"{row['channel_code']} {row['campaign_id']}" for row in left})) or "no list at all"
        wanted = f"{channel_code} {campaign_id or ''}".strip()
        raise InputRefused(f"recall of {business_date}: found {known}\n  wanted: a list of {wanted} that left")
    return sorted(found, key=lambda row: row["file_name"])
