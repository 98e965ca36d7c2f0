"""Keys and passwords: one file each below secrets/ of the home, or in a folder of the operator's (conf/secret_files.py).

They are made whole, readable by their owner only. A file or folder that others may read is refused, never mended in silence: whoever could read it may have.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from conf.errors import InputRefused
from conf.files import write_private
from conf.secret_files import FOLDER, given_folders, read_secret, secret_file
from conf.settings import Settings

KEY_BYTES = 32


def secret(settings: Settings, name: str, make: Callable[[], str]) -> str:
    """Text of secrets/<name>; made once, and then the one of whoever was first counts.

    Raises InputRefused when the file or its folder may be read by others, or the file is empty.
    """
    path = _path(settings, name)
    if not path.exists():
        _write(path, make(), is_kept=True)
    return read_secret(path)


def known_secret(settings: Settings, name: str) -> str | None:
    """The same for one that is not to be made here; None when there is none."""
    path = _path(settings, name)
    return read_secret(path) if path.exists() else None


def replace_secret(settings: Settings, name: str, text: str) -> Path:
    """Put another text in the place of secrets/<name>, in one step; returns the file."""
    path = _path(settings, name)
    _write(path, text, is_kept=False)
    return path


def remove_secret(settings: Settings, name: str) -> None:
    """Take secrets/<name> away, when it is there."""
    (settings.path(FOLDER, name)).unlink(missing_ok=True)


def key(settings: Settings, name: str) -> bytes:
    """Key of 32 bytes in secrets/<name>.key, made once."""
    text = secret(settings, f"{name}.key", new_key)
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != KEY_BYTES:
        raise InputRefused(
            f"{_path(settings, name)}.key: found no key of {KEY_BYTES} bytes, wanted {2 * KEY_BYTES} hexadecimal digits\n"
            "  to do:  bring the file back from the backup; a new key would not read what is there"
        )
    return found


def new_key() -> str:
    """A new key as its file holds it."""
    return secrets.token_hex(KEY_BYTES)


def _path(settings: Settings, name: str) -> Path:
    return secret_file(settings.home, name)


def _write(path: Path, text: str, is_kept: bool) -> None:
    if path.parent in given_folders():
        raise InputRefused(
            f"{path}: found a secret somebody else keeps there, wanted one below home to replace\n  to do:  replace it there"
        )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(path, text + "\n", is_kept)
