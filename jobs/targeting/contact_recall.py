"""Takes one contact back: left out of its file when that has not left yet, and named in the recall file beside it in any case."""

from __future__ import annotations

import json
import uuid
from datetime import date
from typing import Any

from conf.errors import InputRefused
from conf.settings import Settings
from jobs.lakehouse import delta_rs
from jobs.lakehouse.alerts import raise_alert
from jobs.lakehouse.doors import export_folder
from jobs.lakehouse.masking import masked
from jobs.lakehouse.tables import Tables
from jobs.lakehouse.withheld import WITHDRAWALS
from jobs.targeting import withdrawals
from jobs.targeting.explain import subscription_of
from jobs.targeting.export_files import recall_marker_of, write_atomically
from jobs.targeting.file_status import MAY_HAVE_LEFT, RECALLED, files_of_night, require_person

CONTACT = "gold.campaign_contact"


def recall_contact(
    settings: Settings,
    by: str,
    reason: str,
    contact_id: str | None = None,
    msisdn: str | None = None,
    campaign_id: str | None = None,
    business_date: date | None = None,
) -> dict[str, Any]:
    """Recall a contact by its id, or by number and campaign (of the newest night with lists, when no date is given).

    The recall file stands before the ledger says so. Raises InputRefused when no contact is found, or its list is recalled.
    """
    require_person(by, reason)
    by, reason = masked(by), masked(reason)
    contact = _find(settings, contact_id, msisdn, campaign_id, business_date, by)
    file = files_of_night(settings, contact["business_date"]).get(contact["file_name"])
    status = file["status"] if file else None
    if status == RECALLED:
        raise InputRefused(f"recall of {contact['contact_id']}: found its list {contact['file_name']} recalled already")
    kind = withdrawals.RECALLED if status in MAY_HAVE_LEFT else withdrawals.DROPPED
    _mark(settings, contact, by, reason, file["sha256"] if file else "")
    withdrawals.withdraw(settings, [(contact, reason)], kind, by, uuid.uuid4().hex[:12])
    facts = {name: contact[name] for name in ("contact_id", "file_name")}
    raise_alert(settings, "CONTACT_RECALLED", contact["business_date"], reason, by=by, **facts)
    return {name: contact[name] for name in ("business_date", "campaign_id", "channel_code", *facts)} | {"kind": kind}


def _find(
    settings: Settings,
    contact_id: str | None,
    msisdn: str | None,
    campaign_id: str | None,
    business_date: date | None,
    by: str,
) -> dict[str, Any]:
    tables = Tables(settings)
    if contact_id is not None:
        filters: list[tuple] = [("contact_id", "=", contact_id)]
        wanted = f"a contact {contact_id}"
    elif msisdn is not None and campaign_id is not None:
        night = business_date or _newest_night(tables)
        filters = [
            ("business_date", "=", night),
            ("campaign_id", "=", campaign_id),
            ("subscription_id", "=", subscription_of(tables, msisdn, night, "recall", by)),
        ]
        wanted = f"a contact of {campaign_id} listed on {night} for this number"
    else:
        raise InputRefused("recall: found neither a contact nor a number with its campaign, wanted one of them")
    found = tables.arrow(CONTACT, filters=filters).to_pylist()
    if not found:
        raise InputRefused(f"recall: found nothing on the lists\n  wanted: {wanted}")
    return found[0]


def _newest_night(tables: Tables) -> date:
    night = tables.newest_date(CONTACT)
    if night is None:
        raise InputRefused("recall: found no night with lists, wanted one")
    return night


def _mark(settings: Settings, contact: dict[str, Any], by: str, reason: str, digest: str) -> None:
    """Name the contact in the recall file of its list, beside those a person recalled from it before."""
    target = settings.path("exports", contact["channel_code"], contact["file_name"])
    by_people = [("file_name", "=", contact["file_name"]), ("withdrawn_by", "!=", withdrawals.LAST_GATE)]
    before = delta_rs.read(settings, WITHDRAWALS, filters=by_people).to_pylist()
    contacts = {row["contact_id"]: {"recalled_by": row["withdrawn_by"], "reason": row["reason"]} for row in before}
    contacts.setdefault(contact["contact_id"], {"recalled_by": by, "reason": reason})
    marker = {
        "file_name": contact["file_name"],
        "sha256": digest,
        "all": False,
        "contacts": [{"contact_id": name, **contacts[name]} for name in sorted(contacts)],
    }
    export_folder(settings, contact["channel_code"])
    text = json.dumps(marker, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    write_atomically(settings.path("exports"), recall_marker_of(target), text.encode())
