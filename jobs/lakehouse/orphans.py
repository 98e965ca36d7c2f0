"""Ends the work of clients that died: the server would go on writing beside the run that repeats it."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from uuid import uuid4

from conf.files import write_whole
from conf.settings import Settings
from jobs.lakehouse.process_mark import ProcessMark
from jobs.lakehouse.spark_door import bring_token

log = logging.getLogger(__name__)


def new_session_address(settings: Settings) -> str:
    """Address of a session of our own on the Connect server, noted so that whoever comes after our death can end it."""
    session_id = str(uuid4())
    me = ProcessMark.of()
    note = {**me.as_note(), "session_id": session_id}
    write_whole(_folder(settings) / f"{me.pid}-{session_id}.json", json.dumps(note))  # others may be reading the notes
    return _address(settings, session_id)


def end_orphans(settings: Settings) -> int:
    """Interrupt and release the sessions of dead processes; returns how many there were."""
    ended = 0
    for file in sorted(_folder(settings).glob("*.json")):
        note = _read(file)
        if note is None or ProcessMark.read(note).process():
            continue
        bring_token(settings)
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
