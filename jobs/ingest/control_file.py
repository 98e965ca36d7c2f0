"""Control files: what the sender says it sent (names, bytes, rows, data date, creation time), read strictly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from conf.feeds import Feed
from jobs.ingest.delivered_file import open_delivered
from jobs.ingest.names import last_day_of_month
from jobs.lakehouse.masking import quoted

WIDTHS = (40, 20, 20, 8, 14)
VERF_BYTES = sum(WIDTHS) + 2  # 104 with CR LF
LARGEST_BYTES = 1_000_000  # ten thousand data files
EURO = b"\x80"
SHORT_CHECK_HOUR = 3  # a check file with name and count only says nothing of its time: 03:00 of the next day


class ControlBroken(ValueError):
    """A control file that cannot be trusted: where, what was found, what was wanted, what to do."""

    def __init__(self, file: str, line: int, found: str, wanted: str):
        super().__init__(
            f"{file} line {line}: found {found}, wanted {wanted}; ask the sender for a corrected control file or a resend"
        )


@dataclass(frozen=True)
class ControlLine:
    """One data file as its control file announces it; None where the style leaves it out."""

    name: str
    rows: int
    bytes: int | None
    stamp: str | None
    created_at: datetime
    line: int


def read_control(path: Path, style: str, usual_time: datetime) -> list[ControlLine]:
    """Lines of a control file; `usual_time` stands for the creation time where the file gives none."""
    try:
        with open_delivered(path) as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read(size) if size <= LARGEST_BYTES else b""
    except OSError as error:
        raise ControlBroken(path.name, 1, f"no readable file ({error.strerror})", "a control file") from None
    if size > LARGEST_BYTES:
        raise ControlBroken(path.name, 1, f"more than {LARGEST_BYTES:,} bytes", "one short line for each data file")
    lines = [_line(path.name, number, cells, usual_time) for number, cells in _READERS[style](path.name, content)]
    if not lines:
        raise ControlBroken(path.name, 1, "no line", "one line for each data file")
    return lines


def usual_time(feed: Feed, data_date: date) -> datetime:
    """When the files of a date are usually made: 03:00 of the next day, for monthly feeds of the due day."""
    day = data_date + timedelta(days=1)
    if feed.cadence == "monthly":
        month = data_date if feed.content == "snapshot" else last_day_of_month(data_date) + timedelta(days=1)
        day = month.replace(day=feed.due_day or 1)
    return datetime.combine(day, datetime.min.time()) + timedelta(hours=SHORT_CHECK_HOUR)


def _fixed_lines(name: str, content: bytes) -> Iterator[tuple[int, list[bytes]]]:
    for number, start in enumerate(range(0, len(content), VERF_BYTES), start=1):
        line = content[start : start + VERF_BYTES]
        if len(line) != VERF_BYTES or not line.endswith(b"\r\n") or b"\n" in line[:-1]:
            found = f"{len(line)} bytes ending in {line[-2:].hex(' ') or 'nothing'}"
            raise ControlBroken(name, number, found, f"{VERF_BYTES} bytes ending in CR LF (widths 40/20/20/8/14)")
        cells, at = [], 0
        for width in WIDTHS:
            cells.append(line[at : at + width].strip(b" "))
            at += width
        yield number, cells


def _euro_lines(name: str, content: bytes) -> Iterator[tuple[int, list[bytes]]]:
    for number, line in _ended_lines(name, content):
        cells = [cell.strip(b" ") for cell in line.split(EURO)]
        if len(cells) != 5:
            raise ControlBroken(name, number, f"{len(cells)} fields", "5 fields separated by byte 0x80")
        yield number, cells


def _dollar_lines(name: str, content: bytes) -> Iterator[tuple[int, list[bytes]]]:
    for number, line in _ended_lines(name, content):
        cells = [cell.strip(b" ") for cell in line.split(b"$")]
        if len(cells) not in (2, 5):
            raise ControlBroken(
                name, number, f"{len(cells)} fields", "name$rows or name$bytes$rows$data date$creation time"
            )
        yield number, cells if len(cells) == 5 else [cells[0], b"", cells[1], b"", b""]


_READERS = {"fixed_width": _fixed_lines, "euro": _euro_lines, "dollar": _dollar_lines}


def _ended_lines(name: str, content: bytes) -> Iterator[tuple[int, bytes]]:
    lines = content.split(b"\n")
    if lines[-1]:
        raise ControlBroken(name, len(lines), "a last line without line end (cut off?)", "a line end on every line")
    for number, line in enumerate(lines[:-1], start=1):
        yield number, line.removesuffix(b"\r")


def _line(file: str, number: int, cells: list[bytes], usual: datetime) -> ControlLine:
    short = len(cells[1]) == 0 and len(cells[3]) == 0 and len(cells[4]) == 0
    try:
        name = cells[0].decode("ascii")
    except UnicodeDecodeError:
        raise ControlBroken(file, number, "a file name with bytes beyond ASCII", "a plain file name") from None
    if not name or "/" in name or "\\" in name:
        raise ControlBroken(file, number, "no file name or one with a folder", "the plain name of a data file")
    rows = _count(file, number, cells[2], "a row count")
    if short:
        return ControlLine(name, rows, None, None, usual, number)
    stamp = cells[3].decode("ascii", "replace")
    return ControlLine(
        name, rows, _count(file, number, cells[1], "a size in bytes"), stamp, _time(file, number, cells[4]), number
    )


def _count(file: str, number: int, cell: bytes, what: str) -> int:
    if not cell.isdigit() or len(cell) > 18:
        raise ControlBroken(file, number, f"'{quoted(cell.decode('ascii', 'replace'))}'", f"{what} in digits")
    return int(cell)


def _time(file: str, number: int, cell: bytes) -> datetime:
    text = cell.decode("ascii", "replace")
    try:
        if len(text) != 14:
            raise ValueError
        return datetime.strptime(text, "%Y%m%d%H%M%S")
    except ValueError:
        raise ControlBroken(file, number, f"'{quoted(text)}'", "a creation time YYYYMMDDHHMMSS") from None
