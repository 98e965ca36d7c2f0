"""Takes a person off the lists in exports/: recalled where they are still valid, then the line is gone with its number."""

from __future__ import annotations

import json
from datetime import date
from hashlib import sha256
from pathlib import Path

from conf.errors import InputRefused
from conf.settings import Settings
from jobs.lakehouse import delta_rs
from jobs.lakehouse.tables import Tables
from jobs.lakehouse.withheld import EXPORT_LEDGER, RELEASING
from jobs.privacy.blanking import Patterns
from jobs.privacy.person import Person
from jobs.targeting import sent
from jobs.targeting.contact_recall import CONTACT, recall_contact
from jobs.targeting.export_files import PRIVATE, clear_private, done_of, manifest_of, write_atomically
from jobs.targeting.export_signature import write_signature
from jobs.targeting.file_status import MAY_HAVE_LEFT, write_status

WHY = "erased at the person's own wish"


def take_off(settings: Settings, person: Person, patterns: Patterns, night: date, by: str) -> dict[str, int]:
    """Recall the person's contacts on lists that are still valid and drop the lines; returns lists and recalled contacts."""
    root = settings.path("exports")
    clear_private(root)
    found = [
        path
        for path in sorted(root.glob("*/*"))
        if path.is_file() and path.parent.name != PRIVATE and patterns.finds(path.read_bytes())
    ]
    recalled = 0
    for path in found:
        if _is_valid(path, night):
            recalled += _recall(settings, person, path.name, by)
        _drop_lines(settings, root, path, patterns)
    _release_again(settings, root)
    return {"lists_rewritten": len(found), "contacts_recalled": recalled}


def _is_valid(path: Path, night: date) -> bool:
    manifest = manifest_of(path)
    return (
        manifest.exists()
        and date.fromisoformat(json.loads(manifest.read_text(encoding="utf-8"))["expires_on"]) >= night
    )


def _recall(settings: Settings, person: Person, file_name: str, by: str) -> int:
    tables = Tables(settings)
    filters = [("file_name", "=", file_name), ("subscription_id", "in", sorted(person.subscriptions))]
    contacts = tables.arrow(CONTACT, filters=filters, columns=["contact_id"])["contact_id"].to_pylist()
    for contact_id in contacts:
        try:
            recall_contact(settings, by, WHY, contact_id)
        except InputRefused:  # the whole list is recalled already
            continue
    return len(contacts)


def _drop_lines(settings: Settings, root: Path, path: Path, patterns: Patterns) -> None:
    """The list without the person; the ledger knows its new digest first."""
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if not patterns.finds(line)]
    content = b"".join(kept)
    digest = sha256(content).hexdigest()
    for row in delta_rs.read(settings, EXPORT_LEDGER, [("file_name", "=", path.name)]).to_pylist():
        if row["sha256"] != digest:
            write_status(settings, row | {"rows": row["rows"] - (len(lines) - len(kept)), "sha256": digest})
    write_atomically(root, path, content)


def _release_again(settings: Settings, root: Path) -> None:
    """Manifest and release of lists that lost a line, so that a channel that has not taken them yet finds all agree."""
    for row in delta_rs.read(settings, EXPORT_LEDGER, [("status", "in", list(MAY_HAVE_LEFT))]).to_pylist():
        path = root / row["channel_code"] / row["file_name"]
        if not path.exists() or (done_of(path).exists() and done_of(path).read_text().strip() == row["sha256"]):
            continue
        manifest = manifest_of(path)
        if manifest.exists():
            said = json.loads(manifest.read_text(encoding="utf-8"))
            said |= {"rows": row["rows"], "bytes": path.stat().st_size, "sha256": row["sha256"]}
            text = json.dumps(said, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
            write_atomically(root, manifest, text.encode())
        if row["status"] != RELEASING or done_of(path).exists():  # without .done its release is the next export's
            done = f"{row['sha256']}\n".encode()
            write_signature(settings, path, done)
            write_atomically(root, done_of(path), done)
            sent.note(settings, row, sent.SENT)
