"""What a step costs: seconds, processor time and memory of this process and all it started, disk its home grew by."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from jobs.lakehouse.process_mark import with_children

SAMPLE_SECONDS = 0.5
MEGABYTE = 1024 * 1024


@dataclass
class Cost:
    """One step of a run: wall and CPU seconds, peak memory and growth of the home in MB, rows it moved."""

    run: str
    step: str
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mb: float = 0.0
    disk_mb: float = 0.0
    rows: int = 0

    def as_row(self) -> dict[str, Any]:
        """Plain values for a file."""
        return {name: round(value, 2) if isinstance(value, float) else value for name, value in asdict(self).items()}


class Meter:
    """Measures steps one after the other; memory is sampled twice a second, over the whole tree of processes."""

    def __init__(self, home: Path):
        self.home, self.costs = home, list[Cost]()
        self._peak_bytes = 0

    @contextmanager
    def step(self, run: str, name: str) -> Iterator[Cost]:
        """Measure what happens inside; the caller sets the rows."""
        cost, ended = Cost(run, name), threading.Event()
        self._peak_bytes = 0
        sampler = threading.Thread(target=self._sample_until, args=(ended,), daemon=True)
        disk, cpu, wall = bytes_below(self.home), cpu_of_tree(), time.perf_counter()
        sampler.start()
        try:
            yield cost
        finally:
            cost.wall_seconds = time.perf_counter() - wall
            cost.cpu_seconds = cpu_of_tree() - cpu
            ended.set()
            sampler.join()
            cost.peak_mb = self._peak_bytes / MEGABYTE
            cost.disk_mb = (bytes_below(self.home) - disk) / MEGABYTE
            self.costs.append(cost)

    def _sample_until(self, ended: threading.Event) -> None:
        while True:
            self._peak_bytes = max(self._peak_bytes, memory_of_tree())
            if ended.wait(SAMPLE_SECONDS):
                return


def cpu_of_tree() -> float:
    """Processor seconds of this process and its children, those that ended and were waited for included."""
    total = 0.0
    for process in with_children(os.getpid()):
        with suppress(psutil.Error):
            used = process.cpu_times()
            total += used.user + used.system + used.children_user + used.children_system
    return total


def memory_of_tree() -> int:
    """Resident bytes of this process and its children; pages that several share count once in each."""
    total = 0
    for process in with_children(os.getpid()):
        with suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def bytes_below(folder: Path) -> int:
    """Bytes on disk of all files below a folder."""
    total, folders = 0, [folder]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total
