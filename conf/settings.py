"""Typed settings: conf/settings.yaml for everyone, conf/profiles/<profile>.yaml for what differs, nothing secret in either."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlparse
from zoneinfo import ZoneInfo

from pydantic import Field, HttpUrl, TypeAdapter, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from conf.dates import DateRange
from conf.errors import ConfigError
from conf.overlay import (
    DEFAULT_PROFILE,
    OPERATOR_VARIABLE,
    PROFILE_VARIABLE,
    PROFILES,
    checked_folder,
    environment_folder,
    located,
    profile_files,
)
from conf.places import NAMES as PLACE_NAMES
from conf.places import Place, require_uri
from conf.reading import BASE, ROOT, Strict, first_problem, one_of
from conf.secret_files import secret_file
from conf.setting_sources import HOME_VARIABLE, WEBHOOK_VARIABLE, resolved, sources_of, variable_of
from conf.spark_settings import SPARK_TOKEN_FILE, SPARK_TOKEN_VARIABLE, SparkSettings

__all__ = [
    "DEFAULT_PROFILE",
    "HOME_VARIABLE",
    "OPERATOR_VARIABLE",
    "PROFILES",
    "PROFILE_VARIABLE",
    "SPARK_TOKEN_FILE",
    "SPARK_TOKEN_VARIABLE",
    "WEBHOOK_VARIABLE",
    "SparkSettings",
]  # names the rest of the project takes from here

SETTINGS_FILE = ROOT / "conf" / "settings.yaml"
# Addresses that may hold a key or a password: never shown, and never with a password in a file of settings.
SECRET_KEYS = ("alerts.webhook_url", "services.airflow_database_url", "services.mlflow_tracking_uri")
_WEB_ADDRESS = TypeAdapter(HttpUrl)


class InitialLoadSettings(Strict):
    """Dates for which the initial load builds a customer view (training cut-offs and the day before the first night)."""

    snapshot_dates: tuple[date, ...]


class SimulatorSettings(Strict):
    """Size and seed of the synthetic operator; intensity scales events per subscription and day."""

    subscriptions: int = Field(ge=100)
    seed: int
    intensity: float = Field(gt=0)


class AllocationSettings(Strict):
    """When the allocator may stop: proven relative gap, or time; `threads` it may use, every core of the machine when null."""

    gap_target: float = Field(gt=0, lt=1)
    time_limit_seconds: float = Field(gt=0)
    threads: int | None = Field(default=None, ge=1)


class AlertSettings(Strict):
    """Where what goes wrong is told, beside home/alerts/: an http or https address, in the file or in $CLOSEDLOOP_WEBHOOK_URL.

    Its Authorization header comes from $CLOSEDLOOP_WEBHOOK_AUTHORIZATION or secrets/webhook.authorization, never from a file of conf/.
    """

    webhook_url: str | None

    @field_validator("webhook_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parts = urlparse(str(_WEB_ADDRESS.validate_python(value)))
        except ValueError:
            raise ValueError("an address as https://alerts.example.com/closedloop") from None
        if parts.username or parts.password:
            raise ValueError("an address without a login: the Authorization header comes from the environment")
        return value


class TrainingSettings(Strict):
    """Resources and seed of model training."""

    seed: int
    threads: int = Field(ge=1)
    max_rounds: int = Field(ge=1)
    max_rows: int = Field(ge=1000)


class LandingRetention(Strict):
    """When delivered files leave landing, counted from the night that judged them, and where to: a folder, or nowhere (null)."""

    after_days: int = Field(ge=1)
    archive: Path | None

    @field_validator("archive")
    @classmethod
    def _place_is_whole(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_absolute():
            raise ValueError("a whole path, as /mnt/archive/landing, or null: files are removed")
        return value


class RetentionSettings(Strict):
    """How long what is no row stays, in days; rows: `retention_days` or `keep` of the contracts.

    replay_days: table versions, so that a night can be replayed as of then. exports_days: behind the last day a list is
    valid. log_days: our logs and the tasks' below airflow/. model_run_days: training runs that were never promoted.
    airflow_record_days: rows of Airflow's own database.
    """

    replay_days: int = Field(ge=7)
    log_days: int = Field(ge=1)
    exports_days: int = Field(ge=1)
    landing: LandingRetention
    alert_days: int = Field(ge=1)
    data_docs_days: int = Field(ge=1)
    report_days: int = Field(ge=1)
    model_run_days: int = Field(ge=1)
    airflow_record_days: int = Field(ge=1)

    @model_validator(mode="after")
    def _landing_outlives_replay(self) -> RetentionSettings:
        if self.landing.after_days < self.replay_days:
            raise ValueError(
                f"landing.after_days of at least replay_days ({self.replay_days}): a replayed night reads its files"
            )
        return self


class LogSettings(Strict):
    """How long a log of a server may grow before a job cuts it, and how many older parts of each stay beside it."""

    max_bytes: int = Field(ge=100_000)
    kept_files: int = Field(ge=1)


class PlaceSettings(Strict):
    """URIs of the lake, the landing folder and the exports (file:///mnt/lake); null: the folder of that name below home."""

    lake: str | None
    landing: str | None
    exports: str | None

    @field_validator("lake", "landing", "exports")
    @classmethod
    def _is_a_place(cls, value: str | None, info: ValidationInfo) -> str | None:
        return require_uri(str(info.field_name), value)


class DoorSettings(Strict):
    """Groups of this machine that may look in; null or not named: nobody but the user the pipeline runs as.

    readers_group: reads all but vault, landing, exports and secrets. landing_group: delivers files. export_groups: by channel
    code, the group of its transfer agent, which reads exports/<CHANNEL>/ and nothing else.
    """

    readers_group: str | None
    landing_group: str | None
    export_groups: dict[str, str]


class PostgresAsRoot(Strict):
    """Where the embedded Postgres, which never runs as root, lies when root starts it: as this user, below this folder."""

    user: str = Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")
    folder: Path


class ServiceSettings(Strict):
    """Loopback ports of what people look at, where Airflow's and MLflow's records lie, and how long nothing may move.

    embedded_postgres: in a Postgres below home. Else at these addresses; ones with a password come from the environment
    (AIRFLOW__DATABASE__SQL_ALCHEMY_CONN, MLFLOW_TRACKING_URI), never from a file.
    """

    embedded_postgres: bool
    postgres_as_root: PostgresAsRoot
    airflow_database_url: str | None
    mlflow_tracking_uri: str | None
    airflow_port: int
    mlflow_port: int
    data_docs_port: int
    silence_seconds: int = Field(ge=60)


class Settings(BaseSettings):
    """Everything a job needs to know about where it runs; business data lies in its own files.

    load_settings() reads them from all places of conf/setting_sources.py.

    operator: folder of the operator's own business data, laid over the delivered files (conf/overlay.py).
    min_free_gb: free disk of the home, in gigabytes, below which people are told.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    profile: str
    operator: Path | None = None
    home: Path
    """Folder of all data; a relative one lies in the project."""
    time_zone: str
    """The operator's zone, of the IANA list."""
    history_first: date
    """First business date of the initial load."""
    first_night: date
    """First night a profile plays."""
    nights: int = Field(ge=0)
    """Nights a profile plays; 0: real nights, awaited by closedloop watch."""
    load_cutoff_hour: int = Field(ge=0, le=23)
    """Feeds not complete by this hour join the next night."""
    min_free_gb: float = Field(ge=0)
    initial_load: InitialLoadSettings
    """Cut-offs the initial load builds a view for."""
    simulator: SimulatorSettings
    allocation: AllocationSettings
    alerts: AlertSettings
    training: TrainingSettings
    retention: RetentionSettings
    logs: LogSettings
    doors: DoorSettings
    places: PlaceSettings
    """Groups of this machine that may look in."""
    services: ServiceSettings
    spark: SparkSettings
    """Where Spark runs."""

    @field_validator("home")
    @classmethod
    def _home_is_whole(cls, value: Path) -> Path:
        return resolved(value)

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("a time zone of the IANA list, as Asia/Shanghai") from None
        return value

    @property
    def root(self) -> Path:
        """Folder of what is delivered: conf/, sql/, dags/."""
        return ROOT

    @property
    def base(self) -> Path:
        """Folder relative paths start from: the checkout, else the current one; commands and servers are started in it."""
        return BASE

    def place(self, name: str) -> Place:
        """Where the lake, the landing folder or the exports lie: the URI of the settings, else the folder of that name below home."""
        uri = getattr(self.places, name)
        return Place(uri) if uri else Place.of(self.home / name)

    def path(self, *parts: str) -> Path:
        """A path below home; of lake, landing and exports where their place is. PlaceElsewhere when that is no folder here."""
        if parts and parts[0] in PLACE_NAMES:
            return self.place(parts[0]).join(*parts[1:]).local
        return self.home.joinpath(*parts)

    @property
    def history(self) -> DateRange:
        """Business dates of the initial load: from the first day of history to the day before the first night."""
        return DateRange(self.history_first, self.first_night - timedelta(days=1))

    @property
    def night_dates(self) -> list[date]:
        """Business dates of the nights this profile plays."""
        return [self.first_night + timedelta(days=offset) for offset in range(self.nights)]

    @property
    def is_played(self) -> bool:
        """Whether this profile plays nights of its own: their dates lie in the past, and no clock awaits them."""
        return self.nights > 0

    def with_home(self, home: Path) -> Settings:
        """The same settings on another home folder."""
        return self.model_copy(update={"home": Path(home)})


def profile_names() -> list[str]:
    """Profiles there are, the operator's own among them: one file each."""
    own = environment_folder()
    folders = [PROFILES, *([located(own[0]) / PROFILES.name] if own else [])]
    names = sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})
    if not names:
        raise ConfigError(PROFILES, "(folder)", "no file", "at least one file *.yaml: is the folder the right one?")
    return names


def load_settings(profile: str | None = None, home: str | Path | None = None) -> Settings:
    """Read settings of a profile (argument, else $CLOSEDLOOP_PROFILE, else demo), laid over by what conf/setting_sources.py names.

    ConfigError names the file or variable, the key, what was found and what is wanted.
    """
    sources = setting_sources(profile, home)
    try:
        settings = _built(sources)
        _refuse_no_token(settings)
        _refuse_open_passwords(settings, sources)
        return settings
    except ValidationError as error:
        problem = first_problem(Settings, error, "")
    except ConfigError as error:
        if error.file:
            raise
        problem = error
    found: object = _without_login(problem.found) if problem.key in SECRET_KEYS else problem.found
    raise ConfigError(place_of(sources, problem.key), problem.key, found, problem.wanted) from None


def setting_sources(profile: str | None = None, home: str | Path | None = None) -> list[Any]:
    """Where the settings of a profile come from, what counts first in front; ConfigError for a profile there is not."""
    name = profile or os.environ.get(PROFILE_VARIABLE) or DEFAULT_PROFILE
    files = profile_files(name, PROFILES)
    if not files:
        raise ConfigError(PROFILES, "profile", name, one_of(name, profile_names()))
    return sources_of(Settings, name, files, SETTINGS_FILE, home)


def place_of(sources: list[Any], key: str) -> str:
    """The file or variable that gives a setting, or one below it; of a key nobody gives, the shared file."""
    return next((source.place(key) for source in sources if is_given(source(), key.split("."))), str(SETTINGS_FILE))


def _built(sources: list[Any]) -> Settings:
    settings: Settings = cast(Any, Settings)(_build_sources=(tuple(sources), {}))
    if settings.operator is None:
        return settings
    folder = checked_folder(str(settings.operator), place_of(sources, "operator"))
    return settings.model_copy(update={"operator": folder})


def _refuse_open_passwords(settings: Settings, sources: list[Any]) -> None:
    """An address with a password stands in the environment or in a folder of secrets, never in a file of settings."""
    for key in SECRET_KEYS:
        block, _, name = key.partition(".")
        value = getattr(getattr(settings, block), name)
        if value and urlparse(value).password and (place := place_of(sources, key)).endswith(".yaml"):
            wanted = f"an address without one here; with it in ${variable_of(key)} or in secrets/{key.replace('.', '__')} below home"
            raise ConfigError(place, key, "an address with a password", wanted)


def _without_login(found: object) -> str:
    return str(found).rpartition("@")[2]


def _refuse_no_token(settings: Settings) -> None:
    """A server that others run is asked with the token they gave, or not at all."""
    remote, file = settings.spark.remote, secret_file(settings.home, SPARK_TOKEN_FILE)
    if not remote or settings.spark.is_our_server or os.environ.get(SPARK_TOKEN_VARIABLE) or os.path.lexists(file):
        return
    raise ConfigError(
        "", "spark.remote", f"{remote} and no token", f"that server's token in ${SPARK_TOKEN_VARIABLE} or in {file}"
    )


def is_given(given: Any, path: Sequence[str]) -> bool:
    """Whether what a file or variable gives sets this key itself, part by part."""
    for part in path:
        if not isinstance(given, dict) or part not in given:
            return False
        given = given[part]
    return True
