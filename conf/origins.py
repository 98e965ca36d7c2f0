"""Which file or variable each value comes from: settings by name, business data by file and key, as channels.SMS.capacity_per_day."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conf import overlay
from conf.errors import ConfigError
from conf.overlay import CONF, NEVER_OVERLAID, NEVER_OVERLAID_FOLDERS, ROOT, TREES, Removed, Replaced
from conf.reading import laid_over, one_of, operator_folder, read_own, read_yaml
from conf.settings import SECRET_KEYS, is_given, load_settings, setting_sources

HIDDEN, REMOVED, MISSING = "***", "(removed)", object()
BY_DEFAULT = "conf/settings.py, its default"
_SECRET_NAME = re.compile(
    r"(password|passwd|secret|token|credential|api_?key)s?$|secret[._-]?key|access[._-]?key", re.IGNORECASE
)
_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")
_GIVEN_SECRET = re.compile(r"((?:password|secret|token|key)\s*=\s*)[^\s;]+", re.IGNORECASE)


@dataclass(frozen=True)
class Origin:
    """One value: its key, the value as JSON without what is secret, and the file or variable that gives it."""

    key: str
    value: str
    place: str


def origins(prefix: str = "") -> list[Origin]:
    """All values of settings and business data below a prefix, in the order of their files.

    Contracts and suites are told only when the prefix begins with `sql` or `expectations`. ConfigError when there is none.
    """
    found = list(_setting_origins())
    for file in _business_files(prefix):
        found += _file_origins(*file)
    chosen = [origin for origin in found if not prefix or origin.key == prefix or origin.key.startswith(f"{prefix}.")]
    if not chosen:
        depth = prefix.count(".") + 1
        known = dict.fromkeys(".".join(origin.key.split(".")[:depth]) for origin in found)
        raise ConfigError("closedloop settings", prefix, "no value of that name", one_of(prefix, known))
    return chosen


def _setting_origins() -> Iterator[Origin]:
    sources = [(source, source()) for source in setting_sources()]
    for path, value in _paths((), load_settings().model_dump(mode="json")):
        key = ".".join(path)
        place = next((source.place(key) for source, given in sources if is_given(given, path)), BY_DEFAULT)
        yield Origin(key, _shown(key, value), _short(place))


def _paths(above: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not isinstance(value, dict) or not value:
        yield above, value
        return
    for key, entry in value.items():
        yield from _paths((*above, key), entry)


def _business_files(prefix: str) -> Iterator[tuple[str, Path, Path | None]]:
    """Name, file and the operator's file over it, of every file of business data."""
    folder = operator_folder()
    trees = [tree for tree in TREES if prefix.split(".")[0] == tree]
    for root, patterns in [(CONF, ("*.yaml", "*/*.yaml")), *((ROOT / tree, ("*/*.yaml",)) for tree in trees)]:
        for path in sorted({path for pattern in patterns for path in overlay.files_of(root, folder, pattern)}):
            above = folder if folder is not None and path.is_relative_to(folder) else CONF if root == CONF else ROOT
            place = path.relative_to(above)
            if str(place) in NEVER_OVERLAID or place.parts[0] in (*NEVER_OVERLAID_FOLDERS, "profiles"):
                continue
            if above == folder and root == CONF and place.parts[0] in TREES:
                continue
            yield ".".join(place.with_suffix("").parts), path, overlay.file_over(path, folder)


def _file_origins(name: str, path: Path, own: Path | None) -> Iterator[Origin]:
    given = MISSING if own is None else read_own(own)
    if isinstance(given, Removed):
        yield Origin(name, REMOVED, _short(own))
        return
    merged = read_yaml(path) if own is None else laid_over(path, own)
    stem = name.rpartition(".")[2]
    for key, value, is_own in _walk("", merged, {} if given is None else given):
        whole = key if "." not in name and key.split(".")[0] == stem else f"{name}.{key}"
        yield Origin(whole, value if value == REMOVED else _shown(whole, value), _short(own if is_own else path))


def _walk(key: str, merged: Any, own: Any) -> Iterator[tuple[str, Any, bool]]:
    """Each value with its key and whether the operator gives it."""
    if own is MISSING or isinstance(own, Replaced):
        yield from ((leaf, value, own is not MISSING) for leaf, value in _leaves(key, merged))
        return
    entries, given = overlay.entries_of(merged, own), overlay.entries_of(own, merged)
    if entries is None or given is None:
        yield from ((leaf, value, True) for leaf, value in _leaves(key, merged))
        return
    for name, value in entries.items():
        yield from _walk(_below(key, name), value, given.get(name, MISSING))
    yield from ((_below(key, name), REMOVED, True) for name, value in given.items() if isinstance(value, Removed))


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    entries = overlay.entries_of(value, value)
    if not entries:
        yield key, value
        return
    for name, entry in entries.items():
        yield from _leaves(_below(key, name), entry)


def _below(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _shown(key: str, value: Any) -> str:
    if value is not None and (key in SECRET_KEYS or _SECRET_NAME.search(key)):
        return HIDDEN
    text = json.dumps(value, ensure_ascii=False, default=str)
    return _GIVEN_SECRET.sub(rf"\1{HIDDEN}", _LOGIN.sub(f"{HIDDEN}@", text))


def _short(place: object) -> str:
    """A place below the project without the way there."""
    return str(place).removeprefix(f"{ROOT}/")
