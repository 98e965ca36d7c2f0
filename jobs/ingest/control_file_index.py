"""Remembers what control files said, so that a night opens the new ones only; a missing index is made anew, with the same answers.

An entry counts while the file is the same by inode, size and time of its last change, which no sender can set back. Only files
that were read without complaint are remembered: their lines hold names of a style, counts and times, and nobody's number.
"""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import Any

from conf.delivery_names import fits_a_style
from conf.files import write_whole
from conf.settings import Settings
from jobs.ingest.control_file import ControlLine
from jobs.lakehouse.logs import fact

log = logging.getLogger(__name__)
FORMAT = 1  # another number when control files are read in another way: everything is read again
SETTLED_SECONDS = (
    60  # a file changed so shortly before the index was written may have changed again within one tick of its clock
)
Lines = list[ControlLine]


class ControlIndex:
    """Control files of one source as they were read before."""

    def __init__(self, path: Path):
        self._path = path
        self._files, self._written_ns = _read(path)
        self._is_changed = False

    @classmethod
    def of(cls, settings: Settings, source: str) -> ControlIndex:
        """The index of a source; empty when there is none, or none that can be read."""
        return cls(settings.path("run", "landing", f"{source}.json"))

    def lines(self, entry: os.DirEntry[str], usual: datetime, read: Callable[[], Lines]) -> Lines:
        """Lines of a control file: remembered, or from `read`, whose refusal is remembered nowhere."""
        try:
            found = entry.stat(follow_symlinks=False)
        except OSError:
            return read()
        mark = [found.st_ino, found.st_size, found.st_ctime_ns]
        known = self._files.get(entry.name)
        is_settled = found.st_ctime_ns < self._written_ns - SETTLED_SECONDS * 10**9
        if known is not None and known[:3] == mark and is_settled and stat.S_ISREG(found.st_mode):
            return [_line(number, cells, usual) for number, cells in enumerate(known[3], start=1)]
        self._forget(entry.name)
        lines = read()
        if all(_is_harmless(line) for line in lines):
            self._files[entry.name] = [*mark, [_cells(line) for line in lines]]
            self._is_changed = True
        return lines

    def save(self, names: Collection[str]) -> None:
        """Keep it for the next night without files that are gone; one that cannot be written costs time, nothing else."""
        for name in self._files.keys() - names:
            self._forget(name)
        if not self._is_changed:
            return
        try:
            write_whole(self._path, json.dumps({"format": FORMAT, "files": self._files}, separators=(",", ":")))
        except OSError as error:
            fact(log, logging.WARNING, "INDEX_NOT_WRITTEN", {"why": error.strerror})

    def _forget(self, name: str) -> None:
        self._is_changed |= self._files.pop(name, None) is not None


def _read(path: Path) -> tuple[dict[str, list[Any]], int]:
    """Entries of an index, and when it was written."""
    try:
        found = json.loads(path.read_bytes())
        return (found["files"] if found["format"] == FORMAT else {}), path.stat().st_mtime_ns
    except (OSError, ValueError, LookupError, TypeError):
        return {}, 0


def _is_harmless(line: ControlLine) -> bool:
    return fits_a_style(line.name) and (
        line.stamp is None or (line.stamp.isdecimal() and len(line.stamp) <= len("yyyymmdd"))
    )


def _cells(line: ControlLine) -> list[Any]:
    """A line without what its place and the feed tell: its number, and the usual time of a check file that says none."""
    return [line.name, line.rows, line.bytes, line.stamp, None if line.stamp is None else line.created_at.isoformat()]


def _line(number: int, cells: list[Any], usual: datetime) -> ControlLine:
    name, rows, size, stamp, created = cells
    return ControlLine(name, rows, size, stamp, usual if created is None else datetime.fromisoformat(created), number)
