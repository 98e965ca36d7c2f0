"""Where a setting may come from; the first that gives it counts.

1 arguments, 2 the variables with a name of their own ($CLOSEDLOOP_HOME ...), 3 CLOSEDLOOP__<BLOCK>__<KEY> in the environment,
4 a file <block>__<key> in a folder of secrets, 5 the operator's own profile, 6 the delivered profile, 7 conf/settings.yaml.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Thread
from typing import Any, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, InitSettingsSource, YamlConfigSettingsSource
from pydantic_settings.sources.types import EnvNoneType

from conf.errors import ConfigError
from conf.overlay import OPERATOR_VARIABLE, PROFILE_VARIABLE
from conf.reading import BASE, inner_model, one_of, read_yaml
from conf.secret_files import FOLDER, given_folders, read_secret

PREFIX, DELIMITER, NOTHING = "CLOSEDLOOP__", "__", "null"
HOME_VARIABLE = "CLOSEDLOOP_HOME"
WEBHOOK_VARIABLE = "CLOSEDLOOP_WEBHOOK_URL"
NAMED_VARIABLES = {"home": HOME_VARIABLE, "alerts.webhook_url": WEBHOOK_VARIABLE, "operator": OPERATOR_VARIABLE}
NOT_BY_PREFIX = {"profile": PROFILE_VARIABLE, "operator": OPERATOR_VARIABLE}  # known before any setting is read
HOME_SECONDS = 5.0  # a home on a dead mount does not answer at all, and people must be told of it all the same


class Arguments(InitSettingsSource):
    """Values given by code or by a variable with a name of its own."""

    def __init__(self, settings_cls: type[BaseSettings], given: Mapping[str, Any], place: Callable[[str], str]):
        super().__init__(settings_cls, dict(given))
        self.place = place


class YamlFile(YamlConfigSettingsSource):
    """A file of settings, each key once."""

    def __init__(self, settings_cls: type[BaseSettings], file: Path):
        self.place: Callable[[str], str] = lambda key: str(file)
        super().__init__(settings_cls, file)

    def _read_file(self, file_path: Any) -> dict[str, Any]:
        found = read_yaml(file_path) or {}
        if not isinstance(found, dict):
            raise ConfigError(file_path, "(file)", type(found).__name__, "a mapping of keys")
        return found


class NamedTexts(EnvSettingsSource):
    """Texts by name, as SPARK__DRIVER_MEMORY: variables of the environment, or files of secrets; an unknown name is refused."""

    def __init__(self, settings_cls: type[BaseSettings], texts: Mapping[str, str], named: Callable[[str], str]):
        self.texts = {_checked_name(settings_cls, name, text, named(name)): text for name, text in texts.items()}
        self.places = {_dotted(_normal(settings_cls, name) or ""): named(name) for name in texts}
        super().__init__(
            settings_cls, case_sensitive=True, env_prefix="", env_nested_delimiter=DELIMITER, env_parse_none_str=NOTHING
        )

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name: EnvNoneType(text) if text == NOTHING else text for name, text in self.texts.items()}

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        return yaml.safe_load(value)

    def place(self, key: str) -> str:
        """The variable or file that gives a key, or what is above or below it."""
        related = [given for given in self.places if _is_around(given, key)]
        return ", ".join(self.places[given] for given in related)


def sources_of(
    settings_cls: type[BaseSettings], profile: str, profile_files: list[Path], shared: Path, home: str | Path | None
) -> list[Any]:
    """All sources, the one that counts first in front; ConfigError for an unknown variable or secret."""
    arguments = Arguments(
        settings_cls, {"profile": profile} | ({"home": home} if home else {}), lambda key: f"argument {key}"
    )
    files = [YamlFile(settings_cls, file) for file in (*profile_files, shared)]
    outside = [arguments, *_variables(settings_cls)]
    chosen = next((found["home"] for found in (source() for source in [*outside, *files]) if found.get("home")), ".run")
    return [*outside, *_secrets(settings_cls, resolved(chosen)), *files]


def resolved(home: str | Path) -> Path:
    """The home folder as a whole path; a relative one lies in the project."""
    return (BASE / Path(home)).resolve()


def _variables(settings_cls: type[BaseSettings]) -> Iterator[Any]:
    named: dict[str, Any] = {}
    for key, variable in NAMED_VARIABLES.items():
        if os.environ.get(variable):
            block, _, rest = key.partition(".")
            named[block] = {rest: os.environ[variable]} if rest else os.environ[variable]
    yield Arguments(
        settings_cls, named, lambda key: f"${NAMED_VARIABLES.get(key, NAMED_VARIABLES['alerts.webhook_url'])}"
    )
    texts = {name[len(PREFIX) :]: text for name, text in os.environ.items() if name.upper().startswith(PREFIX)}
    yield NamedTexts(settings_cls, texts, lambda name: f"${PREFIX}{name}")


def _secrets(settings_cls: type[BaseSettings], home: Path) -> Iterator[NamedTexts]:
    for folder, texts in (
        *((folder, _texts_of(folder)) for folder in given_folders()),
        (home / FOLDER, _within(HOME_SECONDS, lambda: _texts_of(home / FOLDER))),
    ):
        yield NamedTexts(settings_cls, texts, lambda name, folder=folder: str(folder / name))  # type: ignore[misc]


def _texts_of(folder: Path) -> dict[str, str]:
    """Secrets of a folder that are settings, by file name; other keys and passwords stay unread."""
    try:
        files = [path for path in sorted(folder.iterdir()) if DELIMITER in path.name and path.is_file()]
    except OSError:  # there is none, or it cannot be looked at, which status and watch tell
        return {}
    return {path.name: read_secret(path) for path in files}


def _within(seconds: float, look: Callable[[], dict[str, str]]) -> dict[str, str]:
    """What a look finds; nothing when it does not come back in time."""
    found: list[dict[str, str]] = []
    refused: list[Exception] = []

    def work() -> None:
        try:
            found.append(look())
        except Exception as error:
            refused.append(error)

    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if refused:
        raise refused[0]
    return found[0] if found else {}


def setting_names(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """Every block and key below a model by its dotted name."""
    for name, field in model.model_fields.items():
        yield above + name
        block = inner_model(field.annotation)
        if block is not None:
            yield from setting_names(block, f"{above}{name}.")


def variable_of(key: str) -> str:
    """The variable that gives a setting, as $CLOSEDLOOP__SPARK__DRIVER_MEMORY."""
    return PREFIX + key.replace(".", DELIMITER).upper()


def _checked_name(settings_cls: type[BaseSettings], name: str, text: str, place: str) -> str:
    """The name in the settings' own spelling; ConfigError when there is no such setting, or the text is no value for it."""
    normal = _normal(settings_cls, name)
    if normal in NOT_BY_PREFIX:
        raise ConfigError(place, normal, f"unknown name {name}", f"${NOT_BY_PREFIX[normal]}")
    if normal is None:
        known = [variable_of(key)[len(PREFIX) :] for key in setting_names(settings_cls) if key not in NOT_BY_PREFIX]
        raise ConfigError(place, _dotted(name.lower()), f"unknown name {name}", one_of(name, known))
    try:
        yaml.safe_load(text)
    except yaml.YAMLError:
        if _takes_many(settings_cls, normal):
            raise ConfigError(place, _dotted(normal), "no YAML", "a list or a mapping as YAML or JSON") from None
    return normal


def _normal(settings_cls: type[BaseSettings], name: str) -> str | None:
    """spark__driver_memory for SPARK__DRIVER_MEMORY; the key of a free mapping stays as it is written; None: no such setting."""
    model: Any = settings_cls
    done: list[str] = []
    parts = name.split(DELIMITER)
    for position, part in enumerate(parts):
        field = getattr(model, "model_fields", {}).get(part.lower())
        if field is None:
            return None
        done.append(part.lower())
        if get_origin(field.annotation) is dict:
            return DELIMITER.join([*done, *parts[position + 1 :]])
        model = inner_model(field.annotation)
    return DELIMITER.join(done)


def _takes_many(settings_cls: type[BaseSettings], normal: str) -> bool:
    model: Any = settings_cls
    field = None
    for part in normal.split(DELIMITER):
        field = getattr(model, "model_fields", {}).get(part)
        model = inner_model(field.annotation) if field else None
    return model is not None or (field is not None and get_origin(field.annotation) in (dict, tuple, list))


def _dotted(name: str) -> str:
    return name.replace(DELIMITER, ".")


def _is_around(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
