"""A real Spark server: what a killed client left running ends when the next client comes."""

from __future__ import annotations

import socket
import subprocess
import sys
import time

import psutil
import pytest

from jobs.lakehouse import server
from jobs.lakehouse.orphans import end_orphans, new_session_address

ENDLESS = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.remote(sys.argv[1]).getOrCreate()
print("connected", flush=True)
spark.sql("SELECT sum(pmod(id, 7)) FROM range(4000000000000)").collect()
"""
NOTING = """
import sys, time
from pathlib import Path
from conf.settings import load_settings
from jobs.lakehouse.orphans import new_session_address
settings = load_settings("demo", sys.argv[1])
spark = settings.spark.model_copy(update={"remote": sys.argv[2]})
sys.argv[1] = new_session_address(settings.model_copy(update={"spark": spark}))
"""


@pytest.fixture
def served(settings):
    """Settings of a home with a server of its own on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    update = {"port": port, "remote": f"sc://127.0.0.1:{port}", "driver_memory": "1g"}
    with_port = settings.model_copy(update={"spark": settings.spark.model_copy(update=update)})
    server.start(with_port)
    yield with_port
    server.stop(with_port)


def _cpu_seconds(pid: int, during: float = 3.0) -> float:
    leader = psutil.Process(pid)

    def used() -> float:
        return sum(sum(process.cpu_times()[:2]) for process in [leader, *leader.children(recursive=True)])

    before = used()
    time.sleep(during)
    return used() - before


def test_work_of_a_killed_client_ends_when_the_next_one_comes(served):
    pid = server.status(served).pid
    command = [sys.executable, "-c", NOTING + ENDLESS, str(served.home), str(served.spark.remote)]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=served.root)
    assert client.stdout.readline() == "connected\n"
    time.sleep(3)
    client.kill()
    client.wait()
    assert _cpu_seconds(pid) > 0.3, "floor: the server works on for nobody"

    assert end_orphans(served) == 1

    time.sleep(1)
    assert _cpu_seconds(pid) < 0.3
    assert end_orphans(served) == 0


def test_session_of_a_living_client_is_left_alone(settings):
    address = new_session_address(
        settings.model_copy(update={"spark": settings.spark.model_copy(update={"remote": "sc://127.0.0.1:1"})})
    )

    assert "session_id=" in address
    assert end_orphans(settings) == 0
    assert len(list(settings.path("run", "spark-sessions").glob("*.json"))) == 1
