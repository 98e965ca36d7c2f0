"""Opens what a sender put into landing: plain files only, never through a link, never waiting for a pipe."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

PLAIN_FILE = "a plain file"
_KINDS = {
    stat.S_IFREG: PLAIN_FILE,
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class NotAPlainFile(OSError):
    """What stands under a name is no file of its own; `strerror` says what it is."""

    def __init__(self, path: Path, mode: int):
        super().__init__(0, f"it is {kind_of(mode)}, no plain file", str(path))


def kind_of(mode: int) -> str:
    """What a directory entry is, in words."""
    return _KINDS.get(stat.S_IFMT(mode), "nothing known")


def open_delivered(path: Path) -> BinaryIO:
    """A delivered file, to be read as bytes; NotAPlainFile for anything else, OSError when it cannot be read.

    Looked at before it is opened, as opening a device may do something, and again after, as it may have been changed for
    another. The folder of a source may be a link, a file may not.
    """
    _require_plain(path, os.lstat(path).st_mode)
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _require_plain(path, os.fstat(handle).st_mode)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def _require_plain(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise NotAPlainFile(path, mode)
