"""What an operator owns: a folder that mirrors conf/ (and sql/, expectations/), laid over the delivered files entry by entry.

Mappings are merged by key, lists of entries by the entry's id (ID_KEYS), anything else is replaced. `!remove` in the place of an
entry, a key or a whole file takes it away, `!replace` before a value puts it in the delivered one's place unmerged. A file of
the operator's own is a new file of a folder. What mirrors nothing is refused, so that no figure is lost in silence.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
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
ID_KEYS = (
    "channel_code",
    "offer_id",
    "wave_no",
    "prod_id",
    "kpi",
    "tag_id",
    "status_code",
    "number",
    "step",
    "campaign_id",
    "code",
    "name",
)
RULE_KEY = "metric"  # rules of a suite have no name: one is told from another by all but its bounds
RULE_BOUNDS = ("min", "max", "severity", "reason", "when_empty")
FOLDERS_OF_WHOLE_FILES = ("campaigns", "channels", "exports", "feeds", "models", "profiles", "services", "tags")
# Not business data: what differs by machine is said in a profile.
NEVER_OVERLAID = ("settings.yaml",)
NEVER_OVERLAID_FOLDERS = ("operators", "schemas")
# Folders beside conf/ an operator's folder mirrors too: contracts with their queries, and suites.
TREES = ("sql", "expectations")
WITHOUT_CONTRACTS = ("work",)  # layer of helper queries


@dataclass(frozen=True)
class Replaced:
    """A value of the operator's that takes the delivered one's place unmerged (`!replace`)."""

    value: Any


class Removed(dict[str, Any]):
    """An entry, key or file the operator takes away (`!remove`); of an entry it holds the id."""


class NothingToRemove(Exception):
    """A `!remove` in a place where nothing is delivered."""

    def __init__(self, key: str, known: list[str]):
        super().__init__(key)
        self.key, self.known = key, known


def environment_folder() -> tuple[str, str] | None:
    """The operator's folder as the environment names it, with the name of the variable; None when it names none."""
    given = os.environ.get(OPERATOR_VARIABLE)
    return (given, f"${OPERATOR_VARIABLE}") if given else None


def located(folder: str) -> Path:
    """A folder named by the environment or a setting: below BASE, else one that is delivered."""
    places = [(root / Path(folder)).resolve() for root in (BASE, ROOT)]
    return next((place for place in places if place.is_dir()), places[0])


def profile_files(name: str, delivered: Path = PROFILES) -> list[Path]:
    """Files of a profile, the first one laid over the second: that of the folder in the environment, and the delivered one."""
    files = [delivered / f"{name}.yaml"]
    named = environment_folder()
    if named:
        files.insert(0, located(named[0]) / "profiles" / f"{name}.yaml")
    return [file for file in files if file.is_file()]


def chosen_folder(operator_of_profile: Callable[[Path], str | None]) -> Path | None:
    """The operator's folder by the environment ($CLOSEDLOOP_CONF, else the profile's `operator`), checked."""
    named = environment_folder()
    if named:
        return checked_folder(*named)
    profile = PROFILES / f"{os.environ.get(PROFILE_VARIABLE) or DEFAULT_PROFILE}.yaml"
    given = operator_of_profile(profile)
    return checked_folder(given, str(profile)) if given else None


@cache
def checked_folder(given: str, named_in: str) -> Path:
    """The folder, or ConfigError when it does not exist or holds a file that mirrors none of the delivered ones."""
    folder = located(given)
    if not folder.is_dir():
        raise ConfigError(named_in, "operator", given, "a folder that mirrors conf/")
    for file in sorted(path for path in folder.rglob("*") if path.suffix in (".yaml", ".yml", ".sql")):
        place = file.relative_to(folder)
        if place.parts[0] in TREES:
            _require_table_file(file, place, folder)
        else:
            _require_mirror(file, place)
        if place.parts[0] == "profiles" and not named_in.startswith("$"):
            raise ConfigError(
                file, "(file)", place, f"a folder named by ${OPERATOR_VARIABLE}: a profile cannot name its own place"
            )
    return folder


def _require_mirror(file: Path, place: Path) -> None:
    in_folder = len(place.parts) == 2 and place.suffix == ".yaml" and place.parts[0] in FOLDERS_OF_WHOLE_FILES
    is_own = in_folder and (CONF / place.parts[0]).is_dir()
    is_closed = str(place) in NEVER_OVERLAID or place.parts[0] in NEVER_OVERLAID_FOLDERS
    if is_closed or not (is_own or (CONF / place).is_file()):
        others = sorted(path.name for path in (CONF / place.parent).glob("*.yaml") if path.name not in NEVER_OVERLAID)
        wanted = f"the name of a file of conf/ an operator may change: {', '.join(others) or 'channels.yaml'}"
        raise ConfigError(file, "(file)", f"{place}, which mirrors none", wanted)


def _require_table_file(file: Path, place: Path, folder: Path) -> None:
    """A contract, query or suite lies in the folder of its layer, and a query beside a contract."""
    layers = sorted({path.parent.name for path in (ROOT / "sql").glob("*/*.yaml")} | set(WITHOUT_CONTRACTS))
    if len(place.parts) != 3 or place.parts[1] not in layers or place.suffix == ".yml":
        wanted = f"{place.parts[0]}/<layer>/<table>.yaml, a layer of {', '.join(layers)}"
        raise ConfigError(file, "(file)", f"{place}, which mirrors none", wanted)
    if (
        place.suffix == ".sql"
        and place.parts[1] not in WITHOUT_CONTRACTS
        and not any((tree / place).with_suffix(".yaml").is_file() for tree in (ROOT, folder))
    ):
        raise ConfigError(file, "(file)", f"{place}, a query without a contract", f"{place.stem}.yaml beside it")


def _mirrored(path: Path) -> Path | None:
    """Where the operator's folder mirrors a delivered file or folder; None for one of no tree of ours."""
    if path.is_relative_to(CONF):
        return path.relative_to(CONF)
    return path.relative_to(ROOT) if any(path.is_relative_to(ROOT / tree) for tree in TREES) else None


def file_over(path: Path, folder: Path | None) -> Path | None:
    """The operator's file of the same name and place as a delivered one, if there is one."""
    place = _mirrored(path)
    if folder is None or place is None:
        return None
    own = folder / place
    return own if own.is_file() and own != path else None


def files_of(delivered: Path, folder: Path | None, pattern: str) -> list[Path]:
    """Files of a folder and those the operator adds to it, in the order of their names."""
    found = {path.relative_to(delivered): path for path in delivered.glob(pattern)}
    place = _mirrored(delivered)
    if folder is not None and place is not None:
        for path in (folder / place).glob(pattern):
            found.setdefault(path.relative_to(folder / place), path)
    return sorted(found.values(), key=lambda path: (path.parent.name, path.name))


def merge(base: Any, own: Any, place: str = "") -> Any:
    """Lay the operator's entries over the delivered ones: mappings by key, lists of entries by id, else the operator's value.

    Raises NothingToRemove for a `!remove` of what is not delivered.
    """
    if isinstance(own, Replaced):
        return own.value
    if isinstance(base, dict) and isinstance(own, dict):
        return _merged_entries(base, own, place)
    key = _id_of(base, own)
    if key is None:
        return own
    entries = _merged_entries({key(entry): entry for entry in base}, {key(entry): entry for entry in own}, place)
    return list(entries.values())


def _merged_entries(base: dict[str, Any], own: dict[str, Any], place: str) -> dict[str, Any]:
    merged = dict(base)
    for key, value in own.items():
        where = f"{place}.{key}" if place else str(key)
        if isinstance(value, Removed):
            if key not in base:
                raise NothingToRemove(where, [str(known) for known in base])
            del merged[key]
        elif key in base:
            merged[key] = merge(base[key], value, where)
        else:
            merged[key] = value.value if isinstance(value, Replaced) else value
    return merged


def _id_of(base: Any, own: Any) -> Callable[[dict[str, Any]], str] | None:
    """What tells the entries of both lists apart; None when they are no lists of such entries."""
    if not (isinstance(base, list) and isinstance(own, list) and base and own):
        return None
    if not all(isinstance(entry, dict) for entry in [*base, *own]):
        return None
    ways = [lambda entry, name=name: str(entry[name]) if name in entry else "" for name in ID_KEYS]
    return next((way for way in [*ways, _rule_id] if all(_tells_apart(way, entries) for entries in (base, own))), None)


def _rule_id(entry: dict[str, Any]) -> str:
    if RULE_KEY not in entry:
        return ""
    rest = (f"{key}={entry[key]}" for key in sorted(entry) if key not in (RULE_KEY, *RULE_BOUNDS))
    return " ".join([str(entry[RULE_KEY]), *rest])


def _tells_apart(way: Callable[[dict[str, Any]], str], entries: list[dict[str, Any]]) -> bool:
    found = [way(entry) for entry in entries]
    return all(found) and len(set(found)) == len(entries)


def entries_of(value: Any, other: Any) -> dict[str, Any] | None:
    """Entries by key or id of a mapping or list that is merged with another one of its kind; None when it is merged as a whole."""
    if isinstance(value, dict) and isinstance(other, dict):
        return {str(key): entry for key, entry in value.items()}
    key = _id_of(value, other)
    return {key(entry): entry for entry in value} if key else None


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
