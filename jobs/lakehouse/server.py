"""Starts, stops and checks the one Spark Connect server, the only process that writes silver, gold and report tables."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from conf.errors import AlreadyRunning, ServerUnavailable
from conf.settings import SPARK_TOKEN_VARIABLE, Settings
from jobs.lakehouse import delta_rs
from jobs.lakehouse.doors import umask_of
from jobs.lakehouse.managed_process import ManagedProcess, ServerFailed
from jobs.lakehouse.process_mark import ProcessMark
from jobs.lakehouse.session import session_conf, static_conf
from jobs.lakehouse.spark_door import token

SERVER_CLASS = "org.apache.spark.sql.connect.service.SparkConnectServer"
POLL_SECONDS = 1.0
GRACE_SECONDS = 30.0  # to end its queries and hooks


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
        delta_rs.ensure_tables(settings)
        shutil.rmtree(settings.path("run", "tmp"), ignore_errors=True)  # what a killed server left
        started = _launch(settings)
        try:
            _wait_until_it_works(settings, started, tell)
        except ServerFailed:
            process(settings).stop()
            raise
    finally:
        lock.release()
    return status(settings)


def stop(settings: Settings) -> bool:
    """Stop the server and everything it started; returns whether there was one."""
    return process(settings).stop()


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
    try:
        _wait_until_it_works(settings, None, tell)
        return True
    except ServerFailed:
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


def _launch(settings: Settings) -> ProcessMark:
    import pyspark

    home = Path(pyspark.__file__).parent
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(settings.path("run", "spark-local")),
        SPARK_TOKEN_VARIABLE: token(settings),
    }
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
        **static_conf(settings),
        **session_conf(settings),
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(settings.spark.port),
        "spark.connect.grpc.maxInboundMessageSize": str(256 * 1024 * 1024),
    }
    for key, value in confs.items():
        command += ["--conf", f"{key}={value}"]
    command.append("spark-internal")
    return process(settings).start(command, env=environment, cwd=settings.path("run"), umask=umask_of(settings))


def _wait_until_it_works(settings: Settings, started: ProcessMark | None, tell: Callable[[str], None]) -> None:
    """Until it answers a query; ServerFailed when it ends, or nothing moves in it."""
    process(settings).wait_until(
        lambda: _port_answers(settings) and _connects(settings),
        settings.services.silence_seconds,
        started,
        tell,
        POLL_SECONDS,
    )


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


def process(settings: Settings) -> ManagedProcess:
    """The Spark server of this home as a process."""
    return ManagedProcess(
        "the Spark server",
        settings.path("run", "spark-server.json"),
        settings.path("logs", "spark-server.log"),
        grace_seconds=GRACE_SECONDS,
    )


def recorded_pid(settings: Settings) -> int | None:
    """Process id of the living server; None after kill -9, or when the id now belongs to somebody else."""
    mark = process(settings).found()
    return mark.pid if mark else None


def started_at(settings: Settings) -> float | None:
    """When the server that was never stopped since was started, in seconds since 1970; None without one, living or dead."""
    return process(settings).started_at
