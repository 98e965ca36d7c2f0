"""Servers as processes of their own group: started once, remembered by id and start time, stopped exactly."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from conf.errors import ClosedLoopError

STOP_SECONDS = 20
KILL_ROUNDS = 10


class ServerFailed(ClosedLoopError):
    """A server did not come up, or its port is taken."""


@dataclass(frozen=True)
class Server:
    """A process we started: name, process id and the instant it was created (a reused id is not ours)."""

    name: str
    pid: int
    created: float

    def process(self) -> psutil.Process | None:
        """The living process, or None when it is gone or its id belongs to somebody else now."""
        try:
            process = psutil.Process(self.pid)
            is_alive = process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if is_alive and not self.is_number_reused() else None

    def is_number_reused(self) -> bool:
        """Whether a process with our number was created at another instant."""
        try:
            return abs(psutil.Process(self.pid).create_time() - self.created) >= 1
        except psutil.NoSuchProcess:
            return False


def _record(folder: Path, name: str) -> Path:
    return folder / f"server-{name}.json"


def find(folder: Path, name: str) -> Server | None:
    """The server of that name if it is running."""
    server = _recorded(folder, name)
    return server if server and server.process() else None


def _recorded(folder: Path, name: str) -> Server | None:
    try:
        return Server(**json.loads(_record(folder, name).read_text()))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None


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
    server = Server(name, child.pid, psutil.Process(child.pid).create_time())
    _record(folder, name).write_text(json.dumps(server.__dict__))
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
    if server.is_number_reused():
        return []
    members = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == server.pid and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess, PermissionError):
            continue
    return members


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


def wait_until(check, seconds: float, what: str, log: Path, server: Server | None = None) -> float:
    """Poll until `check` is true; a server that dies or a passed limit is an error that names the log. Returns seconds."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        if check():
            return time.monotonic() - begun
        if server is not None and server.process() is None:
            raise ServerFailed(f"{what} stopped while starting; its last words are in {log}")
        time.sleep(0.5)
    raise ServerFailed(f"{what} was not ready after {seconds:.0f} s; see {log}")
