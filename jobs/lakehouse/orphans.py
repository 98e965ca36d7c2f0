"""Ends the work of clients that died: the server would go on writing beside the run that repeats it."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from uuid import uuid4

import psutil

from conf.settings import Settings

log = logging.getLogger(__name__)


def new_session_address(settings: Settings) -> str:
    """Address of a session of our own on the Connect server, noted so that whoever comes after our death can end it."""
    session_id = str(uuid4())
    me = psutil.Process()
    folder = _folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    note = {"pid": me.pid, "created": me.create_time(), "session_id": session_id}
    file = folder / f"{me.pid}-{session_id}.json"
    unfinished = file.with_suffix(".part")  # another client may be reading the notes just now
    unfinished.write_text(json.dumps(note), encoding="utf-8")
    unfinished.replace(file)
    return _address(settings, session_id)


def end_orphans(settings: Settings) -> int:
    """Interrupt and release the sessions of dead processes; returns how many there were."""
    ended = 0
    for file in sorted(_folder(settings).glob("*.json")):
        note = _read(file)
        if note is None or _lives(note):
            continue
        _end(_address(settings, note["session_id"]))
        file.unlink(missing_ok=True)
        ended += 1
    return ended


def _read(file: Path) -> dict | None:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:  # another client has ended that session meanwhile
        return None


def _folder(settings: Settings) -> Path:
    return settings.path("run", "spark-sessions")


def _address(settings: Settings, session_id: str) -> str:
    base = str(settings.spark.remote).rstrip("/")
    return f"{base}{';' if '/;' in base else '/;'}session_id={session_id}"


def _lives(note: dict) -> bool:
    try:
        process = psutil.Process(note["pid"])
        same = abs(process.create_time() - note["created"]) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _end(address: str) -> None:
    from pyspark.errors import PySparkException
    from pyspark.sql.connect.client import SparkConnectClient
    from pyspark.sql.connect.client.retries import DefaultPolicy

    client = SparkConnectClient(address)
    client.set_retry_policies([DefaultPolicy(max_retries=4)])
    try:
        client.interrupt_all()
        client.release_session()
    except (PySparkException, OSError, RuntimeError) as error:  # ended properly before, or the server is a new one
        log.debug("session of a dead client was gone already: %s", type(error).__name__)
    finally:
        client.close()
