"""Folders of secrets and the one way a secret file is read: others may not be able to, or it is refused, never mended in silence.

The first folder that holds a file counts: $CLOSEDLOOP_SECRETS_DIR, $CREDENTIALS_DIRECTORY (systemd), then secrets/ below home.
"""

from __future__ import annotations

import os
from pathlib import Path

from conf.errors import InputRefused

FOLDER = "secrets"
VARIABLES = ("CLOSEDLOOP_SECRETS_DIR", "CREDENTIALS_DIRECTORY")


def given_folders() -> list[Path]:
    """Folders of secrets the environment names, the first of them first."""
    return [Path(os.environ[name]).absolute() for name in VARIABLES if os.environ.get(name)]


def secret_file(home: Path, name: str) -> Path:
    """Where a secret lies: in the first folder that holds it, else (to be made) below home."""
    return next((folder / name for folder in given_folders() if (folder / name).is_file()), home / FOLDER / name)


def read_secret(path: Path) -> str:
    """Text of a secret file; InputRefused when others may read it or its folder, or when it is empty."""
    for place, mode in ((path.parent, "700"), (path, "600")):
        found = place.stat().st_mode & 0o777
        if found & 0o077:
            raise InputRefused(
                f"{place}: found permissions {found:o}, wanted {mode}\n  to do:  chmod {mode} {place}; others could read it"
            )
    text = path.read_text(encoding="utf-8").strip()
    if not text:
        raise InputRefused(f"{path}: found an empty file, wanted a secret\n  to do:  bring it back from the backup")
    return text
