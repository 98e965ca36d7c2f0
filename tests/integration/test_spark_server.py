"""A real Spark server: who has no token is refused, and what a killed client left running ends when the next one comes."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import psutil
import pytest
from pyspark.errors import PySparkException
from pyspark.sql.connect.client import SparkConnectClient

from conf.settings import SPARK_TOKEN_VARIABLE
from jobs.lakehouse import server
from jobs.lakehouse.orphans import end_orphans, new_session_address
from jobs.lakehouse.process_mark import session_members
from jobs.lakehouse.session import _reason, get_session
from jobs.lakehouse.spark_door import token

ENDLESS = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.remote(sys.argv[1]).getOrCreate()
print("connected", flush=True)
spark.sql("SELECT sum(pmod(id, 7)) FROM range(4000000000000)").collect()
"""
NOTING = """
import sys
from conf.settings import load_settings
from jobs.lakehouse.orphans import new_session_address
settings = load_settings("demo", sys.argv[1])
spark = settings.spark.model_copy(update={"remote": sys.argv[2]})
sys.argv[1] = new_session_address(settings.model_copy(update={"spark": spark}))
"""
# A session of its own process: beside the classic one of other tests there can be none.
DOUBLING = """
import sys
from pathlib import Path
from conf.settings import load_settings
from jobs.lakehouse import worker_code
from jobs.lakehouse.session import get_session
from types import SimpleNamespace
home, remote, here, whose = sys.argv[1:]
settings = load_settings("demo", home)
spark = settings.spark.model_copy(update={"remote": remote, "port": int(remote.rpartition(":")[2])})
settings = settings.model_copy(update={"spark": spark})
sys.path.insert(0, here)
import only_here
worker_code.PACKAGES, worker_code.ROOT = ("only_here",), Path(here)
session = get_session(settings, "test")
worker_code.bring_code(session, SimpleNamespace(spark=SimpleNamespace(is_our_server=whose == "ours"), path=settings.path))
print(*sorted(row.id for row in session.range(3).mapInArrow(only_here.double, "id long").collect()))
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Settings of a home with a server of its own on a free port."""
    from tests.conftest import settings_for_tests

    settings = settings_for_tests(tmp_path_factory.mktemp("served"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    update = {"port": port, "remote": f"sc://localhost:{port}", "driver_memory": "1g"}
    with_port = settings.model_copy(update={"spark": settings.spark.model_copy(update=update)})
    server.start(with_port)
    yield with_port
    server.stop(with_port)


def test_workers_of_a_server_elsewhere_get_our_code_with_the_session(served, tmp_path):
    (tmp_path / "only_here").mkdir()
    (tmp_path / "only_here" / "__init__.py").write_text(
        "def double(batches):\n    import pyarrow as pa\n    for batch in batches:\n"
        "        yield pa.RecordBatch.from_pydict({'id': [2 * each for each in batch.to_pydict()['id']]})\n"
    )

    def doubled(whose: str) -> subprocess.CompletedProcess:
        words = [sys.executable, "-c", DOUBLING, str(served.home), str(served.spark.remote), str(tmp_path), whose]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    assert "No module named 'only_here'" in doubled("ours").stderr  # this client has it, the server's workers do not
    assert doubled("elsewhere").stdout.split() == ["0", "2", "4"]


@pytest.mark.parametrize(("given", "is_served"), [("ours", True), (None, False), ("f" * 64, False)])
def test_who_has_the_token_is_served_and_nobody_else(served, monkeypatch, given, is_served):
    monkeypatch.delenv(SPARK_TOKEN_VARIABLE, raising=False)
    if given:
        monkeypatch.setenv(SPARK_TOKEN_VARIABLE, token(served) if given == "ours" else given)
    client = SparkConnectClient(str(served.spark.remote))

    if is_served:
        assert client.get_configs("spark.authenticate") == ("true",)
    else:
        with pytest.raises(PySparkException, match="UNAUTHENTICATED") as refused:
            client.get_configs("spark.authenticate")
        assert "another token" in _reason(refused.value)
    client.close()


def test_token_stands_in_no_process_list_and_no_log(served):
    secret, members = token(served), session_members(server.status(served).pid)
    lines = [Path(f"/proc/{process.pid}/cmdline").read_bytes() for process in members]

    assert any(b"SparkConnectServer" in line for line in lines), "floor: the server is among them"
    assert len(secret) == 64
    assert not [line for line in lines if secret.encode() in line]
    assert secret not in served.path("logs", "spark-server.log").read_text(encoding="utf-8")
    assert served.path("secrets", "spark.token").stat().st_mode & 0o777 == 0o600


def test_inner_ports_of_the_driver_ask_for_a_secret_too(served):
    connections = psutil.Process(server.status(served).pid).net_connections("tcp")
    inner = {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN} - {served.spark.port}

    assert len(inner) >= 2, "floor: RPC and block manager"
    for port in inner:
        assert b"Expected SaslMessage" in _answer_to_a_stranger(port)


def _answer_to_a_stranger(port: int) -> bytes:
    """What a Spark port says to a request that begins with no handshake (message type 3: a remote call)."""
    call = struct.pack(">BqI", 3, 1, 4) + b"ping"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(struct.pack(">q", 8 + len(call)) + call)
        return connection.recv(4096)


def _answer(settings) -> int:
    session = get_session(settings, "test")
    try:
        return session.sql("SELECT 6 * 7").collect()[0][0]
    finally:
        session.stop()


def test_job_brings_the_token_itself(served, monkeypatch):
    monkeypatch.delenv(SPARK_TOKEN_VARIABLE, raising=False)

    # In a process of its own: this one may hold the tests' classic session, and a process has one kind.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        assert fresh.submit(_answer, served).result() == 42
    end_orphans(served)  # its process is gone, its note is not


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
    environment = {**os.environ, SPARK_TOKEN_VARIABLE: token(served)}
    client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=served.root, env=environment)
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
        settings.model_copy(update={"spark": settings.spark.model_copy(update={"remote": "sc://localhost:1"})})
    )

    assert "session_id=" in address
    assert end_orphans(settings) == 0
    assert len(list(settings.path("run", "spark-sessions").glob("*.json"))) == 1
