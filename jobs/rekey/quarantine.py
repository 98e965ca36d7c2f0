"""Makes a new key of the quarantine and seals every record anew with it, in one commit; goes on where it was cut off."""

from __future__ import annotations

import uuid
from typing import Any

import pyarrow as pa

from conf.errors import InputRefused
from conf.settings import Settings
from jobs.ingest import sealing
from jobs.ingest.sealing import QUARANTINE, Sealer, place_of
from jobs.lakehouse import faults, ledger, secrets
from jobs.lakehouse.keys import key_id, register
from jobs.lakehouse.rewriting import rewrite
from jobs.rekey.job import every_stage


def rekey_quarantine(settings: Settings, by: str) -> dict[str, Any]:
    """Replace the quarantine's key in a person's name; returns the records sealed anew and the new key's id."""
    if not by.strip():
        raise InputRefused(f"rekey: found by '{by}'; wanted who replaces the key")
    with every_stage(settings):
        ledger.ensure_tables(settings)
        new = secrets.key(settings, sealing.NEXT)
        sample = sealing.a_sealed_row(settings)
        if sample and not sealing.opens(new, sample):
            _seal_anew(settings, sealing.checked_key(settings), new)
            faults.point("rekey.quarantine.sealed")
        secrets.replace_secret(settings, f"{sealing.NAME}.key", new.hex())
        faults.point("rekey.quarantine.key_in_place")
        register(settings, sealing.NAME, new, by.strip())
        secrets.remove_secret(settings, f"{sealing.NEXT}.key")
        return {"by": by.strip(), "records": ledger.count(settings, QUARANTINE), "new_key": key_id(new)}


def _seal_anew(settings: Settings, old: bytes, new: bytes) -> None:
    opener, sealer = Sealer(old), Sealer(new)

    def sealed(row: dict[str, Any]) -> bytes | None:
        found = row["raw_encrypted"]
        return None if found is None else sealer.seal(opener.open(found, place_of(row)), place_of(row))

    def change(batch: pa.RecordBatch) -> pa.RecordBatch:
        column = batch.schema.get_field_index("raw_encrypted")
        cells = pa.array([sealed(row) for row in batch.to_pylist()], pa.binary())
        return batch.set_column(column, batch.schema.field(column), cells)

    rewrite(settings, QUARANTINE, ledger.head_version(settings, QUARANTINE), change, f"rekey-{uuid.uuid4().hex[:12]}")
