"""Keeps the logs of the servers short: what grew beyond `logs.max_bytes` moves to <name>.1, older parts to .2 and on.

A running server goes on writing into the same file, which it holds open to append: so the file is copied and emptied,
never renamed. What it writes in the instant between copy and emptying is lost, some lines at most.
"""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

from filelock import FileLock, Timeout

from conf.files import whole_file
from conf.settings import Settings

log = logging.getLogger(__name__)

NOT_APPENDED = {"derby.log"}  # Derby begins it anew at each start


def cut_long_logs(settings: Settings) -> list[str]:
    """Cut the servers' logs that have grown too long; returns their names. A disk that refuses is told, and harms nothing else."""
    folder = settings.path("logs")
    cut: list[str] = []
    try:
        if not _long(folder, settings.logs.max_bytes):
            return cut
        with FileLock(str(folder / "cut.lock"), timeout=0):
            for file in _long(folder, settings.logs.max_bytes):
                _cut(file, settings.logs.kept_files)
                cut.append(file.name)
    except Timeout:  # another process is at it
        pass
    except OSError as error:
        log.warning("a server's log could not be cut: %s: %s", folder, error.strerror or type(error).__name__)
    return cut


def _long(folder: Path, max_bytes: int) -> list[Path]:
    files = [file for file in sorted(folder.glob("*.log")) if file.name not in NOT_APPENDED and not file.is_symlink()]
    return [file for file in files if file.is_file() and file.stat().st_size > max_bytes]


def _cut(file: Path, kept: int) -> None:
    """Shift the older parts by one, the oldest leaves; copy the file beside them and empty it."""
    for number in range(kept - 1, 0, -1):
        part = _part(file, number)
        if part.exists():
            part.replace(_part(file, number + 1))
    with whole_file(_part(file, 1)) as partial, file.open("rb+") as source, partial.open("wb") as copy:
        os.fchmod(copy.fileno(), os.fstat(source.fileno()).st_mode & 0o777)
        shutil.copyfileobj(source, copy)
        source.truncate(0)


def _part(file: Path, number: int) -> Path:
    return file.with_name(f"{file.name}.{number}")
