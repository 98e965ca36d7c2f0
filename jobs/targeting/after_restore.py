"""Brings the ledger up to what is with the channels already: after a kill, and after an older lake was restored, which is told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from jobs.lakehouse.alerts import raise_alert
from jobs.lakehouse.withheld import EXPORTED, RECALLED, RELEASING
from jobs.targeting import sent, withdrawals
from jobs.targeting.export_files import done_of, is_recalled, manifest_of, read_json, recall_marker_of
from jobs.targeting.export_rows import first_of
from jobs.targeting.file_status import ENDED, MAY_HAVE_LEFT

if TYPE_CHECKING:
    from jobs.targeting.export_night import Night

Files = dict[str, pa.Table]


def note_what_left(night: Night, files: Files) -> None:
    """Give every list that left its row, whatever the ledger holds of it: by its `.done`, or by the notes in sent/.

    One commit for all. A list of sent/ that tonight's frozen lists do not have gets its row as well.
    """
    settings = night.lake.settings
    noted = sent.notes_of_night(settings, night.business_date)
    planned = {
        name: {**first_of(contacts), "rows": contacts.num_rows, "sha256": ""} for name, contacts in files.items()
    }
    found = []
    for file_name, row in {**noted, **planned, **night.known}.items():
        status, target = night.status(file_name), night.folder / row["channel_code"] / file_name
        how = None if status in ENDED else sent.how_it_left(target, noted.get(file_name), status == RELEASING)
        if how is None:
            continue
        left = _as_it_left(target, noted.get(file_name, row))
        ends = {}
        if status != RELEASING or row["sha256"] != left["sha256"]:
            ends["left_note"] = _words(how, status, file_name in files)
            facts = {"file_name": file_name, "sha256": left["sha256"]}
            raise_alert(settings, "LIST_HAD_LEFT", night.business_date, ends["left_note"], **facts)
        state = RECALLED if is_recalled(target) else EXPORTED
        found.append(night.row(row, left["rows"], left["sha256"], state, **ends))
    night.write(found)
    for row in found:
        if noted.get(row["file_name"], {}).get("state") != sent.SENT:
            sent.note(settings, row, sent.SENT)


def _words(how: str, status: str | None, is_listed: bool) -> str:
    known = f"as {status}" if status else "not at all"
    text = f"the list had left before, {how}; the ledger had it {known}; it is not sent again"
    return text if is_listed else text + "; tonight's lists do not have it: compare it with the channel"


def _as_it_left(target: Path, known: dict[str, Any]) -> dict[str, Any]:
    """Rows and digest of what left, from `.done` and manifest, else as noted or planned."""
    left = {"rows": known["rows"], "sha256": known["sha256"]}
    if done_of(target).exists():
        left["sha256"] = done_of(target).read_text(encoding="ascii", errors="replace").strip()[:64]
        manifest = read_json(manifest_of(target))
        if manifest.get("sha256") == left["sha256"]:
            left["rows"] = int(manifest["rows"])
    return left


def note_recalled_contacts(night: Night, files: Files) -> None:
    """Withdraw again the contacts that a recall file names and a restored ledger forgot; those of no list that left are dropped."""
    settings, run_id = night.lake.settings, night.lake.run.run_id
    for file_name, contacts in files.items():
        marker = read_json(recall_marker_of(night.target(first_of(contacts))))
        named = {each["contact_id"]: each for each in marker.get("contacts", [])}
        has_left = night.status(file_name) in MAY_HAVE_LEFT
        kind = withdrawals.RECALLED if has_left else withdrawals.DROPPED
        is_named = pc.is_in(contacts["contact_id"], value_set=pa.array(sorted(named), pa.string()))
        for contact in contacts.filter(is_named).to_pylist():
            found = named[contact["contact_id"]]
            if withdrawals.withdraw(settings, [(contact, found["reason"])], kind, found["recalled_by"], run_id):
                night.withdrawn.update(set() if has_left else {contact["contact_id"]})
