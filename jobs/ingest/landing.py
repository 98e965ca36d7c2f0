"""What lies in landing/: every delivered file with what its name and its control file say, and the night that picks it up."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path

from conf.dates import load_date_of
from conf.delivery_names import CONTROL_ENDINGS
from conf.feeds import Feed
from conf.settings import Settings
from jobs.ingest.control_file import ControlBroken, ControlLine, read_control, usual_time
from jobs.ingest.control_file_index import ControlIndex
from jobs.ingest.delivered_file import PLAIN_FILE, kind_of
from jobs.ingest.names import FileName, control_file, data_file
from jobs.lakehouse.file_states import LANDED, REJECTED
from jobs.lakehouse.logs import fact
from jobs.lakehouse.masking import masked_name, quoted

log = logging.getLogger(__name__)

UNFINISHED = (".part", ".tmp")  # the sender is still writing


@dataclass
class Delivered:
    """One data file that a control file announced (or should have), before and after its verdict."""

    feed: Feed
    path: Path
    name: FileName
    data_date: date
    created_at: datetime  # of the control file, operator's wall clock
    load_date: date
    resend_no: int
    control: str
    announced: ControlLine | None
    size: int = 0
    rows_found: int = 0
    digest: str = ""
    status: str = LANDED
    reason: str | None = None
    rows_unreadable: int = 0  # of a list that may not shrink: rows that tell nobody's number

    @property
    def number(self) -> tuple[date, int, int]:
        """Data date, resend and sequence: a number may be used once."""
        return self.data_date, self.resend_no, self.name.sequence_no or 0

    @property
    def key(self) -> tuple[str, str, datetime]:
        """Feed, name and creation time: what makes it one delivery."""
        return self.feed.feed, self.path.name, self.created_at

    @property
    def order(self) -> tuple:
        """Order of delivery, the same on every machine."""
        return (
            self.load_date,
            self.data_date,
            self.resend_no,
            self.name.sequence_no or 0,
            self.created_at,
            self.path.name,
        )

    @property
    def file_id(self) -> str:
        """Stable identifier: another delivery or another content is another file."""
        stamp = self.created_at.strftime("%Y%m%d%H%M%S")
        place = f"{self.feed.source}/{self.path.name}|{self.data_date}|{self.resend_no}|{stamp}|{self.digest}"
        return sha256(place.encode()).hexdigest()[:24]

    def reject(self, reason: str) -> None:
        """Refuse the file for a reason a person can act on; the first reason stays."""
        if self.status != REJECTED:
            self.status, self.reason = REJECTED, reason


def discover(
    settings: Settings, feeds: Iterable[Feed], data_dates: Mapping[str, date] | None = None
) -> list[Delivered]:
    """All announced files of these feeds in landing, in order of delivery; a data file no control file names is not ready.

    `data_dates`: of each feed only that data date. A control file read before is not opened again (control_index).
    """
    found: list[Delivered] = []
    by_source: dict[str, dict[tuple[str, str, str], Feed]] = {}
    for feed in feeds:
        by_source.setdefault(feed.source, {})[(feed.style, feed.unit, feed.cadence)] = feed
    for source, contracts in by_source.items():
        folder = settings.path("landing", source)
        if folder.is_dir():
            found.extend(_discover_folder(settings, folder, contracts, data_dates))
    return sorted(found, key=lambda file: (file.feed.feed, file.order))


@dataclass(frozen=True)
class UnknownFile:
    """Something in landing nothing reads; `name` is source/name with what may be personal masked, `inode` finds it all the same."""

    name: str
    inode: int
    kind: str
    is_masked: bool

    @property
    def is_plain(self) -> bool:
        """Whether it is a file at all, so that only its name is wrong."""
        return self.kind == PLAIN_FILE


def unknown_files(settings: Settings) -> list[UnknownFile]:
    """What in landing somebody should look at: names of no style or without a date, links, pipes, devices, folders named as files."""
    found = []
    for folder in sorted(settings.path("landing").glob("*/")):
        if not os.access(folder, os.R_OK | os.X_OK):
            source = masked_name(folder.name)
            found.append(
                UnknownFile(
                    f"{source}/", folder.stat().st_ino, "a folder this user may not list", source != folder.name
                )
            )
        entries = sorted(_entries(folder), key=lambda entry: entry.name)
        found += [unknown for entry in entries if (unknown := _unknown(folder.name, entry))]
    return found


def _unknown(source: str, entry: os.DirEntry[str]) -> UnknownFile | None:
    if entry.name.startswith(".") or entry.name.endswith(UNFINISHED):
        return None
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:  # taken away meanwhile
        return None
    kind = kind_of(found.st_mode)
    known = data_file(entry.name) or control_file(entry.name)
    is_subfolder = stat.S_ISDIR(found.st_mode) and known is None  # not read, and nobody expects it to be
    if is_subfolder or (kind == PLAIN_FILE and known is not None and known.first_day is not None):
        return None
    shown = masked_name(entry.name)
    return UnknownFile(f"{masked_name(source)}/{shown}", found.st_ino, kind, shown != entry.name)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a source's folder; nothing when it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        fact(log, logging.WARNING, "SOURCE_UNREADABLE", {"source": masked_name(folder.name), "why": error.strerror})
        return []


def _discover_folder(
    settings: Settings, folder: Path, contracts: dict[tuple[str, str, str], Feed], data_dates: Mapping[str, date] | None
) -> Iterator[Delivered]:
    index = ControlIndex.of(settings, folder.name)
    entries = [entry for entry in _entries(folder) if entry.name.endswith(CONTROL_ENDINGS)]
    for entry in sorted(entries, key=lambda entry: entry.name):
        control = control_file(entry.name)
        feed = contracts.get((control.style, control.unit, control.cadence)) if control else None
        data_date = control.data_date(feed) if control and feed else None
        if (
            control is None or feed is None or data_date is None
        ):  # a name without a date cannot be placed: an unknown file
            continue
        if data_dates is None or data_dates[feed.feed] == data_date:
            yield from _announced(folder, entry, control, feed, data_date, index, settings.load_cutoff_hour)
    index.save({entry.name for entry in entries})


def _announced(
    folder: Path,
    entry: os.DirEntry[str],
    control: FileName,
    feed: Feed,
    data_date: date,
    index: ControlIndex,
    cutoff: int,
) -> Iterator[Delivered]:
    usual = usual_time(feed, data_date)
    try:
        lines = index.lines(entry, usual, lambda: read_control(folder / control.name, control.style, usual))
    except ControlBroken as error:
        yield _broken(folder, control, feed, data_date, usual, cutoff, str(error))
        return
    for line in lines:
        yield _delivered(folder, control, feed, data_date, line, cutoff)


def _delivered(
    folder: Path, control: FileName, feed: Feed, data_date: date, line: ControlLine, cutoff: int
) -> Delivered:
    name = data_file(line.name)
    shown = (
        line.name if name else f"{quoted(line.name)} (line {line.line})"
    )  # what may be a person's number goes no further
    file = Delivered(
        feed,
        folder / shown,
        name or control,
        data_date,
        line.created_at,
        load_date_of(line.created_at, cutoff),
        name.resend_no if name else control.resend_no,
        control.name,
        line,
    )
    place = f"{control.name} line {line.line}"
    if name is None or (name.style, name.unit, name.letter, name.resend_no) != (
        control.style,
        control.unit,
        control.letter,
        control.resend_no,
    ):
        file.reject(
            f"{place}: found data file name '{quoted(line.name)}', wanted one of unit {control.unit} and this control file's resend"
        )
    elif name.stamp != control.stamp or (line.stamp is not None and line.stamp != control.stamp):
        found = f"data date {quoted(line.stamp or 'none')} and file name date {name.stamp}"
        file.reject(
            f"{place}: found {found}, wanted {control.stamp} as in the control file's name; ask the sender which is right"
        )
    return file


def _broken(
    folder: Path, control: FileName, feed: Feed, data_date: date, usual: datetime, cutoff: int, reason: str
) -> Delivered:
    """A control file nobody can read stands for its whole delivery: rejected, and seen on the night it was due."""
    file = Delivered(
        feed,
        folder / control.name,
        control,
        data_date,
        usual,
        load_date_of(usual, cutoff),
        control.resend_no,
        control.name,
        None,
    )
    file.reject(reason)
    return file
