"""Forgets a home: says what goes, asks, and removes it with the database that lies outside of it."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

from conf.errors import ClosedLoopError
from conf.settings import Settings
from jobs.servers import postgres_server

LEAST_PARTS = 3  # as /srv/closedloop


class NotToBeRemoved(ClosedLoopError):
    """The folder to forget holds more than a home."""


def what_goes(settings: Settings) -> list[str]:
    """Everything a reset removes, in words; empty when the home holds nothing but logs.

    Raises NotToBeRemoved for a folder of the system, a person's home, or one that holds the project itself.
    """
    home = settings.home
    people = {Path(person.pw_dir) for person in pwd.getpwall()}
    if len(home.parts) < LEAST_PARTS or home in people or settings.root.is_relative_to(home):
        raise NotToBeRemoved(
            f"home {home}\n  found:  a folder that holds more than closedloop's data\n  wanted: one of its own\n"
            "  to do:  remove by hand what is to go"
        )
    names = sorted(entry.name for entry in home.iterdir()) if home.exists() else []
    if not any(path.is_file() for name in names if name not in ("logs", "run") for path in (home / name).rglob("*")):
        return []
    data = settings.path(postgres_server.LINK)
    outside = [f"{data.readlink().parent}: its database"] if data.is_symlink() else []
    keys = ["with the keys (secrets), without which no token of a backup can be read"] if "secrets" in names else []
    return [f"{home}: {', '.join(names)}", *keys, *outside]


def forget(settings: Settings) -> None:
    """Remove the home's content and its database, and the folder itself unless it is a mount."""
    postgres_server.remove(settings)
    for entry in os.scandir(settings.home):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
    if not os.path.ismount(settings.home):
        settings.home.rmdir()
