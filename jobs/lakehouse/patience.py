"""Waits as long as something moves: a limit is on silence, never on work that makes progress."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path

from conf.settings import Settings

# Where a stage shows that it works: rows, what Spark shuffles, models, lists, its own log.
WORK_PLACES = ("lake", "run/spark-local", "landing", "mlflow", "exports", "reports", "logs/closedloop")


class Patience:
    """Runs out once no sign has changed for `silence_seconds`; a slow machine is waited for, a stopped one is not."""

    def __init__(self, silence_seconds: float, clock: Callable[[], float] = time.monotonic):
        self.silence_seconds, self._clock = silence_seconds, clock
        self._sign: Hashable = None
        self._since = clock()

    def saw(self, sign: Hashable) -> bool:
        """Take note of a sign of progress; returns whether the silence has lasted too long."""
        if sign != self._sign:
            self._sign, self._since = sign, self._clock()
        return self.silent_seconds >= self.silence_seconds

    @property
    def silent_seconds(self) -> float:
        """Seconds since a sign changed."""
        return self._clock() - self._since


class Rarely:
    """A sign that costs something to read, read again only after `every_seconds`."""

    def __init__(
        self, read: Callable[[], Hashable], every_seconds: float = 60, clock: Callable[[], float] = time.monotonic
    ):
        self._read, self._every, self._clock = read, every_seconds, clock
        self._sign, self._due = read(), clock() + every_seconds

    def __call__(self) -> Hashable:
        """The sign as last read."""
        if self._clock() >= self._due:
            self._sign, self._due = self._read(), self._clock() + self._every
        return self._sign


def signs_of_work(settings: Settings) -> tuple[int, int]:
    """Number and bytes of the files a running stage writes below home: they move while it works."""
    sizes = [found.st_size for found in _written(settings)]
    return len(sizes), sum(sizes)


def last_change(settings: Settings) -> float:
    """When a file of a stage's work was written last, in seconds since 1970; 0 when there is none."""
    return max((found.st_mtime for found in _written(settings)), default=0.0)


def _written(settings: Settings) -> Iterator[os.stat_result]:
    for place in WORK_PLACES:
        yield from _files_below(settings.path(*place.split("/")))


def _files_below(folder: Path) -> Iterator[os.stat_result]:
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):  # Spark clears its folders while we look
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(Path(entry.path))
        else:
            try:
                yield entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
