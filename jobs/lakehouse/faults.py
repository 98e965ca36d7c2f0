"""Named fault points: with CLOSEDLOOP_FAULT=<name> the process dies there as by kill -9 (<name>:server kills the Spark server)."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from conf.files import write_whole
from conf.settings import load_settings

VARIABLE = "CLOSEDLOOP_FAULT"


def point(name: str) -> None:
    """Die here when the fault of this name is armed; otherwise do nothing.

    A file named by CLOSEDLOOP_FAULT_ONCE is created before dying and disarms the fault on the next run.
    """
    armed = os.environ.get(VARIABLE)
    if not armed:
        return
    wanted, _, victim = armed.partition(":")
    if wanted != name or _already_fired():
        return
    if victim == "server":
        _kill_server()
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _already_fired() -> bool:
    marker = os.environ.get(VARIABLE + "_ONCE")
    if not marker:
        return False
    if Path(marker).exists():
        return True
    write_whole(Path(marker), "fired\n")
    return False


def _kill_server() -> None:
    from jobs.lakehouse import server

    server.process(load_settings()).kill()
