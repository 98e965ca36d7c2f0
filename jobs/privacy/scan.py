"""Proof of an erasure: every file below home and in the archive is read, packed ones too; where a value still stands is told."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from conf.settings import Settings
from jobs.privacy.blanking import Patterns

OF_THE_SOURCES = ("answer_key", "simulator_state")  # the generated operator's own books, which no pipeline wrote
PART_BYTES = 16 * 1024 * 1024
_NO_TEXT = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_temporal)
OVERLAP_BYTES = 1024  # longer than any value: one that lies across two parts is seen whole


def places(settings: Settings, patterns: Patterns, numbers: list[str]) -> list[str]:
    """Files, relative to home, in which a value of the person stands; `numbers` are looked for in columns of integers."""
    roots = [settings.home, *([archive] if (archive := settings.retention.landing.archive) else [])]
    whole = pa.array([int(number) for number in numbers], pa.int64())
    return sorted(
        str(path.relative_to(root) if root == settings.home else path)
        for root in roots
        for path in root.rglob("*")
        if path.is_file()
        and not path.is_symlink()
        and not _is_the_sources(root, path)
        and _stands_in(path, patterns, whole)
    )


def _is_the_sources(root: Path, path: Path) -> bool:
    return path.relative_to(root).parts[0] in OF_THE_SOURCES


def _stands_in(path: Path, patterns: Patterns, numbers: pa.Array) -> bool:
    try:
        if path.suffix == ".parquet":
            return _in_columns(path, patterns, numbers)
        return any(patterns.finds(part) for part in _parts(path))
    except FileNotFoundError:  # gone meanwhile
        return False


def _parts(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        before = b""
        while part := file.read(PART_BYTES):
            yield before + part
            before = part[-OVERLAP_BYTES:]


def _in_columns(path: Path, patterns: Patterns, numbers: pa.Array) -> bool:
    columns = (column for batch in pq.ParquetFile(path).iter_batches() for column in batch.columns)
    return any(_in_column(column, patterns, numbers) for column in columns)


def _in_column(column: pa.Array, patterns: Patterns, numbers: pa.Array) -> bool:
    if pa.types.is_int64(column.type):
        return bool(pc.any(pc.is_in(column, numbers)).as_py())
    if any(is_kind(column.type) for is_kind in _NO_TEXT):
        return False
    return patterns.finds(b"\n".join(map(_as_bytes, column.to_pylist())))


def _as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
