"""Servers as processes of their own group: started once, remembered by id and start, stopped exactly."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from conf.errors import ClosedLoopError
from conf.files import modified_at, write_whole
from jobs.lakehouse.patience import Patience
from jobs.lakehouse.process_mark import ProcessMark, cpu_seconds, session_members

STOP_SECONDS = 20
KILL_ROUNDS = 10
CPU_LIMIT_SECONDS = 900  # a server that has worked this long and does not answer will not


class ServerFailed(ClosedLoopError):
    """A server did not come up, or its port is taken."""


@dataclass(frozen=True)
class Server(ProcessMark):
    """A process we started, by name: leader of a session of its own."""

    name: str


def _record(folder: Path, name: str) -> Path:
    return folder / f"server-{name}.json"


def started_at(folder: Path, name: str) -> float | None:
    """When a server that was never stopped since was started, in seconds since 1970; None without one, living or dead."""
    return modified_at(_record(folder, name))


def find(folder: Path, name: str) -> Server | None:
    """The server of that name if it is running."""
    server = _recorded(folder, name)
    return server if server and server.process() else None


def _recorded(folder: Path, name: str) -> Server | None:
    try:
        note = json.loads(_record(folder, name).read_text(encoding="utf-8"))
        return _named(ProcessMark.read(note), name)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _named(mark: ProcessMark, name: str) -> Server:
    return Server(mark.pid, mark.start, name)


def start(folder: Path, name: str, command: list[str], env: dict[str, str], log: Path, cwd: Path) -> Server:
    """Start a server in a session of its own; one that runs already is returned as it is."""
    running = find(folder, name)
    if running:
        return running
    folder.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    server = _named(ProcessMark.of(child.pid), name)
    write_whole(_record(folder, name), json.dumps(server.as_note()))
    return server


def stop(folder: Path, name: str) -> bool:
    """Stop a server with every process of its session; True when there was one."""
    server = _recorded(folder, name)
    was_running = server is not None and _end_session(server)
    _record(folder, name).unlink(missing_ok=True)
    return was_running


def _end_session(server: Server) -> bool:
    """Ask every process of the session to end, also of one whose leader is gone; then kill what is left, until none is."""
    members = _session_members(server)
    _signal_all(members, signal.SIGTERM)
    psutil.wait_procs(members, timeout=STOP_SECONDS)
    for _ in range(KILL_ROUNDS):  # a process may fork while it is being killed
        alive = _session_members(server)
        if not alive:
            break
        _signal_all(alive, signal.SIGKILL)
        psutil.wait_procs(alive, timeout=5)
    return bool(members)


def _session_members(server: Server) -> list[psutil.Process]:
    """Living processes of the server's session; none when its number belongs to somebody else now."""
    return [] if server.is_number_reused else session_members(server.pid)


def _signal_all(members: list[psutil.Process], number: int) -> None:
    for process in members:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


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


def wait_until(
    check: Callable[[], bool], silence_seconds: float, what: str, log: Path, server: Server | None = None
) -> float:
    """Poll until `check` is true; returns the seconds it took.

    A server that dies is an error that names the log, and so is one that stands still: no line in its log and no second
    of processor time for `silence_seconds`, or CPU_LIMIT_SECONDS of its own work without being ready.
    """
    begun, patience = time.monotonic(), Patience(silence_seconds)
    while not check():
        if server is not None and server.process() is None:
            raise ServerFailed(f"{what} stopped while starting; its last words are in {log}")
        worked = cpu_seconds(server.pid) if server else 0
        if worked > CPU_LIMIT_SECONDS:
            raise ServerFailed(f"{what} is not ready after {worked} s of its own work; see {log}")
        if patience.saw((worked, log.stat().st_size if log.exists() else 0)):
            raise ServerFailed(f"{what} is not ready, and nothing has moved for {silence_seconds:.0f} s; see {log}")
        time.sleep(0.5)
    return time.monotonic() - begun
