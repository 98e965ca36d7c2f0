"""Everything a file holds, in blocks a scan can look through: text as it is, packed files unpacked, Parquet by all its columns."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zstandard

BLOCK_BYTES = 8 * 1024 * 1024
DEEPEST = 3  # packed files in packed files
_PARQUET, _SQLITE, _ZIP = b"PAR1", b"SQLite format 3\x00", b"PK\x03\x04"
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, zstandard.ZstdError, RuntimeError)
_ESCAPED = re.compile(rb"(?:\\u[0-9a-fA-F]{4})+")


@dataclass
class Block:
    """Bytes, or the distinct numbers of a column; the first `seen` bytes stood in the block before too."""

    place: str  # inside the file: a column, a member; empty for the file itself
    text: bytes = b""
    numbers: np.ndarray | None = None
    seen: int = 0


def blocks_of_file(path: Path, overlap: int) -> Iterator[Block]:
    """All blocks of a plain file; `overlap`: bytes a block repeats of the one before."""
    with path.open("rb") as file:
        head = file.read(16)
        file.seek(0)
        if head.startswith(_PARQUET):
            try:
                yield from _of_parquet(file)
                return
            except (pa.ArrowException, OSError):  # half written: its bytes are looked at
                file.seek(0)
        if head.startswith(_SQLITE):
            yield from _of_sqlite(path)
        yield from blocks_of_stream(file, overlap)


def blocks_of_stream(file: BinaryIO, overlap: int, place: str = "", depth: int = 0) -> Iterator[Block]:
    """The bytes themselves and, when they are packed, what they unpack to."""
    head = file.read(16)
    file.seek(0)
    kept = b""
    while part := file.read(BLOCK_BYTES):
        text = kept + part
        yield Block(place, text, seen=len(kept))
        for other in rewritten(text):
            yield Block(f"{place} (escaped)".strip(), other)
        kept = text[-overlap:]
    if depth < DEEPEST:
        try:
            for name, unpacked in _unpacked(file, head):
                yield from blocks_of_stream(unpacked, overlap, f"{place} {name}".strip(), depth + 1)
        except _BROKEN:  # cut off, or only begins like a packed file: its bytes were looked at
            return


def rewritten(text: bytes) -> Iterator[bytes]:
    """The same text without escapes, for each kind of escape it has: of JSON, of web addresses."""
    if b"\\u" in text:
        yield _ESCAPED.sub(lambda run: _from_utf16(run[0].replace(b"\\u", b"")), text)
    if b"%E" in text or b"%e" in text:
        yield unquote_to_bytes(text)


def _from_utf16(digits: bytes) -> bytes:
    return bytes.fromhex(digits.decode()).decode("utf-16-be", "replace").encode("utf-8", "replace")


def _unpacked(file: BinaryIO, head: bytes) -> Iterator[tuple[str, Any]]:
    file.seek(0)
    if head.startswith(b"\x1f\x8b"):
        yield "unpacked", gzip.GzipFile(fileobj=file, mode="rb")
    elif head.startswith(b"BZh"):
        yield "unpacked", bz2.BZ2File(file)
    elif head.startswith(b"\xfd7zXZ\x00"):
        yield "unpacked", lzma.LZMAFile(file)  # noqa: SIM115
    elif head.startswith(b"\x28\xb5\x2f\xfd"):
        yield "unpacked", io.BytesIO(zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read())
    elif head.startswith(_ZIP):
        with zipfile.ZipFile(file) as packed:
            for number, name in enumerate(packed.namelist(), start=1):
                yield f"member {number}", packed.open(name)


def _of_parquet(file: BinaryIO) -> Iterator[Block]:
    parquet = pq.ParquetFile(file)
    for key, value in (parquet.metadata.metadata or {}).items():
        yield Block("footer", key + b"\n" + value)
    for batch in parquet.iter_batches(batch_size=262_144):
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            yield from blocks_of_column(name, column)


def blocks_of_column(name: str, column: pa.Array) -> Iterator[Block]:
    """Distinct values of a column, of a nested one those of each part."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        yield from blocks_of_column(name, column.dictionary)
    elif pa.types.is_struct(kind):
        for field, part in zip(kind, column.flatten(), strict=True):
            yield from blocks_of_column(f"{name}.{field.name}", part)
    elif pa.types.is_map(kind):
        yield from blocks_of_column(f"{name}.key", column.keys)
        yield from blocks_of_column(f"{name}.value", column.items)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        yield from blocks_of_column(f"{name}[]", column.flatten())
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        yield Block(name, numbers=_whole_numbers(column))
    elif pa.types.is_decimal(kind):
        yield from blocks_of_column(name, column.cast(pa.string()))
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or _is_binary(kind):
        text = _lines(column)
        yield Block(name, text)
        for other in rewritten(text):
            yield Block(name, other)


def _is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)


def _whole_numbers(column: pa.Array) -> np.ndarray:
    values = column.unique().drop_null().to_numpy(zero_copy_only=False)
    if values.dtype.kind == "f":
        values = values[np.isfinite(values) & (np.abs(values) < 2.0**53) & (values == np.floor(values))]
    elif values.dtype == np.uint64:
        values = values[values < 2**63]
    return values.astype(np.int64)


def _lines(column: pa.Array) -> bytes:
    values = column.unique().drop_null().cast(pa.large_binary())
    if len(values) == 0:
        return b""
    whole = pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), values)
    return pc.binary_join(whole, pa.scalar(b"\n", pa.large_binary()))[0].as_py()


def _of_sqlite(path: Path) -> Iterator[Block]:
    """Every row of every table: a long value stands in pieces in the file itself."""
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            database.text_factory = bytes
            tables = [
                row[0].decode() for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            for table in tables:
                rows = database.execute('SELECT * FROM "{}"'.format(table.replace('"', '""')))
                while some := rows.fetchmany(10_000):
                    yield Block(
                        f"table {table}", b"\n".join(_cell(cell) for row in some for cell in row if cell is not None)
                    )
    except sqlite3.DatabaseError:  # no database, or one being written: its bytes are looked at all the same
        return


def _cell(cell: Any) -> bytes:
    return cell if isinstance(cell, bytes) else str(cell).encode()
