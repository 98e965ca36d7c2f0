"""Which contacts of the frozen lists are not to be made: those of files that never left or were taken back, and withdrawn ones."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
from pyarrow.dataset import Expression, field

from conf.settings import Settings
from jobs.lakehouse import delta_rs

EXPORT_LEDGER = "ops.export_ledger"
WITHDRAWALS = "ops.contact_withdrawal"
RELEASING, EXPORTED, RECALLED, REFUSED, CLOSED = "RELEASING", "EXPORTED", "RECALLED", "REFUSED", "CLOSED"
WITHHELD = (REFUSED, RECALLED, CLOSED)  # nobody was contacted from such a file


def withdrawn_contacts(settings: Settings, business_date: date | None = None, kind: str | None = None) -> set[str]:
    """Ids of the contacts that were withdrawn one by one, of one night and kind or of all."""
    filters = [(name, "=", value) for name, value in (("business_date", business_date), ("kind", kind)) if value]
    return set(delta_rs.read(settings, WITHDRAWALS, filters=filters, columns=["contact_id"])["contact_id"].to_pylist())


def to_be_made(settings: Settings) -> Expression:
    """What holds of contacts (with contact_id and file_name) that are to be made; others use up no cap, no wave and no budget."""
    files = delta_rs.read(settings, EXPORT_LEDGER, filters=[("status", "in", list(WITHHELD))], columns=["file_name"])
    is_made = ~field("file_name").isin(files["file_name"].combine_chunks())
    gone = pa.array(sorted(withdrawn_contacts(settings)), pa.string())
    return is_made & ~field("contact_id").isin(gone) if len(gone) else is_made


def without_withheld(settings: Settings, contacts: pa.Table) -> pa.Table:
    """Contacts (with contact_id and file_name) less those not to be made."""
    return contacts.filter(to_be_made(settings))
