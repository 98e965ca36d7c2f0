"""Writes one file in its channel's layout; every cell must keep to the grammar of its column, anything else refuses the file.

Columns of cells are written and judged at once: what a look over the whole column does not clear is judged by `_fault`, each
value once.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from conf.errors import ExportRefused
from conf.exports import ExportColumn, ExportLayout
from conf.numbering import load_numbering

ROWS_AT_ONCE = 65_536

_GRAMMAR = {
    "code": re.compile(r"[A-Z0-9_]+"),
    "int": re.compile(r"\d+"),
    "msisdn": re.compile(load_numbering().mobile),
    "date8": re.compile(r"\d{8}"),
    "time4": re.compile(r"([01]\d|2[0-3])[0-5]\d"),
    "url": re.compile(r"https?://[A-Za-z0-9./_?=-]+"),
}
_ASCII_GRAMMAR = (
    "code",
    "int",
    "msisdn",
    "time4",
    "url",
)  # what these say of a text of ASCII, a look at its letters tells
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


def file_bytes(layout: ExportLayout, rows: pa.Table, file_name: str) -> bytes:
    """The content of a file, from its cells as texts by column name.

    CellRefused names file, line and column (never the value) of the first bad cell.
    """
    columns = [rows[column.name].combine_chunks() for column in layout.columns]
    _require_fit(layout, columns, file_name)
    bom = codecs.BOM_UTF8 if layout.encoding == "utf-8-sig" else b""
    parts = [bom + _header(layout) if layout.header else bom]
    for first in range(0, rows.num_rows, ROWS_AT_ONCE):
        parts.append(_lines(layout, [cells.slice(first, ROWS_AT_ONCE) for cells in columns]))
    return b"".join(parts)


def misfits(layout: ExportLayout, rows: pa.Table) -> dict[int, str]:
    """By row (from 0), the first of these columns whose cell the layout cannot hold; columns it does not have are free."""
    found: dict[int, str] = {}
    for column in layout.columns:
        if column.name in rows.column_names:
            faults = _faults(layout, column, rows[column.name].combine_chunks())
            found |= dict.fromkeys(faults.keys() - found.keys(), column.name)
    return found


def _require_fit(layout: ExportLayout, columns: list[pa.Array], file_name: str) -> None:
    found = [
        (min(faults), place, faults)
        for place, cells in enumerate(columns)
        if (faults := _faults(layout, layout.columns[place], cells))
    ]
    if found:
        row, place, faults = min(found, key=lambda each: each[:2])
        raise CellRefused(layout, layout.columns[place], file_name, row + 1, faults[row])


def _faults(layout: ExportLayout, column: ExportColumn, cells: pa.Array) -> dict[int, str]:
    """What is wrong with each cell that does not fit, by row (from 0)."""
    if pa.types.is_dictionary(cells.type):
        by_code = [_fault(layout, column, value) for value in cells.dictionary.to_pylist()]
        if not any(by_code):
            return {}
        return {row: fault for row, code in enumerate(cells.indices.to_pylist()) if (fault := by_code[code])}
    doubtful = np.flatnonzero(~_cleared(column, cells))
    judged = ((int(row), _fault(layout, column, cells[int(row)].as_py())) for row in doubtful)
    return {row: fault for row, fault in judged if fault}


def _cleared(column: ExportColumn, cells: pa.Array) -> np.ndarray:
    """Cells that fit for certain: of a column of signs and digits of ASCII, not too long, in its grammar."""
    if column.type not in _ASCII_GRAMMAR:
        return np.zeros(len(cells), dtype=bool)
    try:
        in_grammar = pc.match_substring_regex(cells, f"^(?:{_GRAMMAR[column.type].pattern})$")
    except pa.ArrowInvalid:  # a grammar of the operator's that only Python can read
        return np.zeros(len(cells), dtype=bool)
    fits = pc.and_(in_grammar, pc.less_equal(pc.binary_length(cells), column.width))
    return pc.fill_null(fits, False).to_numpy(zero_copy_only=False)


def _header(layout: ExportLayout) -> bytes:
    cells = [pa.array([name]).dictionary_encode() for name in layout.column_names]
    return _lines(layout, cells)


def _lines(layout: ExportLayout, columns: list[pa.Array]) -> bytes:
    """Lines of cells that fit."""
    pieces: list[pa.Array | bytes] = []
    between, quote = _bytes(layout, layout.delimiter or ""), b'"' if layout.quote == "always" else b""
    for place, (column, cells) in enumerate(zip(layout.columns, columns, strict=True)):
        pieces += [between if place else b"", quote, _encoded(layout, column, cells), quote]
    pieces.append(_bytes(layout, layout.newline))
    joined = pc.binary_join_element_wise(*_merged(pieces, len(columns[0])), b"")
    return _content(joined)


def _bytes(layout: ExportLayout, text: str) -> bytes:
    return text.encode(layout.encoding.removesuffix("-sig"))


def _merged(pieces: Iterable[pa.Array | bytes], rows: int) -> list[pa.Array | pa.Scalar]:
    """The pieces with neighbours that are the same on each line made one."""
    merged: list[pa.Array | bytes] = [b""]
    for piece in pieces:
        last = merged[-1]
        if isinstance(piece, bytes) and isinstance(last, bytes):
            merged[-1] = last + piece
        else:
            merged.append(piece)
    if all(isinstance(piece, bytes) for piece in merged):
        return [pa.array([b"".join(merged)] * rows, pa.binary())]  # type: ignore[arg-type]
    return [pa.scalar(piece) if isinstance(piece, bytes) else piece for piece in merged]


def _content(lines: pa.Array) -> bytes:
    """The bytes of all values of a fresh binary array, one behind the other."""
    end = np.frombuffer(lines.buffers()[1], np.int32)[len(lines)]
    return lines.buffers()[2][: int(end)].to_pybytes()


def _encoded(layout: ExportLayout, column: ExportColumn, cells: pa.Array) -> pa.Array | bytes:
    """The bytes of cells that fit, as they stand between separators; bytes when every cell is the same."""
    if not pa.types.is_dictionary(cells.type):
        if column.type in _ASCII_GRAMMAR and pc.all(pc.string_is_ascii(cells)).as_py():
            padded = pc.ascii_rpad(cells, column.width) if layout.format == "fixed_width" else cells
            return padded.cast(pa.binary())
        cells = cells.dictionary_encode()
    used = set(cells.indices.unique().to_pylist())
    values = [
        _cell(layout, column, value) if code in used else b"" for code, value in enumerate(cells.dictionary.to_pylist())
    ]
    return values[0] if len(values) == 1 else pa.array(values, pa.binary()).take(cells.indices)


def _cell(layout: ExportLayout, column: ExportColumn, value: str) -> bytes:
    if layout.quote == "always":
        value = value.replace('"', '""')
    encoded = _bytes(layout, value)
    return encoded.ljust(column.width) if layout.format == "fixed_width" else encoded


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
