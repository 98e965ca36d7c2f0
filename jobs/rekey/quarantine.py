"""Makes a new key of the quarantine and seals every record anew with it, in one commit; goes on where it was cut off."""

from __future__ import annotations

import uuid
from typing import Any

import pyarrow as pa

from conf.errors import InputRefused
from conf.settings import Settings
from jobs.lakehouse import delta_rs, faults, secrets
from jobs.lakehouse.keys import key_id, register
from jobs.lakehouse.rewriting import rewrite
from jobs.people import sealed_records
from jobs.people.sealed_records import QUARANTINE, Sealer, place_of, unsealed
from jobs.rekey.job import every_stage


def rekey_quarantine(settings: Settings, by: str) -> dict[str, Any]:
    """Replace the quarantine's key in a person's name; returns the records sealed anew and the new key's id."""
    if not by.strip():
        raise InputRefused(f"rekey: found by '{by}'; wanted who replaces the key")
    with every_stage(settings):
        delta_rs.ensure_tables(settings)
        new = secrets.key(settings, sealed_records.NEXT)
        sample = sealed_records.a_sealed_row(settings)
        if sample and not sealed_records.unseals(new, sample):
            _seal_anew(settings, sealed_records.checked_key(settings), new)
            faults.point("rekey.quarantine.sealed")
        secrets.replace_secret(settings, f"{sealed_records.NAME}.key", new.hex())
        faults.point("rekey.quarantine.key_in_place")
        register(settings, sealed_records.NAME, new, by.strip())
        secrets.remove_secret(settings, f"{sealed_records.NEXT}.key")
        return {"by": by.strip(), "records": delta_rs.count(settings, QUARANTINE), "new_key": key_id(new)}


def _seal_anew(settings: Settings, old: bytes, new: bytes) -> None:
    before, after = Sealer(old), Sealer(new)

    def sealed(row: dict[str, Any]) -> bytes | None:
        if row["raw_encrypted"] is None:
            return None
        return after.seal(unsealed(before, row), place_of(row["file_id"], row["line_number"]))

    def change(batch: pa.RecordBatch) -> pa.RecordBatch:
        column = batch.schema.get_field_index("raw_encrypted")
        cells = pa.array([sealed(row) for row in batch.to_pylist()], pa.binary())
        return batch.set_column(column, batch.schema.field(column), cells)

    rewrite(settings, QUARANTINE, delta_rs.head_version(settings, QUARANTINE), change, f"rekey-{uuid.uuid4().hex[:12]}")
