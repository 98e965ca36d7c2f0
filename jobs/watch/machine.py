"""What a night needs of its machine: room on the disk, a home that can be written, servers that live, locks behind which work goes on."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from conf.night import load_night
from conf.settings import Settings
from jobs.lakehouse import server as spark_server
from jobs.lakehouse.alerts import now, raise_alert_once
from jobs.lakehouse.hang import IDLE_SHARE, sees_work, worked_seconds
from jobs.lakehouse.managed_process import server_of
from jobs.lakehouse.patience import last_change
from jobs.watch.finding import Finding

BYTES_OF_GB = 1_000_000_000
SAMPLE_SECONDS = 3.0
ASKED = 3  # an answer that fails to come once is no news
STAGE_LOCK = re.compile(r"stage-(.+)\.lock")


@dataclass(frozen=True)
class ServerState:
    """A server of this home: running, dead (started, never stopped, gone) or not started; since when its record stands."""

    name: str
    state: str
    process: int | None
    since: datetime | None


@dataclass(frozen=True)
class Holder:
    """Who holds the lock of a stage, and since when."""

    stage: str
    process: int | None
    since: datetime


def today(settings: Settings) -> date:
    """Today in the operator's zone."""
    return now(settings).date()


def free_gb(settings: Settings) -> float:
    """Free disk where the home lies, or will lie, in gigabytes."""
    place = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    return shutil.disk_usage(place).free / BYTES_OF_GB


def low_disk(settings: Settings) -> list[Finding]:
    """One finding when less is free than `min_free_gb`."""
    free = free_gb(settings)
    if free >= settings.min_free_gb:
        return []
    text = f"free disk at {settings.home}: found {free:.1f} GB, wanted {settings.min_free_gb:g} GB (min_free_gb)"
    return [Finding("DISK_LOW", today(settings), text, same_as="disk")]


def tell_low_disk(settings: Settings) -> None:
    """Before a job: told once a day; the job goes on, because a night that fits is worth more than a refused one."""
    with suppress(OSError):
        for finding in low_disk(settings):
            raise_alert_once(settings, finding.event, finding.business_date, finding.text, finding.same_as)


def home_trouble(settings: Settings) -> list[Finding]:
    """One finding when the home is not there or cannot be read, or can only be read."""
    home = settings.home
    try:
        os.listdir(home)
    except OSError as error:
        text = f"home {home}: {error.strerror}, wanted a folder that can be read and written"
        return [Finding("HOME_UNUSABLE", today(settings), text, same_as="home", is_blind=True)]
    if os.access(home, os.W_OK | os.X_OK) and not os.statvfs(home).f_flag & os.ST_RDONLY:
        return []
    text = f"home {home}: found it read-only, wanted a folder that can be written: the next night cannot work"
    return [Finding("HOME_UNUSABLE", today(settings), text, same_as="home")]


def servers(settings: Settings) -> list[ServerState]:
    """Every server a home can have, as its records and the processes of this machine say."""
    from jobs.servers import airflow_server, postgres

    states = [
        _state("spark", spark_server.started_at(settings), spark_server.recorded_pid(settings)),
        _state("postgres", postgres.started_at(settings), postgres.running_pid(settings)),
    ]
    for name in (*airflow_server.COMPONENTS, "mlflow", "docs"):
        server = server_of(settings, name)
        found = server.found()
        states.append(_state(name, server.started_at, found.pid if found else None))
    return states


def _state(name: str, started_at: float | None, pid: int | None) -> ServerState:
    if started_at is None:
        return ServerState(name, "not started", None, None)
    since = datetime.fromtimestamp(started_at).astimezone()
    return ServerState(name, "dead" if pid is None else "running", pid, since)


def dead_servers(settings: Settings) -> list[Finding]:
    """Servers that were started, never stopped, and are gone."""
    return [
        Finding(
            "SERVER_DEAD" if state.name in load_night().night_needs else "SIDE_SERVER_DEAD",
            today(settings),
            f"{state.name} was started and is gone; its log lies below {settings.path('logs')}",
            f"{state.name} {state.since}",
        )
        for state in servers(settings)
        if state.state == "dead"
    ]


def unwell_airflow(settings: Settings) -> list[Finding]:
    """Airflow runs, long enough to be up, and says that its database, scheduler or DAG processor is not well."""
    from jobs.servers import airflow_server

    api = next(state for state in servers(settings) if state.name == "airflow-api")
    if api.state != "running" or api.since is None:
        return []
    is_starting = now(settings).timestamp() - api.since.timestamp() < settings.services.silence_seconds
    if is_starting or any(_is_healthy_by_now(settings, number) for number in range(ASKED)):
        return []
    text = f"Airflow at {airflow_server.address(settings)}: database, scheduler or DAG processor is not healthy"
    return [Finding("AIRFLOW_UNWELL", today(settings), text, same_as="airflow")]


def _is_healthy_by_now(settings: Settings, number: int) -> bool:
    from jobs.servers import airflow_server

    if number:
        time.sleep(SAMPLE_SECONDS)
    return airflow_server.is_healthy(settings)


def lock_holders(settings: Settings) -> list[Holder]:
    """Stages at work: the locks that are held now, asked without taking or writing anything."""
    return list(_holders(settings))


def _holders(settings: Settings) -> Iterator[Holder]:
    folder = settings.path("run", "locks")
    for lock in sorted(folder.glob("stage-*.lock")):
        if not _is_held(lock):
            continue
        note, zone = lock.with_suffix(".holder"), ZoneInfo(settings.time_zone)
        try:
            said = re.search(r"\d+", note.read_text(encoding="utf-8"))
            since = datetime.fromtimestamp(note.stat().st_mtime, zone)
        except OSError:
            said, since = None, datetime.fromtimestamp(lock.stat().st_mtime, zone)
        yield Holder(lock.stem.removeprefix("stage-"), int(said[0]) if said else None, since)


def _is_held(lock: Path) -> bool:
    handle = os.open(lock, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # gone with the handle; whoever comes meanwhile tries again
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(handle)


def locks_without_work(settings: Settings) -> list[Finding]:
    """Held locks behind which no file changed for services.silence_seconds and no processor time is used."""
    holders = lock_holders(settings)
    silence = settings.services.silence_seconds
    if not holders or not sees_work(settings) or now(settings).timestamp() - last_change(settings) < silence:
        return []
    quiet = [holder for holder in holders if now(settings).timestamp() - holder.since.timestamp() >= silence]
    if not quiet or _is_working({holder.process for holder in quiet}, spark_server.recorded_pid(settings)):
        return []
    return [
        Finding(
            "LOCK_WITHOUT_WORK",
            today(settings),
            f"stage {holder.stage}: process {holder.process} holds its lock since {holder.since:%Y-%m-%d %H:%M}, and nothing has "
            f"moved for {silence} s",
            f"{holder.stage} {holder.process} {holder.since}",
        )
        for holder in quiet
    ]


def _is_working(pids: set[int | None], server: int | None) -> bool:
    before = worked_seconds(*pids, server)
    time.sleep(SAMPLE_SECONDS)
    return worked_seconds(*pids, server) - before > IDLE_SHARE * SAMPLE_SECONDS
