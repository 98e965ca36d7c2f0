"""Reads a YAML file once into a frozen, typed object; anything unknown, doubled or mistyped is refused with its place.

Files of conf/ are read with the operator's own figures laid over them (conf/overlay.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches
from functools import cache, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from conf import overlay
from conf.errors import ConfigError
from conf.overlay import Removed, Replaced

ROOT = overlay.ROOT
BASE = overlay.BASE


class Strict(BaseModel):
    """Base of every configuration object: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


Model = TypeVar("Model", bound=BaseModel)
Read = TypeVar("Read")
Given = ParamSpec("Given")


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


class _OperatorLoader(_UniqueKeyLoader):
    """The same for a file of the operator that is laid over a delivered one: it knows !remove and !replace too."""


def _construct_value(loader: _UniqueKeyLoader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _construct_unique(loader, node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    tag = loader.resolve(yaml.ScalarNode, node.value, (True, False))  # type: ignore[no-untyped-call]  # the type the text would have without a tag
    return loader.construct_object(yaml.ScalarNode(tag, node.value, node.start_mark, node.end_mark), deep=True)


def _construct_removed(loader: _UniqueKeyLoader, node: yaml.Node) -> Removed:
    return Removed(_construct_unique(loader, node) if isinstance(node, yaml.MappingNode) else {})


def _construct_replaced(loader: _UniqueKeyLoader, node: yaml.Node) -> Replaced:
    return Replaced(_construct_value(loader, node))


_OperatorLoader.add_constructor("!remove", _construct_removed)
_OperatorLoader.add_constructor("!replace", _construct_replaced)


def read_yaml(path: Path) -> Any:
    """Read one YAML file; a syntax error or a doubled key names the file and the line."""
    return _read(path, _UniqueKeyLoader)


def read_own(path: Path) -> Any:
    """Read a file of the operator that is laid over a delivered one, with `!remove` and `!replace` as Removed and Replaced."""
    return _read(path, _OperatorLoader)


def _read(path: Path, loader: type[_UniqueKeyLoader]) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
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
        raise first_problem(model, error, path) from None


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
    folder_of_operator = operator_folder()
    files = overlay.files_of(folder, folder_of_operator, pattern)
    files = [path for path in files if not _is_removed(overlay.file_over(path, folder_of_operator))]
    if not files:
        raise ConfigError(folder, "(folder)", "no file", f"at least one file {pattern}: is the folder the right one?")
    return files


def chosen_file(path: Path) -> Path:
    """The operator's file in the place of a delivered one that cannot be merged, as a query; else the delivered one."""
    return overlay.file_over(path, operator_folder()) or path


def _is_removed(own: Path | None) -> bool:
    return own is not None and own.suffix == ".yaml" and isinstance(read_own(own), Removed)


def load(model: type[Model], path: Path) -> Model:
    """Read and parse one YAML file into `model`, a file of conf/ with the operator's entries laid over it.

    An entry that is refused names the operator's file, unless the delivered file alone is refused already.
    """
    own = overlay.file_over(path, operator_folder())
    if own is None:
        return parse(model, read_yaml(path), path)
    merged = laid_over(path, own)
    try:
        return parse(model, merged, own)
    except ConfigError as error:
        parse(model, read_yaml(path), path)
        raise ConfigError(own, overlay.key_by_id(merged, error.key), error.found, error.wanted) from None


def laid_over(path: Path, own: Path) -> Any:
    """Data of a delivered file with that of the operator laid over it; ConfigError for a `!remove` of what is not there."""
    given = read_own(own)
    if isinstance(given, Removed):
        raise ConfigError(
            own, "(file)", "!remove", "the file's entries: only a file of a folder of them can be taken away"
        )
    try:
        return overlay.merge(read_yaml(path), {} if given is None else given)
    except overlay.NothingToRemove as nothing:
        last = nothing.key.rpartition(".")[2]
        raise ConfigError(
            own, nothing.key, f"!remove of {last}, which is not delivered", one_of(last, nothing.known)
        ) from None


def operator_folder() -> Path | None:
    """Folder of the operator's own figures: $CLOSEDLOOP_CONF, else `operator` of the profile; None when there is none."""
    return overlay.chosen_folder(_operator_of_profile)


@cache
def _operator_of_profile(file: Path) -> str | None:
    profile = read_yaml(file) or {}
    return profile.get("operator") if isinstance(profile, dict) else None


def remembered(loader: Callable[Given, Read]) -> Callable[Given, Read]:
    """Read business data once in a process, apart for each operator's folder; `cache_clear` forgets what was read."""

    @cache
    def read(folder: Path | None, *args: Any, **kwargs: Any) -> Read:  # every argument is one a cache can keep
        return loader(*args, **kwargs)

    @wraps(loader)
    def remember(*args: Given.args, **kwargs: Given.kwargs) -> Read:
        return read(operator_folder(), *args, **kwargs)  # type: ignore[arg-type]

    remember.cache_clear = read.cache_clear  # type: ignore[attr-defined]
    return remember


def first_problem(model: type[BaseModel], error: ValidationError, path: str | Path) -> ConfigError:
    """The first thing a typed object refuses, with its key and what is wanted there."""
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
        current = inner_model(field.annotation) if field else None
    return ", ".join(getattr(current, "model_fields", {})) or "the keys of this block"


def inner_model(annotation: Any) -> Any:
    """The typed object inside an annotation, as of `tuple[Channel, ...]`; None when there is none."""
    if hasattr(annotation, "model_fields"):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        inner = inner_model(argument)
        if inner is not None:
            return inner
    return None
