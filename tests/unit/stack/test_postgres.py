"""The embedded Postgres: never root's process, closed to others, and no folder above home, programs or data touched."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import tempfile
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest

from jobs.lakehouse.managed_process import ServerFailed
from jobs.servers import postgres, postgres_server
from tests.builders.other_user import NOBODY, opened_by

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's Postgres lies outside the home")


@pytest.fixture
def closed(settings):
    """Settings of a home in a tree of closed folders; for root the data lies in a folder of its own, as the user nobody."""
    folder = Path(tempfile.mkdtemp(prefix="closedloop-pg-"))  # as pytest's own are too long for a socket
    home = folder / "root" / "clone" / ".run"
    home.mkdir(parents=True, mode=0o700)
    databases = Path(tempfile.mkdtemp(prefix="closedloop-db-"))
    databases.chmod(0o711)
    as_root = settings.services.postgres_as_root.model_copy(update={"user": "nobody", "folder": databases})
    services = settings.services.model_copy(update={"embedded_postgres": True, "postgres_as_root": as_root})
    given = settings.with_home(home).model_copy(update={"services": services})
    yield given
    postgres.stop(given)
    shutil.rmtree(folder)
    shutil.rmtree(databases)


def modes_above(*paths: Path) -> dict[Path, int]:
    return {above: stat.S_IMODE(above.stat().st_mode) for path in paths for above in (path, *path.parents)}


def ask(settings, question: str) -> list:
    data = settings.path("postgres").resolve()
    with closing(postgres_server.connect(data, "mlflow")) as connection, connection, connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchall() if cursor.description else []


def test_postgres_runs_behind_closed_folders_and_opens_none(closed):
    watched = (closed.home, postgres_server._wheel() / "bin", closed.services.postgres_as_root.folder)
    before = modes_above(*watched)

    addresses = postgres.start(closed)

    ask(closed, "CREATE TABLE kept AS SELECT 7 AS number")
    assert modes_above(*watched) == before
    assert stat.S_IMODE(closed.home.stat().st_mode) == 0o700
    assert set(addresses) == {"airflow", "mlflow"}
    with closing(psycopg2.connect(addresses["airflow"].replace("+psycopg2", ""))) as connection:
        assert connection.info.dbname == "airflow"
    process, data = psutil.Process(postgres.running_pid(closed)), closed.path("postgres").resolve()
    wanted = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    assert (process.uids().effective, data.stat().st_uid) == (wanted, wanted)
    assert stat.S_IMODE(data.stat().st_mode) == 0o700

    assert postgres.start(closed) == addresses  # it runs already
    assert postgres.running_pid(closed) == process.pid
    assert (postgres.stop(closed), postgres.is_running(closed), postgres.stop(closed)) == (True, False, False)


@only_root
def test_database_an_older_version_kept_in_roots_home_moves_and_goes_on_working(closed):
    postgres.start(closed)
    ask(closed, "CREATE TABLE kept AS SELECT 7 AS number")
    postgres.stop(closed)
    link = closed.path("postgres")
    data = link.readlink()
    link.unlink()
    shutil.move(data, link)  # as it lay before

    postgres.start(closed)

    assert ask(closed, "SELECT number FROM kept") == [(7,)]
    assert (link.is_symlink(), closed.path("postgres.moved").exists()) == (True, False)
    others = [link.readlink(), *link.readlink().iterdir()]
    assert len(others) > 20
    assert opened_by(NOBODY + 1, others) == []
    outside = link.readlink().parent
    postgres.stop(closed)
    postgres_server.remove(closed)
    assert (os.path.lexists(link), outside.exists()) == (False, False)


@only_root
def test_closed_folder_for_databases_is_refused_and_stays_closed(closed):
    closed.services.postgres_as_root.folder.chmod(0o700)

    with pytest.raises(ServerFailed, match="may pass"):
        postgres.start(closed)

    assert stat.S_IMODE(closed.services.postgres_as_root.folder.stat().st_mode) == 0o700


@only_root
def test_database_that_is_gone_is_told_and_not_begun_anew(closed):
    link = closed.path("postgres")
    link.symlink_to(closed.services.postgres_as_root.folder / "lost" / "data")

    with pytest.raises(ServerFailed, match="which is not there") as refused:
        postgres.start(closed)

    assert f"rm {link}" in str(refused.value)
    link.unlink()
