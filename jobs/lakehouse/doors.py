"""Who may open which folder of a home: the modes of new ones, the umask of our processes, and no job behind an open door.

| place | mode | with a group of `doors` in the settings |
|---|---|---|
| the home, and all that is not named below | 0700 | 2750 of the readers' group |
| lake/vault, secrets, answer_key, simulator_state | 0700 | |
| landing | 0700 | 2770 of the landing group |
| exports/<CHANNEL> | 0700, files 0600 | 2750 of the channel's group, files 0640 |

A group of landing or of a channel has to pass the folders above its own, and is no reader: the home (0701 or 2751) and
exports (0711) then let everybody pass who knows a name, and list nothing; what is behind the name has its own mode.
"""

from __future__ import annotations

import grp
import os
from dataclasses import dataclass
from pathlib import Path

from conf.channels import load_channels
from conf.errors import ClosedLoopError, ConfigError, HomeUnusable
from conf.settings import SETTINGS_FILE, DoorSettings, Settings

EXPORTS = "exports"
CLOSED, PASS = 0o700, 0o001
READ_BY_GROUP, WRITTEN_BY_GROUP = 0o2750, 0o2770  # 2000: what is made inside belongs to the folder's group
FILE_FOR_GROUP = 0o640
GROUP_BITS, OTHER_BITS, ALL_BITS = 0o070, 0o007, 0o777
ONLY_WHEN_THERE = ("answer_key", "simulator_state")


class DoorOpen(ClosedLoopError):
    """A folder with personal data may be opened by more people than the settings say."""


@dataclass(frozen=True)
class Door:
    """A folder, the most its mode may allow, and the group that is meant: None is no group, or with group bits any."""

    path: Path
    mode: int
    group: str | None = None

    @property
    def gid(self) -> int:
        """Number of the group; -1, as chown wants it, when none is meant."""
        return -1 if self.group is None else grp.getgrnam(self.group).gr_gid

    @property
    def is_open(self) -> bool:
        """Whether the folder is there and allows more than it may."""
        try:
            found = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        is_others_group = self.group is not None and found.st_gid != self.gid
        return bool(found.st_mode & ALL_BITS & ~self.mode or (found.st_mode & GROUP_BITS and is_others_group))

    def words(self) -> str:
        """Found and wanted."""
        found = self.path.stat()
        mode, group = found.st_mode & ALL_BITS, _group_name(found.st_gid)
        return f"{self.path}: found {mode:o}{_of(group)}, wanted at most {self.mode & ALL_BITS:o}{_of(self.group)}"

    def remedy(self) -> str:
        """The command that closes it."""
        chgrp = f"chgrp {self.group} {self.path} && " if self.group else ""
        return f"{chgrp}chmod {self.path.stat().st_mode & self.mode & ALL_BITS:o} {self.path}"

    def make(self) -> None:
        """Make the folder, or let in the group that the settings name where it is still shut out; an open one stays as it is."""
        try:
            self.path.mkdir(parents=True)
        except FileExistsError:
            if self.is_open or not (self.group or self.mode & OTHER_BITS):
                return
        found = self.path.stat()
        if self.group and found.st_gid != self.gid:
            _give(self.path, self.gid, self.group)
        if found.st_mode & (ALL_BITS | 0o2000) != self.mode:
            self.path.chmod(self.mode)


def keep(settings: Settings) -> None:
    """At the start of every process of ours: nothing it writes is for others, and the folders of a new home are made right.

    Raises ConfigError for a group or channel that does not exist, HomeUnusable when the folders cannot be made.
    """
    os.umask(umask_of(settings))
    try:
        for door in _always(settings):
            door.make()
    except OSError as error:
        raise HomeUnusable(settings.home, f"{error.filename}: {error.strerror or type(error).__name__}") from None


def umask_of(settings: Settings) -> int:
    """Bits no file of ours gets: those of others, and of the group unless one may read."""
    return 0o027 if settings.doors.readers_group else 0o077


def require_closed(settings: Settings) -> None:
    """At the start of every job: a folder that more people could open than the settings say is refused, never mended in silence.

    Raises DoorOpen, which names every such folder.
    """
    open_ones = [door for door in _all(settings) if door.is_open]
    if open_ones:
        places = "\n".join(f"  {door.words()}" for door in open_ones)
        remedies = "\n          ".join(door.remedy() for door in open_ones)
        raise DoorOpen(
            f"home {settings.home}: {len(open_ones)} folder(s) stand open\n{places}\n"
            f"  to do:  {remedies}\n          and ask who could read there until now"
        )


def export_folder(settings: Settings, channel_code: str) -> Path:
    """The folder of a channel's lists, open to the channel's group only."""
    door = _channel(settings, channel_code)
    door.make()
    return door.path


def file_for_its_folder(path: Path, folder: Path) -> None:
    """Let a finished file be read by whom its folder lets in, before it is moved there."""
    found = folder.stat()
    if found.st_mode & GROUP_BITS:
        _give(path, found.st_gid, _group_name(found.st_gid))
        path.chmod(FILE_FOR_GROUP)


def _always(settings: Settings) -> list[Door]:
    given = _checked(settings)
    passing = PASS if given.landing_group or given.export_groups else 0
    home = READ_BY_GROUP if given.readers_group else CLOSED
    return [
        Door(settings.home, home | passing, given.readers_group),
        Door(settings.path("secrets"), CLOSED),
        Door(settings.path("lake", "vault"), CLOSED),
        Door(settings.path("landing"), WRITTEN_BY_GROUP if given.landing_group else CLOSED, given.landing_group),
        Door(settings.path(EXPORTS), CLOSED | (0o011 if given.export_groups else 0)),
    ]


def _all(settings: Settings) -> list[Door]:
    """Those, and what of a home is there: the channels' folders, the simulator's, and the rest where others may pass the home."""
    doors = _always(settings) + [Door(settings.path(name), CLOSED) for name in ONLY_WHEN_THERE]
    doors += [_channel(settings, name) for name in _folders(settings.path(EXPORTS))]
    if doors[0].mode & PASS:
        known = {door.path for door in doors}
        rest = [settings.path(name) for name in _folders(settings.home)]
        doors += [Door(path, WRITTEN_BY_GROUP) for path in rest if path not in known]
    return doors


def _channel(settings: Settings, channel_code: str) -> Door:
    group = settings.doors.export_groups.get(channel_code)
    return Door(settings.path(EXPORTS, channel_code), READ_BY_GROUP if group else CLOSED, group)


def _folders(folder: Path) -> list[str]:
    """Names of the folders in a folder; links are not ours to judge."""
    try:
        return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []


def _checked(settings: Settings) -> DoorSettings:
    given = settings.doors
    unknown = sorted(set(given.export_groups) - set(load_channels()))
    if unknown:
        raise ConfigError(SETTINGS_FILE, "doors.export_groups", unknown[0], f"one of: {', '.join(load_channels())}")
    named = {"readers_group": given.readers_group, "landing_group": given.landing_group}
    named |= {f"export_groups.{channel}": group for channel, group in given.export_groups.items()}
    for key, group in named.items():
        if group is not None and _is_unknown(group):
            raise ConfigError(SETTINGS_FILE, f"doors.{key}", group, "a group of this machine (getent group)")
    return given


def _is_unknown(group: str) -> bool:
    try:
        grp.getgrnam(group)
    except KeyError:
        return True
    return False


def _give(path: Path, gid: int, group: str) -> None:
    try:
        os.chown(path, -1, gid)
    except PermissionError:
        raise ConfigError(
            SETTINGS_FILE,
            "doors",
            f"group {group}, to which this user cannot give {path}",
            f"the pipeline's user as a member of it (as root: usermod -aG {group} USER), or the folder as its own",
        ) from None


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _of(group: str | None) -> str:
    return f" of group {group}" if group else ""
