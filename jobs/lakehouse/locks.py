"""Locks between the processes of one home: whoever waits says so, and waits as long as the other works."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger("closedloop")

SAY_SECONDS = 60.0


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock of that file; the system frees it when its holder dies, so waiting needs no limit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(str(path))
    _acquire(lock, path)
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, path: Path) -> None:
    waited = 0.0
    while True:
        try:
            lock.acquire(timeout=SAY_SECONDS)
            return
        except Timeout:
            waited += SAY_SECONDS
            log.warning("waiting for another process to free %s, %.0f s so far", path.name, waited)
