"""Writes one file in its channel's layout; every cell must keep to the grammar of its column, anything else refuses the file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from conf.errors import ExportRefused
from conf.exports import ExportColumn, ExportLayout
from conf.numbering import load_numbering
from jobs.targeting.export_rows import Cells

_GRAMMAR = {
    "code": re.compile(r"[A-Z0-9_]+"),
    "int": re.compile(r"\d+"),
    "msisdn": re.compile(load_numbering().mobile),
    "date8": re.compile(r"\d{8}"),
    "time4": re.compile(r"([01]\d|2[0-3])[0-5]\d"),
    "url": re.compile(r"https?://[A-Za-z0-9./_?=-]+"),
}
_FORMULA_TRIGGERS = "=+-@\t\r\n＝＋－＠"  # what makes a spreadsheet run a cell, in some languages also in full width
_BEFORE_A_FORMULA = "'\";"  # what a spreadsheet takes off, or ends the cell before, and then runs the rest
_WANTED = {
    "code": "capital letters, digits and _",
    "int": "digits",
    "msisdn": "a national mobile number of 11 digits",
    "date8": "a date as YYYYMMDD",
    "time4": "a time as HHMM",
    "url": "an http address",
    "text": "text without control characters, separators or formula triggers",
}


class CellRefused(ExportRefused):
    """A value does not fit its column; `found` says what is wrong with it and never shows it."""

    def __init__(self, layout: ExportLayout, column: ExportColumn, file_name: str, line: int, found: str):
        self.column, self.line, self.found = column.name, line, found
        unit = "bytes" if layout.format == "fixed_width" else "characters"
        self.wanted = f"{_WANTED[column.type]}, at most {column.width} {unit}, in {layout.encoding}"
        super().__init__(
            f"{file_name}: line {line}, column {column.name}\n  found:  {found}\n  wanted: {self.wanted} (layout {layout.layout})\n"
            "  to do:  mend the source of the value; nothing of this file leaves"
        )


def file_bytes(layout: ExportLayout, rows: Iterable[Cells], file_name: str) -> bytes:
    """The content of a file; CellRefused names file, line and column (never the value) of the first bad cell."""
    lines = [layout.column_names] if layout.header else []
    texts = [_join(layout, cells) for cells in lines]
    for number, cells in enumerate(rows, start=1):
        checked = [_checked(layout, column, cells[column.name], file_name, number) for column in layout.columns]
        texts.append(_join(layout, checked))
    content = "".join(text + layout.newline for text in texts)
    return content.encode(layout.encoding)


def misfit(layout: ExportLayout, cells: Cells) -> str | None:
    """The first of these cells that its column of the layout cannot hold, by name; columns it does not have are free."""
    columns = (column for column in layout.columns if column.name in cells)
    return next((column.name for column in columns if _fault(layout, column, cells[column.name])), None)


def _join(layout: ExportLayout, cells: list[str]) -> str:
    if layout.format == "fixed_width":
        return "".join(cells)
    if layout.quote == "always":
        cells = ['"' + cell.replace('"', '""') + '"' for cell in cells]
    return (layout.delimiter or "").join(cells)


def _checked(layout: ExportLayout, column: ExportColumn, value: str, file_name: str, line: int) -> str:
    fault = _fault(layout, column, value)
    if fault:
        raise CellRefused(layout, column, file_name, line, fault)
    if layout.format == "fixed_width":
        return value + " " * (column.width - len(value.encode(layout.encoding)))
    return value


def _fault(layout: ExportLayout, column: ExportColumn, value: str) -> str | None:
    """What is wrong with a value, in words that do not show it; None when it fits."""
    if not value:
        return "nothing"
    try:
        encoded = value.encode(layout.encoding.removesuffix("-sig"))
    except UnicodeEncodeError as error:
        return f"a character {layout.encoding} cannot write, at place {error.start + 1}"
    length = len(encoded) if layout.format == "fixed_width" else len(value)
    if length > column.width:
        return f"{length} {'bytes' if layout.format == 'fixed_width' else 'characters'}"
    if column.type == "text":
        return _fault_of_text(layout, value, encoded)
    fits = _GRAMMAR[column.type].fullmatch(value) and (column.type != "date8" or _is_date(value))
    return None if fits else "something else"


def _fault_of_text(layout: ExportLayout, value: str, encoded: bytes) -> str | None:
    """No control characters, nothing a spreadsheet would run, nothing that ends the cell for a reader of bytes."""
    if value != value.strip():
        return "blanks at an end"
    if value.lstrip(_BEFORE_A_FORMULA).startswith(tuple(_FORMULA_TRIGGERS)):
        return "a first character that makes a spreadsheet run the cell"
    if not value.isprintable():
        return "a control character"
    broken = sorted(mark for mark in _marks(layout) if _is_split(layout, mark, value, encoded))
    return f"the separator or quote {broken[0]!r}, as itself or as a byte inside a character" if broken else None


def _marks(layout: ExportLayout) -> set[str]:
    """What separates and quotes cells in this layout; channels look for its bytes, whatever character they belong to."""
    if layout.delimiter is None:
        return set()
    return {layout.delimiter, '"', "\n", "\r"}


def _is_split(layout: ExportLayout, mark: str, value: str, encoded: bytes) -> bool:
    """Whether a mark's bytes would end the cell; inside quotes only a quote's could, and those that are quotes are doubled."""
    found = encoded.count(mark.encode(layout.encoding.removesuffix("-sig")))
    allowed = value.count(mark) if layout.quote == "always" else 0
    return found > allowed


def _is_date(value: str) -> bool:
    try:
        datetime.strptime(value, "%Y%m%d")
    except ValueError:
        return False
    return True
