"""Reads a YAML file once into a frozen, typed object; anything unknown, doubled or mistyped is refused with its place.

Files of conf/ are read with the operator's own figures laid over them (conf/overlay.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches
from functools import cache, wraps
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from conf import overlay
from conf.errors import ConfigError

ROOT = overlay.ROOT
BASE = overlay.BASE


class Strict(BaseModel):
    """Base of every configuration object: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


Model = TypeVar("Model", bound=BaseModel)
Read = TypeVar("Read")


class _UniqueKeyLoader(yaml.CSafeLoader):
    """YAML loader that refuses a key given twice (plain YAML silently keeps the last)."""


def _construct_unique(loader: _UniqueKeyLoader, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    pairs = [(loader.construct_object(key, deep=True), value) for key, value in node.value]
    seen: dict[Any, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"key '{key}' is given twice", node.start_mark)
        seen[key] = loader.construct_object(value, deep=True)
    return seen


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_unique)


def read_yaml(path: Path) -> Any:
    """Read one YAML file; a syntax error or a doubled key names the file and the line."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except FileNotFoundError:
        raise ConfigError(path, "(file)", "no such file", "a readable YAML file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            path, f"byte {error.start}", "text that is not UTF-8", "UTF-8: save the file as UTF-8"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark else "(file)"
        raise ConfigError(path, place, getattr(error, "problem", error), "valid YAML, each key once") from None


def parse(model: type[Model], data: Any, path: str | Path) -> Model:
    """Turn plain data into the typed object, or raise ConfigError naming file, key, found and wanted."""
    if not isinstance(data, dict):
        raise ConfigError(path, "(file)", type(data).__name__, "a mapping of keys")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _first_problem(model, error, path) from None


def one_of(found: object, known: Iterable[str], shown: int = 60) -> str:
    """What is wanted where one of `known` belongs, with the word nearest to the one found, for an error's text."""
    words = list(known)
    by_upper = {word.upper(): word for word in words}
    near = get_close_matches(str(found).upper(), list(by_upper), n=1, cutoff=0.5)
    listed = f"one of: {', '.join(words)}" if len(words) <= shown else f"one of {len(words)} words"
    return listed + (f"; the nearest is {by_upper[near[0]]}" if near else "")


def require_known(path: str | Path, key: str, found: str, known: Collection[str], advice: str = "") -> None:
    """Refuse a name or code that is none of `known`; the ConfigError names the nearest one."""
    if found not in known:
        raise ConfigError(path, key, found, one_of(found, known) + advice)


def yaml_files(folder: Path, pattern: str = "*.yaml") -> list[Path]:
    """Files of a folder of definitions by name, the operator's own among them; ConfigError when there are none."""
    own = operator_folder() if folder.name in overlay.FOLDERS_OF_WHOLE_FILES else None
    files = overlay.files_of(folder, own, pattern)
    if not files:
        raise ConfigError(folder, "(folder)", "no file", f"at least one file {pattern}: is the folder the right one?")
    return files


def load(model: type[Model], path: Path) -> Model:
    """Read and parse one YAML file into `model`, a file of conf/ with the operator's entries laid over it.

    An entry that is refused names the operator's file, unless the delivered file alone is refused already.
    """
    data, own = read_yaml(path), overlay.file_over(path, operator_folder())
    if own is None:
        return parse(model, data, path)
    merged = overlay.merge(data, read_yaml(own) or {})
    try:
        return parse(model, merged, own)
    except ConfigError as error:
        parse(model, data, path)
        raise ConfigError(own, overlay.key_by_id(merged, error.key), error.found, error.wanted) from None


def operator_folder() -> Path | None:
    """Folder of the operator's own figures: $CLOSEDLOOP_CONF, else `operator` of the profile; None when there is none."""
    return overlay.chosen_folder(_operator_of_profile)


@cache
def _operator_of_profile(file: Path) -> str | None:
    profile = read_yaml(file) or {}
    return profile.get("operator") if isinstance(profile, dict) else None


def remembered(loader: Callable[[], Read]) -> Callable[[], Read]:
    """Read business data once in a process, apart for each operator's folder."""

    @cache
    def read(folder: Path | None) -> Read:
        return loader()

    @wraps(loader)
    def remember() -> Read:
        return read(operator_folder())

    return remember


def _first_problem(model: type[BaseModel], error: ValidationError, path: str | Path) -> ConfigError:
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"]) or "(file)"
    found: object = problem.get("ctx", {}).get("found", problem.get("input"))  # a secret is described, not shown
    wanted: object = problem["msg"]
    if problem["type"] == "extra_forbidden":
        found, wanted = f"unknown key '{problem['loc'][-1]}'", "one of: " + _known_keys(model, problem["loc"])
    elif problem["type"] == "missing":
        found, wanted = "nothing", f"the required key '{problem['loc'][-1]}'"
    return ConfigError(path, key, found, wanted)


def _known_keys(model: type[BaseModel], place: tuple[int | str, ...]) -> str:
    current: Any = model
    for part in place[:-1]:
        if isinstance(part, int):
            continue
        field = getattr(current, "model_fields", {}).get(part)
        current = _inner_model(field.annotation) if field else None
    return ", ".join(getattr(current, "model_fields", {})) or "the keys of this block"


def _inner_model(annotation: Any) -> Any:
    if hasattr(annotation, "model_fields"):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        inner = _inner_model(argument)
        if inner is not None:
            return inner
    return None
