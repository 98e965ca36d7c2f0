"""Cuts accepted files into chunks of whole lines: many small files together, a big file in pieces, memory stays bounded."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from jobs.ingest.byte_lines import LF
from jobs.ingest.delivered_file import open_delivered

CHUNK_BYTES = 32 * 1024 * 1024


@dataclass
class Piece:
    """Some whole lines of one file inside a chunk."""

    file: int  # position of the file in the feed's list
    first_line: int  # number of its first line in the file, from 1
    lines: int


@dataclass
class Chunk:
    """Bytes that end with a line end, and which lines belong to which file."""

    data: np.ndarray
    pieces: list[Piece] = field(default_factory=list)

    @property
    def lines(self) -> int:
        """Number of lines."""
        return sum(piece.lines for piece in self.pieces)

    def file_of_line(self) -> np.ndarray:
        """File position of every line."""
        return np.repeat([piece.file for piece in self.pieces], [piece.lines for piece in self.pieces]).astype(np.int32)

    def line_numbers(self) -> np.ndarray:
        """Number of every line in its file, from 1."""
        parts = [np.arange(p.first_line, p.first_line + p.lines, dtype=np.int32) for p in self.pieces]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)


def chunks_of(paths: Sequence[Path], chunk_bytes: int = CHUNK_BYTES) -> Iterator[Chunk]:
    """Chunks of about `chunk_bytes` over the files in their order; a last line without line end counts as a line."""
    parts: list[bytes] = []
    pieces: list[Piece] = []
    size = 0
    for position, path in enumerate(paths):
        for first_line, content in _cut(path, chunk_bytes):
            if size and size + len(content) > chunk_bytes:
                yield _chunk(parts, pieces)
                parts, pieces, size = [], [], 0
            parts.append(content)
            pieces.append(Piece(position, first_line, content.count(b"\n")))
            size += len(content)
    if parts:
        yield _chunk(parts, pieces)


def _chunk(parts: list[bytes], pieces: list[Piece]) -> Chunk:
    return Chunk(np.frombuffer(b"".join(parts), dtype=np.uint8), pieces)


def _cut(path: Path, chunk_bytes: int) -> Iterator[tuple[int, bytes]]:
    """(number of the first line, bytes) of pieces of a file, each ending with a line end."""
    with open_delivered(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > chunk_bytes:
            yield from _cut_large(file, size, chunk_bytes)
        elif content := file.read():
            yield 1, _ended(content)


def _cut_large(file: BinaryIO, size: int, chunk_bytes: int) -> Iterator[tuple[int, bytes]]:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at, line = 0, 1
        while at < size:
            stop = min(at + chunk_bytes, size)
            cut = size if stop == size else content.rfind(b"\n", at, stop) + 1
            if cut <= at:  # one line longer than a chunk: take it whole
                cut = content.find(b"\n", stop) + 1 or size
            piece = _ended(content[at:cut])
            yield line, piece
            line += piece.count(b"\n")
            at = cut


def _ended(content: bytes) -> bytes:
    return content if content[-1] == LF else content + b"\n"
