"""Writes a file whole or not at all: a reader sees the old content or the new, never half of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".part"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; it becomes `path` when the block ends well and is removed when it does not.

    The folder is made when it is missing. Two processes that write one file at once do not meet: the last one counts.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes | str) -> None:
    """Put bytes, or text as UTF-8, into a file in one step."""
    with whole_file(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def modified_at(path: Path) -> float | None:
    """When a file was written last, in seconds since 1970; None when there is none."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None
