"""Writes a file or folder whole or not at all: a reader sees the old content or the new, never half of it."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".part"
OWNER_ONLY = 0o600


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
        partial.write_bytes(_as_bytes(content))


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """The same for a folder that is not there yet: a name to make it under. When another process is first, its folder counts."""
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        yield partial
        try:
            os.rename(partial, path)
        except OSError:
            if not path.is_dir():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_private(path: Path, content: bytes | str, is_kept: bool = False) -> None:
    """The same for a secret: never for an instant readable by others, on the disk before it appears; `is_kept`: the first one counts."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}{PARTIAL}")
    try:
        write_new(partial, content)
        if is_kept:
            os.link(partial, path)  # fails when another process was first
        else:
            put_in_place(partial, path)
    except FileExistsError:
        pass
    finally:
        partial.unlink(missing_ok=True)


def write_new(path: Path, content: bytes | str) -> None:
    """Write a file nobody else may read and bring it to the disk; FileExistsError when it is there."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "wb") as file:
        file.write(_as_bytes(content))
        file.flush()
        os.fsync(file.fileno())


def put_in_place(partial: Path, target: Path) -> None:
    """Let a finished file appear under its name, in a way that survives a power cut."""
    os.replace(partial, target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make what was renamed or removed in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def modified_at(path: Path) -> float | None:
    """When a file was written last, in seconds since 1970; None when there is none."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None


def _as_bytes(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else content
