"""What left, noted outside the lake: home/sent/<CHANNEL>.jsonl, to which a line is only ever added; the last of a file counts.

A restored lake does not know what was sent after its backup, and the channel may have taken list and `.done` away meanwhile.
A backup brings the lake back and never this folder.
"""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Any

from conf.files import sync_folder
from conf.settings import Settings
from jobs.targeting.export_files import done_of, manifest_of, signature_of

FOLDER = "sent"
RELEASING, SENT, TAKEN_BACK = "RELEASING", "SENT", "TAKEN_BACK"
_OF_THE_FILE = ("business_date", "campaign_id", "channel_code", "file_name", "rows", "sha256")
Note = dict[str, Any]


def note(settings: Settings, row: dict[str, Any], state: str) -> None:
    """Add a line about a list (a row of ops.export_ledger): RELEASING before its `.done`, SENT after, TAKEN_BACK when removed."""
    path = _path(settings, row["channel_code"])
    is_new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    line = {name: str(row[name]) if isinstance(row[name], date) else row[name] for name in _OF_THE_FILE}
    line["state"] = state
    with os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "ab+") as file:
        # A line a kill cut off stays alone: the next one begins on a line of its own.
        start = b"" if _ends_a_line(file) else b"\n"
        file.write(start + json.dumps(line, sort_keys=True).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_folder(path.parent)


def _ends_a_line(file: Any) -> bool:
    if file.seek(0, os.SEEK_END) == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def notes_of_night(settings: Settings, business_date: date) -> dict[str, Note]:
    """The newest line about each list of a night, by file name."""
    found = {}
    for path in sorted(settings.path(FOLDER).glob("*.jsonl")):
        for line in _lines(path):
            if line["business_date"] == str(business_date):
                found[line["file_name"]] = line | {"business_date": business_date}
    return found


def _lines(path: Path) -> list[Note]:
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:  # cut off by a kill
            continue
    return lines


def _path(settings: Settings, channel_code: str) -> Path:
    return settings.path(FOLDER, f"{channel_code}.jsonl")


def how_it_left(target: Path, line: Note | None, is_releasing: bool) -> str | None:
    """How we know that a list may be with its channel, whatever the ledger says; None when it is not.

    A list that was about to be released and is gone was taken; one that still lies there without `.done` was not.
    """
    state = line["state"] if line else None
    if done_of(target).exists():
        return "its .done stands"
    if state == SENT:
        return "noted in sent/ as sent"
    if (is_releasing or state == RELEASING) and not target.exists():
        return "it was being released and is gone"
    return None


def remove_unreleased(settings: Settings, target: Path, row: dict[str, Any]) -> None:
    """Take away a list without `.done`, which no channel has taken, with manifest and signature; `row` is its ledger row."""
    if done_of(target).exists():
        return
    line = notes_of_night(settings, row["business_date"]).get(target.name)
    if line and line["state"] == RELEASING:  # first the note: a list that is gone would count as taken by its channel
        note(settings, row, TAKEN_BACK)
    for path in (target, manifest_of(target), signature_of(target)):
        path.unlink(missing_ok=True)
