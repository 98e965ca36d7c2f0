"""Erases a person: landing, lists, sealed records, vault, and the old table versions that still hold the values.

Order: the tokens are noted as forgotten (from then on nothing brings the values back and nobody contacts the person), then
files, sealed records and lists are blanked, the vault last, because it alone tells what to look for. A run that was cut off
is run again; what it has done already it finds done.
"""

from __future__ import annotations

import os
import uuid
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

from conf.errors import ClosedLoopError, InputRefused
from conf.files import whole_file
from conf.settings import Settings
from jobs.ingest.names import data_file
from jobs.lakehouse import delta_rs, faults
from jobs.lakehouse.masking import masked
from jobs.lakehouse.run import exclusive
from jobs.people.forgotten import FORGOTTEN, digester
from jobs.people.sealed_records import QUARANTINE, Sealer, unsealed
from jobs.people.vault import IDENTITY
from jobs.privacy import lists
from jobs.privacy.blanking import Patterns, blank, patterns_of
from jobs.privacy.left_over import places_left
from jobs.privacy.person import Person, newest_night, person_of

REDACTED = "ops.redacted_file"
STAGES = ("ingest", "customer_view", "targeting", "maintenance")  # who reads or writes what is erased


class ErasureIncomplete(ClosedLoopError):
    """Something of the person still stands somewhere."""


def forget(settings: Settings, msisdn: str, by: str, reason: str) -> dict[str, Any]:
    """Erase the present holder of a number everywhere and prove it; returns what was done, by token and in counts.

    Raises InputRefused without a name, a reason or a mobile number, AlreadyRunning while a night is at work, and
    ErasureIncomplete with the places where a value is left.
    """
    if not by.strip() or not reason.strip():
        raise InputRefused("erasure: found nobody or no reason, wanted --by <who erases> and --reason <why>")
    with ExitStack() as locks:
        for stage in STAGES:
            locks.enter_context(exclusive(settings, stage))
        delta_rs.ensure_tables(settings)
        return _erase(settings, person_of(settings, msisdn), masked(by.strip()), masked(reason.strip()))


def _erase(settings: Settings, person: Person, by: str, reason: str) -> dict[str, Any]:
    run_id, night, patterns = uuid.uuid4().hex[:12], newest_night(settings), patterns_of(person)
    _note(settings, person, night, by, reason, run_id, is_done=False)
    faults.point("forget.after_note")
    files = _blank_landing(settings, patterns, night, run_id)
    faults.point("forget.after_landing")
    records = _drop_sealed_records(settings, patterns, run_id)
    recalled = lists.take_off(settings, person, patterns, night, by)
    faults.point("forget.before_vault")
    values = _empty_vault(settings, person, run_id)
    faults.point("forget.after_vault")
    left = places_left(settings, patterns, person.values("MSISDN"))
    if left:
        raise ErasureIncomplete(
            f"erasure of person {person.token}: found values in {len(left)} files, wanted none: {', '.join(left[:10])}\n"
            "  to do:  remove them by hand, then run this again"
        )
    _note(settings, person, night, by, reason, run_id, is_done=True)
    return {
        "person_token": person.token,
        "subscriptions": len(person.subscriptions),
        "values_erased": values,
        "values_shared_with_others": len(person.shared),
        "files_blanked": files,
        "sealed_records_dropped": records,
        **recalled,
        "files_with_a_value_left": 0,
    }


def _note(settings: Settings, person: Person, night: date, by: str, reason: str, run_id: str, is_done: bool) -> None:
    """Put the person's tokens into ops.forgotten; those an earlier run noted stay, with the date they had."""
    mine = [("person_token", "=", person.token)]
    known = {row["token"]: row for row in delta_rs.read(settings, FORGOTTEN, mine).to_pylist()}
    common = {"person_token": person.token, "asked_by": by, "reason": reason, "is_done": is_done, "run_id": run_id}
    digests = digester(settings)
    rows = {
        token: {
            "token": token,
            "kind": kind,
            "value_digest": digests.token(kind, value),
            "business_date": night,
            **common,
        }
        for token, (kind, value) in person.own.items()
        if value
    }
    rows |= {token: row | {"is_done": is_done, "run_id": run_id} for token, row in known.items()}
    delta_rs.replace(settings, FORGOTTEN, list(rows.values()), f"person_token = {person.token}", run_id)


def _blank_landing(settings: Settings, patterns: Patterns, night: date, run_id: str) -> int:
    """Blank the person in every delivered file; the ledger knows first, in one commit, which are not to be loaded again."""
    archive = settings.retention.landing.archive
    found = [
        path
        for root in (settings.path("landing"), *([archive] if archive else []))
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_symlink() and blank(content := path.read_bytes(), patterns) != content
    ]
    _note_blanked(settings, found, night, run_id)
    for path in found:
        _replace(path, blank(path.read_bytes(), patterns))
    return len(found)


def _note_blanked(settings: Settings, files: list[Path], night: date, run_id: str) -> None:
    known = delta_rs.read(settings, REDACTED, columns=["source", "file_name"]).to_pylist()
    noted = {(row["source"], row["file_name"]) for row in known}
    loadable = {(path.parent.name, path.name) for path in files if data_file(path.name)}
    rows = [
        {"source": source, "file_name": name, "business_date": night, "run_id": run_id}
        for source, name in sorted(loadable - noted)
    ]
    delta_rs.append(settings, REDACTED, rows, run_id)


def _quoted(text: str) -> str:
    return "'{}'".format(text.replace("'", "''"))


def _replace(path: Path, content: bytes) -> None:
    """Put the content in the file's place, with its mode and time; the old bytes are gone with the old file."""
    before = path.stat()
    with whole_file(path) as partial:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT, before.st_mode & 0o777), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.utime(partial, ns=(before.st_atime_ns, before.st_mtime_ns))


def _drop_sealed_records(settings: Settings, patterns: Patterns, run_id: str) -> int:
    """Quarantined records that hold the person keep their row and lose their content, in old versions of the table too."""
    sealer = Sealer.of(settings)
    rows = delta_rs.read(settings, QUARANTINE, columns=["file_id", "line_number", "raw_encrypted"]).to_pylist()
    found = [row for row in rows if row["raw_encrypted"] and patterns.finds(unsealed(sealer, row))]
    for row in found:
        where = f"file_id = {_quoted(row['file_id'])} AND line_number = {row['line_number']}"
        filters = [("file_id", "=", row["file_id"]), ("line_number", "=", row["line_number"])]
        emptied = [
            other | {"raw_encrypted": None} for other in delta_rs.read(settings, QUARANTINE, filters).to_pylist()
        ]
        delta_rs.replace(settings, QUARANTINE, emptied, where, run_id)
    delta_rs.purge(settings, QUARANTINE)
    return len(found)


def _empty_vault(settings: Settings, person: Person, run_id: str) -> int:
    """Remove the values that are the person's alone, and every file and log entry of the table that still holds them."""
    known = [("person_token", "=", person.token)]
    tokens = sorted({*person.own, *delta_rs.read(settings, FORGOTTEN, known, columns=["token"])["token"].to_pylist()})
    count = delta_rs.read(settings, IDENTITY, [("token", "in", tokens)], columns=["token"]).num_rows
    if count:
        delta_rs.delete(settings, IDENTITY, f"token IN ({', '.join(map(str, tokens))})", run_id)
    delta_rs.purge(settings, IDENTITY)
    return count
