"""Processes we start and leave running: each leads a session of its own, is known again by id and start, and stopped exactly."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from conf.errors import ServerUnavailable
from conf.files import modified_at, write_whole
from conf.settings import Settings
from jobs.lakehouse.patience import Patience
from jobs.lakehouse.process_mark import ProcessMark, cpu_seconds

KILL_ROUNDS = 10
CPU_LIMIT_SECONDS = 900  # a server that has worked this long and does not answer will not
LAST_LINES = 12
_children: list[subprocess.Popen[bytes]] = []  # of this process: kept, so that none is left behind unreaped


class ServerFailed(ServerUnavailable):
    """A server did not come up, does not end, or its port is taken."""


@dataclass(frozen=True)
class ManagedProcess:
    """One server of a home: the file that notes its process, its log, and how it is asked to end."""

    name: str
    note: Path
    log: Path
    polite_signal: int = signal.SIGTERM
    grace_seconds: float = 20  # between being asked to end and being killed
    may_be_killed: bool = True

    def start(self, command: list[str], **how: Any) -> ProcessMark:
        """Start it in a session of its own, its output appended to its log; one that runs already is returned as it is.

        `how` goes to Popen: env, cwd, umask, user.
        """
        if running := self.found():
            return running
        self.stop()  # children a dead leader left behind hold its port
        for folder in (self.note.parent, self.log.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, **how
            )
        mark = ProcessMark.of(child.pid)  # before it can be reaped: one that ended at once is told by who waits for it
        _children[:] = [*(earlier for earlier in _children if earlier.poll() is None), child]
        self._remember(mark)
        return mark

    def noted(self) -> ProcessMark | None:
        """The process the note names, living or dead; None without a note that can be read."""
        try:
            return ProcessMark.read(json.loads(self.note.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def found(self) -> ProcessMark | None:
        """The living process; None after kill -9, or when its id is somebody else's now."""
        mark = self.noted()
        return mark if mark and mark.process() else None

    @property
    def started_at(self) -> float | None:
        """When the one that was never stopped since was started, in seconds since 1970; None without one, living or dead."""
        return modified_at(self.note)

    def wait_until(
        self,
        is_ready: Callable[[], bool],
        silence_seconds: float,
        started: ProcessMark | None = None,
        tell: Callable[[str], None] = lambda text: None,
        every_seconds: float = 0.5,
    ) -> float:
        """Poll until it is ready, as long as anything moves in it; returns the seconds it took.

        Raises ServerFailed, with the last lines of the log, when it has ended, when neither its log nor its processor time moved
        for `silence_seconds`, or when it is not ready after CPU_LIMIT_SECONDS of its own work.
        """
        begun, patience = time.monotonic(), Patience(silence_seconds)
        while not is_ready():
            mark = started or self.found()
            if mark is None or mark.process() is None:
                raise self.failure("ended while it was starting")
            worked = int(cpu_seconds(mark.session()))
            if worked > CPU_LIMIT_SECONDS:
                raise self.failure(f"is not ready after {worked} s of its own work")
            if patience.saw((worked, self.log.stat().st_size if self.log.exists() else 0)):
                raise self.failure(f"is not ready, and nothing has moved for {silence_seconds:.0f} s")
            tell(f"waiting for {self.name}, {time.monotonic() - begun:.0f} s")
            time.sleep(every_seconds)
        return time.monotonic() - begun

    def stop(self) -> bool:
        """Ask every process of its session to end, also when its leader is gone, and kill what does not; True when there was one."""
        mark = self.noted()
        members = mark.session() if mark else []
        _signal_all(members, self.polite_signal)
        _, alive = psutil.wait_procs(members, timeout=self.grace_seconds)
        if alive and not self.may_be_killed:
            raise self.failure(f"process {alive[0].pid} does not end")
        self.kill()
        self._forget()
        return bool(members)

    def kill(self) -> None:
        """End every process of its session at once, as kill -9 does."""
        mark = self.noted()
        for _ in range(KILL_ROUNDS):  # a process may fork while it is being killed
            alive = mark.session() if mark else []
            if not alive:
                break
            _signal_all(alive, signal.SIGKILL)
            psutil.wait_procs(alive, timeout=5)

    def failure(self, what: str) -> ServerFailed:
        """The error that says what became of it, with the last lines of its log."""
        return ServerFailed(f"{self.name}: {what}\n{last_lines(self.log)}")

    def _remember(self, mark: ProcessMark) -> None:
        write_whole(self.note, json.dumps({"name": self.name, **mark.as_note()}))

    def _forget(self) -> None:
        self.note.unlink(missing_ok=True)


def server_of(settings: Settings, name: str) -> ManagedProcess:
    """The server of that name of a home."""
    return ManagedProcess(name, settings.path("run", f"server-{name}.json"), settings.path("logs", f"{name}.log"))


def last_lines(log: Path, begin: int = 0) -> str:
    """The last lines of a log behind byte `begin`, as an error shows them."""
    if not log.is_file():
        return f"  {log} is not there"
    with log.open("rb") as file:
        file.seek(max(begin, log.stat().st_size - 8000))
        lines = file.read().decode("utf-8", errors="replace").splitlines()[-LAST_LINES:]
    return f"  last lines of {log}:\n    " + "\n    ".join(lines or ["(it said nothing)"])


def require_free_port(port: int, used_for: str, settings_key: str) -> None:
    """Refuse early, and by name, when somebody else listens on a port we need."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServerFailed(
                f"port {port} on 127.0.0.1 is taken\n  found : another process listens there\n  wanted: a free port for"
                f" {used_for}\n  to do : stop that process, or set {settings_key} in conf/profiles to another port"
            ) from error


def run_to_end(command: list[str], log: Path, **how: Any) -> int:
    """Run a step as a process of its own until it ends, its output appended to a log; returns its exit code."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.run(command, stdout=output, stderr=output, check=False, **how).returncode


def answer_of(command: list[str], **how: Any) -> str | None:
    """What a step says on its standard output; None when it ends with an error."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **how)
    return done.stdout.strip() if done.returncode == 0 else None


def _signal_all(members: list[psutil.Process], number: int) -> None:
    for process in members:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue
