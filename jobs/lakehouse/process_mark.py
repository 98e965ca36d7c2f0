"""Remembers a process by id and start time: an id that was given to another process is not ours."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass

import psutil

SAME_INSTANT_SECONDS = 1.0


@dataclass(frozen=True)
class ProcessMark:
    """A process by its id and the instant it was created, in seconds since 1970."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int | None = None) -> ProcessMark:
        """The mark of a living process, of this one when no id is given."""
        number = os.getpid() if pid is None else pid
        return cls(number, psutil.Process(number).create_time())

    @classmethod
    def read(cls, note: dict) -> ProcessMark:
        """The mark in a note written by `as_note`."""
        return cls(int(note["pid"]), float(note["created"]))

    def as_note(self) -> dict[str, float]:
        """Plain values for a file."""
        return asdict(self)

    def process(self, within_seconds: float = SAME_INSTANT_SECONDS) -> psutil.Process | None:
        """The living process; None when it has ended, is only waiting to be reaped, or its id is somebody else's now."""
        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.created) < within_seconds
            return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    @property
    def is_number_reused(self) -> bool:
        """Whether a process with our id was created at another instant."""
        try:
            return abs(psutil.Process(self.pid).create_time() - self.created) >= SAME_INSTANT_SECONDS
        except psutil.NoSuchProcess:
            return False
