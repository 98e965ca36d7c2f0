"""What an operator owns: a folder that mirrors conf/, whose files are laid over the delivered ones entry by entry.

Mappings are merged by key, lists of entries by the entry's id (ID_KEYS), anything else is replaced. A campaign of the
operator's own is a new file under campaigns/. A file that mirrors nothing is refused, so that no figure is lost in silence.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from conf.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent  # of what is delivered: the checkout, or where the wheel was unpacked
# Where relative paths of the settings start: the checkout, else the current folder, never the installed package.
BASE = ROOT if (ROOT / "pyproject.toml").is_file() else Path.cwd()
CONF = ROOT / "conf"
PROFILES = CONF / "profiles"
OPERATOR_VARIABLE = "CLOSEDLOOP_CONF"
PROFILE_VARIABLE = "CLOSEDLOOP_PROFILE"
DEFAULT_PROFILE = "demo"
# What names an entry of a list; the first that every entry of both lists has.
ID_KEYS = ("channel_code", "offer_id", "wave_no", "prod_id", "kpi", "tag_id", "status_code", "number", "name")
FOLDERS_OF_WHOLE_FILES = ("campaigns",)
# Not business data: settings differ by profile, operator.yaml is the synthetic operator the simulator plays.
NEVER_OVERLAID = ("settings.yaml", "operator.yaml")
NEVER_OVERLAID_FOLDERS = ("profiles", "operators")


def chosen_folder(operator_of_profile: Callable[[Path], str | None]) -> Path | None:
    """The operator's folder by the environment ($CLOSEDLOOP_CONF, else the profile's `operator`), checked."""
    given = os.environ.get(OPERATOR_VARIABLE)
    if given:
        return checked_folder(given, f"${OPERATOR_VARIABLE}")
    profile = PROFILES / f"{os.environ.get(PROFILE_VARIABLE) or DEFAULT_PROFILE}.yaml"
    named = operator_of_profile(profile)
    return checked_folder(named, str(profile)) if named else None


@cache
def checked_folder(given: str, named_in: str) -> Path:
    """The folder, below BASE or a delivered one; ConfigError when there is none, or a file in it mirrors none of conf/."""
    found = [place for place in (BASE / Path(given), ROOT / Path(given)) if place.is_dir()]
    if not found:
        raise ConfigError(named_in, "operator", given, "a folder that mirrors conf/")
    folder = found[0].resolve()
    for file in sorted(path for path in folder.rglob("*") if path.suffix in (".yaml", ".yml")):
        _require_mirror(file, file.relative_to(folder))
    return folder


def _require_mirror(file: Path, place: Path) -> None:
    is_own = len(place.parts) == 2 and place.parts[0] in FOLDERS_OF_WHOLE_FILES and place.suffix == ".yaml"
    is_closed = str(place) in NEVER_OVERLAID or place.parts[0] in NEVER_OVERLAID_FOLDERS
    if is_closed or not (is_own or (CONF / place).is_file()):
        others = sorted(path.name for path in (CONF / place.parent).glob("*.yaml") if path.name not in NEVER_OVERLAID)
        wanted = f"the name of a file of conf/ an operator may change: {', '.join(others) or 'channels.yaml'}"
        raise ConfigError(file, "(file)", f"{place}, which mirrors none", wanted)


def file_over(path: Path, folder: Path | None) -> Path | None:
    """The operator's file of the same name and place as a delivered one, if there is one."""
    if folder is None or not path.is_relative_to(CONF):
        return None
    own = folder / path.relative_to(CONF)
    return own if own.is_file() and own != path else None


def files_of(delivered: Path, folder: Path | None, pattern: str) -> list[Path]:
    """Files of a folder and, below conf/, those the operator adds to it, in the order of their names."""
    found = sorted(delivered.glob(pattern))
    if folder is not None and delivered.is_relative_to(CONF):
        names = {path.name for path in found}
        found += [path for path in (folder / delivered.relative_to(CONF)).glob(pattern) if path.name not in names]
    return sorted(found, key=lambda path: (path.parent.name, path.name))


def merge(base: Any, own: Any) -> Any:
    """Lay the operator's entries over the delivered ones: mappings by key, lists of entries by id, else the operator's value."""
    if isinstance(base, dict) and isinstance(own, dict):
        return base | {key: merge(base[key], value) if key in base else value for key, value in own.items()}
    key = _id_key(base, own)
    if key is None:
        return own
    changes = {entry[key]: entry for entry in own}
    kept = [merge(entry, changes.pop(entry[key], {})) for entry in base]
    return kept + list(changes.values())


def _id_key(base: Any, own: Any) -> str | None:
    """The key by which the entries of both lists are told apart; None when they are no lists of such entries."""
    if not (isinstance(base, list) and isinstance(own, list) and base and own):
        return None
    if not all(isinstance(entry, dict) for entry in [*base, *own]):
        return None
    return next((key for key in ID_KEYS if all(_has_distinct(entries, key) for entries in (base, own))), None)


def _has_distinct(entries: list[dict[str, Any]], key: str) -> bool:
    values = [str(entry[key]) for entry in entries if key in entry]
    return len(values) == len(entries) == len(set(values))


def key_by_id(data: Any, key: str) -> str:
    """Write channels.3.bit as channels.OUTBOUND.bit: places in a merged list say nothing to the owner of one file of it."""
    parts = []
    for part in key.split("."):
        if isinstance(data, list) and part.isdigit() and int(part) < len(data):
            data = data[int(part)]
            named = [data[name] for name in ID_KEYS if isinstance(data, dict) and name in data]
            part = str(named[0]) if named else part
        else:
            data = data.get(part) if isinstance(data, dict) else None
        parts.append(part)
    return ".".join(parts)
