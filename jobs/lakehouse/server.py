"""Starts, stops and checks the one Spark Connect server, the only process that writes silver, gold and report tables."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from conf.errors import AlreadyRunning, ServerUnavailable
from conf.files import modified_at, write_whole
from conf.settings import SPARK_TOKEN_VARIABLE, Settings
from jobs.lakehouse import ledger
from jobs.lakehouse.doors import umask_of
from jobs.lakehouse.patience import Patience
from jobs.lakehouse.process_mark import ProcessMark, cpu_seconds
from jobs.lakehouse.session import session_conf, static_conf
from jobs.lakehouse.spark_door import token

SERVER_CLASS = "org.apache.spark.sql.connect.service.SparkConnectServer"
STOP_PATIENCE_SECONDS = 30
START_CPU_SECONDS = 900  # work beyond this is no sign of coming up


@dataclass(frozen=True)
class ServerStatus:
    """Whether the server runs, under which process id, and whether its port answers."""

    running: bool
    pid: int | None
    answers: bool
    address: str


def start(settings: Settings, tell: Callable[[str], None] = lambda text: None) -> ServerStatus:
    """Start the server in a process group of its own and wait until it answers; a second start is refused at once."""
    if settings.spark.remote and not settings.spark.is_our_server:
        raise ServerUnavailable(
            f"the Spark server {settings.spark.remote} is run by others\n  to do:  ask them to start it"
        )
    folder = settings.path("run")
    for needed in (folder, settings.path("logs"), settings.path("lake"), settings.path("metastore")):
        needed.mkdir(parents=True, exist_ok=True)
    lock = FileLock(str(folder / "spark-server.lock"))
    try:
        lock.acquire(timeout=2)
    except Timeout:
        raise AlreadyRunning(
            "a Spark server is being started by another process\n  to do:  wait for it, then closedloop serve status"
        ) from None
    try:
        _refuse_second(settings)
        ledger.ensure_tables(settings)
        shutil.rmtree(settings.path("run", "tmp"), ignore_errors=True)  # what a killed server left
        process = _launch(settings)
        write_whole(_record(settings), json.dumps(ProcessMark.of(process.pid).as_note()))
        _wait_until_it_answers(settings, process, tell)
    finally:
        lock.release()
    return status(settings)


def stop(settings: Settings) -> bool:
    """Stop the server and everything it started; returns whether there was one."""
    pid = recorded_pid(settings)
    if pid is None:
        _record(settings).unlink(missing_ok=True)
        return False
    _signal_group(pid, signal.SIGTERM)
    if not _gone(pid, STOP_PATIENCE_SECONDS):
        _signal_group(pid, signal.SIGKILL)
        _gone(pid, 5)
    _record(settings).unlink(missing_ok=True)
    return True


def status(settings: Settings) -> ServerStatus:
    """What is known about the server of this home, in well under a second."""
    pid = recorded_pid(settings)
    is_others = settings.spark.remote and not settings.spark.is_our_server
    address = f"{settings.spark.remote}, run by others" if is_others else f"localhost:{settings.spark.port}"
    return ServerStatus(pid is not None, pid, _port_answers(settings), address)


def ensure_running(settings: Settings, tell: Callable[[str], None] = lambda text: None) -> ServerStatus:
    """Start the server unless it runs already; one still starting is waited for, one that hangs is stopped and started anew."""
    found = status(settings)
    if found.running and (found.answers or _comes_up(settings, tell)):
        return status(settings)
    stop(settings)  # what hangs, or a dead one's remains
    return start(settings, tell)


def _comes_up(settings: Settings, tell: Callable[[str], None]) -> bool:
    """Wait for a server somebody else started, as a run that was killed meanwhile; False when it ends or never answers."""
    begun, patience = time.monotonic(), _patience(settings)
    while (pid := recorded_pid(settings)) and not patience.saw(_signs_of_start(settings, pid)):
        if _port_answers(settings) and _connects(settings):
            return True
        tell(f"waiting for the Spark server that is starting already, {time.monotonic() - begun:.0f} s")
        time.sleep(1)
    return False


def _refuse_second(settings: Settings) -> None:
    found = status(settings)
    if found.running:
        raise AlreadyRunning(
            f"a Spark server runs already: process {found.pid} at {found.address}\n  to do:  use it, or closedloop serve stop"
        )
    if found.answers:
        raise AlreadyRunning(
            f"port {settings.spark.port} is taken by a process that is not this home's server ({settings.home})\n"
            "  to do:  stop that process, or set spark.port and spark.remote in the profile"
        )


def _launch(settings: Settings) -> subprocess.Popen:
    import pyspark

    home = Path(pyspark.__file__).parent
    environment = {
        **os.environ, "SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": str(settings.path("run", "spark-local")),
        SPARK_TOKEN_VARIABLE: token(settings),
    }  # fmt: skip
    command = [
        str(home / "bin" / "spark-submit"),
        "--class",
        SERVER_CLASS,
        "--name",
        "closedloop",
        "--master",
        settings.spark.master,
    ]
    confs = {
        **static_conf(settings), **session_conf(settings),
        "spark.connect.grpc.binding.address": "127.0.0.1", "spark.connect.grpc.binding.port": str(settings.spark.port),
        "spark.connect.grpc.maxInboundMessageSize": str(256 * 1024 * 1024),
    }  # fmt: skip
    for key, value in confs.items():
        command += ["--conf", f"{key}={value}"]
    command.append("spark-internal")
    with (settings.path("logs") / "spark-server.log").open("ab") as log_file:
        return subprocess.Popen(
            command, stdout=log_file, stderr=log_file, stdin=subprocess.DEVNULL, env=environment,
            cwd=settings.path("run"), start_new_session=True, umask=umask_of(settings),
        )  # fmt: skip


def _wait_until_it_answers(settings: Settings, process: subprocess.Popen, tell: Callable[[str], None]) -> None:
    begun, patience = time.monotonic(), _patience(settings)
    while not patience.saw(_signs_of_start(settings, process.pid)):
        if process.poll() is not None:
            _record(settings).unlink(missing_ok=True)
            raise ServerUnavailable(
                f"the Spark server ended at once (exit code {process.returncode})\n{_log_tail(settings)}"
            )
        if _port_answers(settings) and _connects(settings):
            return
        tell(f"waiting for the Spark server, {time.monotonic() - begun:.0f} s")
        time.sleep(1)
    stop(settings)
    raise ServerUnavailable(
        f"the Spark server does not answer, and nothing has moved for {patience.silence_seconds:.0f} s\n{_log_tail(settings)}"
    )


def _patience(settings: Settings) -> Patience:
    return Patience(settings.services.silence_seconds)


def _signs_of_start(settings: Settings, pid: int) -> tuple[int, int]:
    """What moves while the server comes up: lines in its log and seconds of processor time, up to a limit of work."""
    log = settings.path("logs", "spark-server.log")
    return log.stat().st_size if log.exists() else 0, min(cpu_seconds(pid), START_CPU_SECONDS)


def _connects(settings: Settings) -> bool:
    """A real query through a client of its own; the port alone may be open before the server can work."""
    code = (
        "import sys; from pyspark.sql import SparkSession; "
        "s = SparkSession.builder.remote(sys.argv[1]).getOrCreate(); s.sql('SELECT 1').collect()"
    )
    command = [sys.executable, "-c", code, f"sc://localhost:{settings.spark.port}"]
    environment = {**os.environ, SPARK_TOKEN_VARIABLE: token(settings)}
    try:
        return subprocess.run(command, capture_output=True, timeout=90, check=False, env=environment).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _port_answers(settings: Settings) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", settings.spark.port)) == 0


def _record(settings: Settings) -> Path:
    return settings.path("run", "spark-server.json")


def recorded_pid(settings: Settings) -> int | None:
    """Process id of the living server; None after kill -9, or when the id now belongs to somebody else."""
    try:
        mark = ProcessMark.read(json.loads(_record(settings).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError):
        return None
    return mark.pid if mark.process() else None


def started_at(settings: Settings) -> float | None:
    """When the server that was never stopped since was started, in seconds since 1970; None without one, living or dead."""
    return modified_at(_record(settings))


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return


def _gone(pid: int, patience_seconds: float) -> bool:
    """Wait until nothing of the server's process group lives any more."""
    begun = time.monotonic()
    while time.monotonic() - begun < patience_seconds:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        if not any(_lives_in_group(process, pid) for process in psutil.process_iter()):
            return True
        time.sleep(0.2)
    return False


def _lives_in_group(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.Error):
        return False


def _log_tail(settings: Settings, lines: int = 12) -> str:
    path = settings.path("logs", "spark-server.log")
    if not path.is_file():
        return ""
    tail = path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
    return f"  last lines of {path}:\n    " + "\n    ".join(tail)
