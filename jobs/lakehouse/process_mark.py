"""Remembers a process by id and start: an id that was given to another process is not ours, whatever the clock did since."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

PROC = Path("/proc")
START_FIELD = 19  # of /proc/<pid>/stat behind the program's name: field 22, ticks since boot (man 5 proc)
BY_CLOCK = "created:"
SAME_INSTANT_SECONDS = 1.0


@dataclass(frozen=True)
class ProcessMark:
    """A process by its id and its start: boot id and clock ticks since that boot, which no step of the clock moves.

    Where the kernel does not tell them (macOS), and in notes of earlier versions, the instant it was created.
    """

    pid: int
    start: str

    @classmethod
    def of(cls, pid: int | None = None) -> ProcessMark:
        """The mark of a living process, of this one when no id is given; raises psutil.NoSuchProcess."""
        number = os.getpid() if pid is None else pid
        return cls(number, _start_by_ticks(number) or f"{BY_CLOCK}{psutil.Process(number).create_time()}")

    @classmethod
    def read(cls, note: dict) -> ProcessMark:
        """The mark in a note written by `as_note`, of this version or of one that noted the instant."""
        return cls(int(note["pid"]), str(note["start"]) if "start" in note else f"{BY_CLOCK}{float(note['created'])}")

    def as_note(self) -> dict[str, int | str]:
        """Plain values for a file."""
        return asdict(self)

    def process(self) -> psutil.Process | None:
        """The living process; None when it has ended, is only waiting to be reaped, or its id is somebody else's now."""
        try:
            process = psutil.Process(self.pid)
            return process if self._is_start_of(process) and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    @property
    def is_number_reused(self) -> bool:
        """Whether a process with our id was started at another instant."""
        try:
            return not self._is_start_of(psutil.Process(self.pid))
        except psutil.NoSuchProcess:
            return False

    def session(self) -> list[psutil.Process]:
        """Living processes of the session ours leads, or led before it ended; none when its number can be somebody else's."""
        return session_members(self.pid) if self._is_of_this_boot() and not self.is_number_reused else []

    def _is_of_this_boot(self) -> bool:
        if self.start.startswith(BY_CLOCK):
            return float(self.start.removeprefix(BY_CLOCK)) >= psutil.boot_time() - SAME_INSTANT_SECONDS
        return self.start.rpartition(":")[0] == _boot()

    def _is_start_of(self, process: psutil.Process) -> bool:
        if not self.start.startswith(BY_CLOCK):
            found = _start_by_ticks(self.pid)
            if found is None:
                raise psutil.NoSuchProcess(self.pid)
            return found == self.start
        return abs(process.create_time() - float(self.start.removeprefix(BY_CLOCK))) < SAME_INSTANT_SECONDS


def began() -> datetime:
    """When this process was created by the clock of now: for names and screens, never to know it again."""
    return datetime.fromtimestamp(psutil.Process().create_time(), UTC)


def _start_by_ticks(pid: int) -> str | None:
    """Boot id and start ticks of a process; None where the kernel does not tell, or there is no such process."""
    try:
        after_name = (PROC / str(pid) / "stat").read_bytes().rpartition(b") ")[2]
        return f"{_boot()}:{int(after_name.split()[START_FIELD])}"
    except OSError:
        return None


def _boot() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def session_members(leader: int) -> list[psutil.Process]:
    """Living processes of the session a process leads or led."""
    members = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess, PermissionError):
            continue
    return members


def with_children(pid: int) -> list[psutil.Process]:
    """A living process and all it started that are still its children."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """Processor time of living processes so far."""
    total = 0.0
    for process in processes:
        with suppress(psutil.Error):
            used = process.cpu_times()
            total += used.user + used.system
    return total
