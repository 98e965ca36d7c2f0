"""Typed settings: conf/settings.yaml for everyone, conf/profiles/<profile>.yaml for what differs, nothing secret in either."""

from __future__ import annotations

import os
from datetime import date, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlparse
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from conf.dates import DateRange
from conf.errors import ConfigError
from conf.overlay import DEFAULT_PROFILE, OPERATOR_VARIABLE, PROFILE_VARIABLE, PROFILES, checked_folder
from conf.reading import ROOT, Strict, parse, read_yaml, yaml_files

SETTINGS_FILE = ROOT / "conf" / "settings.yaml"
HOME_VARIABLE = "CLOSEDLOOP_HOME"


class SparkSettings(Strict):
    """Where Spark runs: `remote` set = a Spark Connect server, empty = a session inside this process (tests)."""

    remote: str | None
    port: int = Field(ge=1, le=65535)
    master: str
    driver_memory: str = Field(pattern=r"^\d+[mg]$")
    java_options: str = ""
    shuffle_partitions: int = Field(ge=1)
    catalog: Literal["hive", "in-memory"]
    parallel_tables: int = Field(ge=1, le=16)
    jars: str
    extra_conf: dict[str, str] = {}

    @property
    def is_our_server(self) -> bool:
        """Whether `remote` is a server of this machine, which we start and stop; one elsewhere is run by others."""
        return bool(self.remote) and _is_loopback(urlparse(str(self.remote)).hostname)

    @model_validator(mode="after")
    def _ports_agree(self) -> SparkSettings:
        if self.is_our_server and urlparse(str(self.remote)).port != self.port:
            raise ValueError(f"remote and port of one server: {self.remote} has not port {self.port}")
        return self


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


class InitialLoadSettings(Strict):
    """Dates for which the initial load builds a customer view (training cut-offs and the day before the first night)."""

    snapshot_dates: tuple[date, ...]


class SimulatorSettings(Strict):
    """Size and seed of the synthetic operator; intensity scales events per subscription and day."""

    subscriptions: int = Field(ge=100)
    seed: int
    intensity: float = Field(gt=0)


class ControlSettings(Strict):
    """Control group of a campaign: share of those selected, and the least number."""

    share: float = Field(ge=0, le=0.5)
    minimum: int = Field(ge=0)


class AllocationSettings(Strict):
    """When the allocator may stop: proven relative gap, or time; `threads` it may use, every core of the machine when null."""

    gap_target: float = Field(gt=0, lt=1)
    time_limit_seconds: float = Field(gt=0)
    threads: int | None = Field(default=None, ge=1)


class AlertSettings(Strict):
    """Where a failed or late feed and a failed gate are told, beside home/alerts/."""

    webhook_url: str | None


class TrainingSettings(Strict):
    """Resources and seed of model training."""

    seed: int
    threads: int = Field(ge=1)
    max_rounds: int = Field(ge=1)
    max_rows: int = Field(ge=1000)


class RetentionSettings(Strict):
    """How long table versions and log files stay, in days: a night can be replayed as of then that long. Rows: retention_days of the contracts."""

    replay_days: int = Field(ge=7)
    log_days: int = Field(ge=1)


class ServiceSettings(Strict):
    """Loopback ports of what people look at, where Airflow's and MLflow's records lie, and how long nothing may move.

    embedded_postgres: in a Postgres below home. Else at these addresses; ones with a password come from the environment
    (AIRFLOW__DATABASE__SQL_ALCHEMY_CONN, MLFLOW_TRACKING_URI), never from a file.
    """

    embedded_postgres: bool
    airflow_database_url: str | None
    mlflow_tracking_uri: str | None
    airflow_port: int
    mlflow_port: int
    data_docs_port: int
    silence_seconds: int = Field(ge=60)


class Settings(Strict):
    """Everything a job needs to know about where it runs; business data lies in its own files.

    operator: folder of the operator's own business data, laid over the delivered files (conf/overlay.py).
    """

    profile: str
    operator: Path | None = None
    home: Path
    time_zone: str
    history_first: date
    first_night: date
    nights: int = Field(ge=0)
    load_cutoff_hour: int = Field(ge=0, le=23)
    initial_load: InitialLoadSettings
    simulator: SimulatorSettings
    control: ControlSettings
    allocation: AllocationSettings
    alerts: AlertSettings
    training: TrainingSettings
    retention: RetentionSettings
    services: ServiceSettings
    spark: SparkSettings

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
        """Folder of the project itself."""
        return ROOT

    def path(self, *parts: str) -> Path:
        """A path below home."""
        return self.home.joinpath(*parts)

    @property
    def history(self) -> DateRange:
        """Business dates of the initial load: from the first day of history to the day before the first night."""
        return DateRange(self.history_first, self.first_night - timedelta(days=1))

    @property
    def night_dates(self) -> list[date]:
        """Business dates of the nights this profile plays."""
        return [self.first_night + timedelta(days=offset) for offset in range(self.nights)]

    def with_home(self, home: Path) -> Settings:
        """The same settings on another home folder."""
        return self.model_copy(update={"home": Path(home)})


def profile_names() -> list[str]:
    """Profiles there are: one file each."""
    return [path.stem for path in yaml_files(PROFILES)]


def load_settings(profile: str | None = None, home: str | Path | None = None) -> Settings:
    """Read settings of a profile (argument, else $CLOSEDLOOP_PROFILE, else demo); home: argument, $CLOSEDLOOP_HOME, profile."""
    name = profile or os.environ.get(PROFILE_VARIABLE) or DEFAULT_PROFILE
    profile_file = PROFILES / f"{name}.yaml"
    if not profile_file.is_file():
        raise ConfigError(PROFILES, "profile", name, f"one of: {', '.join(profile_names())}")
    overlay = _mapping(profile_file)
    merged = _merge(_mapping(SETTINGS_FILE), overlay)
    chosen_home = home or os.environ.get(HOME_VARIABLE) or merged.get("home", ".run")
    merged.update(profile=name, home=(ROOT / Path(chosen_home)).resolve())
    if given := os.environ.get(OPERATOR_VARIABLE):
        merged["operator"] = checked_folder(given, f"${OPERATOR_VARIABLE}")
    elif merged.get("operator"):
        merged["operator"] = checked_folder(str(merged["operator"]), str(profile_file))
    try:
        return parse(Settings, merged, profile_file)
    except ConfigError as error:
        place = profile_file if _is_given(overlay, error.key) else SETTINGS_FILE
        raise ConfigError(place, error.key, error.found, error.wanted) from None


def _mapping(path: Path) -> dict[str, Any]:
    found = read_yaml(path) or {}
    if not isinstance(found, dict):
        raise ConfigError(path, "(file)", type(found).__name__, "a mapping of keys")
    return found


def _is_given(given: Any, key: str) -> bool:
    """Whether a file sets the key a.b.c itself."""
    for part in key.split("."):
        if not isinstance(given, dict) or part not in given:
            return False
        given = given[part]
    return True


def _merge(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in overlay.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged
