"""Writes one file in its channel's layout; every cell must keep to the grammar of its column, anything else refuses the file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from conf.errors import ExportRefused
from conf.exports import ExportColumn, ExportLayout
from jobs.targeting.export_rows import Cells

_GRAMMAR = {
    "code": re.compile(r"[A-Z0-9_]+"),
    "int": re.compile(r"\d+"),
    "msisdn": re.compile(r"1[3-9]\d{9}"),
    "date8": re.compile(r"\d{8}"),
    "time4": re.compile(r"([01]\d|2[0-3])[0-5]\d"),
    "url": re.compile(r"https?://[A-Za-z0-9./_?=-]+"),
}
_FORMULA_TRIGGERS = "=+-@\t\r\n"  # what makes a spreadsheet run a cell
_WANTED = {
    "code": "capital letters, digits and _", "int": "digits", "msisdn": "a national mobile number of 11 digits",
    "date8": "a date as YYYYMMDD", "time4": "a time as HHMM", "url": "an http address",
    "text": "text without control characters, separators or formula triggers",
}  # fmt: skip


def file_bytes(layout: ExportLayout, rows: Iterable[Cells], file_name: str) -> bytes:
    """The content of a file; ExportRefused names file, line and column (never the value) of the first bad cell."""
    lines = [layout.column_names] if layout.header else []
    texts = [_join(layout, cells) for cells in lines]
    for number, cells in enumerate(rows, start=1):
        checked = [_checked(layout, column, cells[column.name], file_name, number) for column in layout.columns]
        texts.append(_join(layout, checked))
    content = "".join(text + layout.newline for text in texts)
    return content.encode(layout.encoding)


def _join(layout: ExportLayout, cells: list[str]) -> str:
    if layout.format == "fixed_width":
        return "".join(cells)
    if layout.quote == "always":
        cells = ['"' + cell.replace('"', '""') + '"' for cell in cells]
    return (layout.delimiter or "").join(cells)


def _checked(layout: ExportLayout, column: ExportColumn, value: str, file_name: str, line: int) -> str:
    if not _fits(layout, column, value):
        raise ExportRefused(
            f"{file_name}: line {line}, column {column.name}: found a value that does not fit, wanted {_WANTED[column.type]}, "
            f"at most {column.width} long, in {layout.encoding}\n  to do:  mend the source of the value; nothing of this file leaves"
        )
    if layout.format == "fixed_width":
        return value + " " * (column.width - len(value.encode(layout.encoding)))
    return value


def _fits(layout: ExportLayout, column: ExportColumn, value: str) -> bool:
    try:
        encoded = value.encode(layout.encoding.removesuffix("-sig"))
    except UnicodeEncodeError:
        return False
    if (len(encoded) if layout.format == "fixed_width" else len(value)) > column.width:
        return False
    if column.type == "text":
        return _is_clean_text(layout, value)
    if not _GRAMMAR[column.type].fullmatch(value):
        return False
    return column.type != "date8" or _is_date(value)


def _is_clean_text(layout: ExportLayout, value: str) -> bool:
    """No control characters, nothing a spreadsheet would run, no separator where cells are not quoted; not empty."""
    if not value or value.lstrip()[:1] in _FORMULA_TRIGGERS or not value.isprintable() or value != value.strip():
        return False
    return layout.quote == "always" or layout.delimiter is None or not {layout.delimiter, '"'} & set(value)


def _is_date(value: str) -> bool:
    try:
        datetime.strptime(value, "%Y%m%d")
    except ValueError:
        return False
    return True
