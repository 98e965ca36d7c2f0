"""One run of one stage for a range of business dates: its id, its lock, its log lines."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from conf.dates import DateRange
from conf.errors import AlreadyRunning
from conf.files import write_whole
from conf.settings import Settings
from jobs.lakehouse import pins
from jobs.lakehouse.logs import fact

log = logging.getLogger("closedloop")
LOCK_PATIENCE_SECONDS = 2.0
_HELD: set[tuple[Path, str]] = set()


def _new_run_id() -> str:
    return uuid.uuid4().hex[:12]


@dataclass(frozen=True)
class Run:
    """Names one run; the id goes to commit metadata and ops tables, never into silver, gold or report rows."""

    stage: str
    dates: DateRange
    settings: Settings
    run_id: str = field(default_factory=_new_run_id)

    @property
    def business_date(self) -> object:
        """The last date of the range: the night this run belongs to."""
        return self.dates.last

    def fact(self, event: str, **facts: object) -> None:
        """Log one fact of this run under an upper-case event."""
        known = {"stage": self.stage, "dates": str(self.dates), "run_id": self.run_id}
        fact(log, logging.INFO, event, {**known, **facts})


@contextmanager
def exclusive(settings: Settings, stage: str, between_keys: bool = False) -> Iterator[None]:
    """Hold the lock of a stage; a second holder is refused within seconds and told who the first one is.

    One lock a stage and not a stage and date: two dates of one stage write the same tables. Refused as well while a change of
    the token key is not at its end, but for that change itself (`between_keys`).
    """
    folder = settings.path("run", "locks")
    if (folder, stage) in _HELD:  # a job started by one that holds the lock already
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    lock_file = folder / f"stage-{stage}.lock"
    holder_file = folder / f"stage-{stage}.holder"
    lock = FileLock(str(lock_file))
    try:
        lock.acquire(timeout=LOCK_PATIENCE_SECONDS)
    except Timeout:
        raise AlreadyRunning(
            f"stage '{stage}' is running already ({_read(holder_file)})\n"
            "  to do:  wait for it to end, or stop that process; its lock goes with it"
        ) from None
    try:
        if not between_keys:
            pins.require_none(settings)
        write_whole(holder_file, f"process {os.getpid()}")
        _HELD.add((folder, stage))
        yield
    finally:
        _HELD.discard((folder, stage))
        lock.release()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return "holder unknown"
