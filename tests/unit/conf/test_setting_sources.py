"""Settings come from arguments, environment, secrets, profile and shared file, in this order; a mistake names its place."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from conf import settings as settings_module
from conf.errors import ConfigError, InputRefused
from conf.setting_sources import setting_names, variable_of
from conf.settings import Settings, load_settings
from jobs.lakehouse.secrets import known_secret, replace_secret


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder of secrets the environment names."""
    made = tmp_path / "credentials"
    made.mkdir(mode=0o700)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(made))
    return made


def put(folder: Path, name: str, text: str, mode: int = 0o600) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / name
    file.write_text(text + "\n", encoding="utf-8")
    file.chmod(mode)
    return file


def test_variable_of_the_environment_comes_before_the_profile(monkeypatch):
    monkeypatch.setenv("CLOSEDLOOP__SPARK__DRIVER_MEMORY", "77m")
    monkeypatch.setenv("CLOSEDLOOP__ALLOCATION__THREADS", "3")
    monkeypatch.setenv("CLOSEDLOOP__SERVICES__EMBEDDED_POSTGRES", "false")
    monkeypatch.setenv("CLOSEDLOOP__INITIAL_LOAD__SNAPSHOT_DATES", "[2026-01-08, '2026-02-07']")
    monkeypatch.setenv("CLOSEDLOOP__DOORS__EXPORT_GROUPS__SMS", "agents")
    monkeypatch.setenv("CLOSEDLOOP__SPARK__EXTRA_CONF", '{"spark.ui.enabled": "false"}')
    monkeypatch.setenv("CLOSEDLOOP__SPARK__REMOTE", "null")
    found = load_settings("demo")

    assert (found.spark.driver_memory, found.allocation.threads, found.services.embedded_postgres) == ("77m", 3, False)
    assert found.initial_load.snapshot_dates == (date(2026, 1, 8), date(2026, 2, 7))
    assert found.doors.export_groups == {"SMS": "agents"}, "the key of a mapping keeps its letters"
    assert found.spark.extra_conf == {"spark.ui.enabled": "false"}
    assert found.spark.remote is None
    assert (found.spark.shuffle_partitions, found.allocation.gap_target) == (2, 0.002), "the rest is the profile's"


def test_every_setting_has_a_variable(monkeypatch):
    names = list(setting_names(Settings))
    assert {"spark", "spark.driver_memory", "retention.landing.after_days", "home"} <= set(names)
    assert variable_of("retention.landing.after_days") == "CLOSEDLOOP__RETENTION__LANDING__AFTER_DAYS"

    monkeypatch.setenv("CLOSEDLOOP__RETENTION__LANDING__AFTER_DAYS", "123")
    assert load_settings("demo").retention.landing.after_days == 123


@pytest.mark.parametrize(
    ("variable", "text", "key", "told"),
    [
        ("CLOSEDLOOP__SPARK__DRIVER_MEMRY", "1g", "spark.driver_memry", "the nearest is SPARK__DRIVER_MEMORY"),
        ("CLOSEDLOOP__SPRAK__PORT", "1", "sprak.port", "the nearest is SPARK__PORT"),
        ("CLOSEDLOOP__SPARK__PORT__X", "1", "spark.port.x", "unknown name"),
        ("CLOSEDLOOP__PROFILE", "demo", "profile", r"\$CLOSEDLOOP_PROFILE"),
        ("CLOSEDLOOP__OPERATOR", "x", "operator", r"\$CLOSEDLOOP_CONF"),
        ("CLOSEDLOOP__SPARK__SHUFFLE_PARTITIONS", "none", "spark.shuffle_partitions", "valid integer"),
        ("CLOSEDLOOP__SPARK__PORT", "15003", "spark", "has not port 15003"),
        ("CLOSEDLOOP__INITIAL_LOAD__SNAPSHOT_DATES", "[2026", "initial_load.snapshot_dates", "a list or a mapping"),
        ("CLOSEDLOOP__INITIAL_LOAD__SNAPSHOT_DATES", "soon", "initial_load.snapshot_dates", "valid tuple"),
    ],
)
def test_mistake_in_a_variable_names_the_variable(monkeypatch, variable, text, key, told):
    monkeypatch.setenv(variable, text)

    with pytest.raises(ConfigError, match=told) as refused:
        load_settings("demo")

    assert (refused.value.file, refused.value.key) == (f"${variable}", key)


def test_variables_with_a_name_of_their_own_still_count_and_come_first(monkeypatch, tmp_path):
    monkeypatch.setenv("CLOSEDLOOP__HOME", str(tmp_path / "one"))
    assert load_settings("demo").home == tmp_path / "one"
    monkeypatch.setenv("CLOSEDLOOP_HOME", str(tmp_path / "two"))
    assert load_settings("demo").home == tmp_path / "two"
    assert load_settings("demo", tmp_path / "three").home == tmp_path / "three"


def test_secrets_of_a_folder_are_settings_and_keys_and_the_home_comes_last(folder, tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    put(home / "secrets", "alerts__webhook_url", "https://home.example/x")
    assert load_settings("demo", home).alerts.webhook_url == "https://home.example/x"
    put(folder, "alerts__webhook_url", "https://given.example/x")
    put(folder, "services__airflow_database_url", "postgresql://airflow:word@db/airflow")
    put(folder, "webhook.authorization", "Bearer given")
    put(home / "secrets", "webhook.authorization", "Bearer home")
    found = load_settings("demo", home)

    assert found.alerts.webhook_url == "https://given.example/x"
    assert found.services.airflow_database_url == "postgresql://airflow:word@db/airflow"
    assert known_secret(found, "webhook.authorization") == "Bearer given"
    monkeypatch.setenv("CLOSEDLOOP__ALERTS__WEBHOOK_URL", "https://variable.example/x")
    assert load_settings("demo", home).alerts.webhook_url == "https://variable.example/x"


def test_secret_the_operator_keeps_elsewhere_is_not_replaced_here(folder, tmp_path):
    put(folder, "some.key", "one")

    with pytest.raises(InputRefused, match="replace it there"):
        replace_secret(load_settings("demo", tmp_path), "some.key", "two")
    assert (folder / "some.key").read_text() == "one\n"


def test_secret_others_may_read_is_refused_and_a_group_only_below_home(folder, tmp_path):
    file = put(folder, "alerts__webhook_url", "https://given.example/x", mode=0o644)
    with pytest.raises(InputRefused, match=str(file)):
        load_settings("demo", tmp_path)
    file.chmod(0o440)
    folder.chmod(0o1777)  # as systemd and Kubernetes give it
    assert load_settings("demo", tmp_path).alerts.webhook_url == "https://given.example/x"

    file = put(tmp_path / "secrets", "alerts__webhook_url", "https://home.example/x", mode=0o640)
    with pytest.raises(InputRefused, match=str(file)):
        load_settings("demo", tmp_path)


def test_mistake_in_a_secret_names_its_file_and_does_not_show_it(folder):
    file = put(folder, "alerts__webhook_url", "https://me:hunter2@given.example/x")
    with pytest.raises(ConfigError, match="without a login") as refused:
        load_settings("demo")
    assert refused.value.file == str(file)
    assert "hunter2" not in str(refused.value)

    file.rename(folder / "alerts__webhok_url")
    with pytest.raises(ConfigError, match="the nearest is ALERTS__WEBHOOK_URL") as refused:
        load_settings("demo")
    assert refused.value.file == str(folder / "alerts__webhok_url")


def test_home_that_does_not_answer_holds_nothing_up(tmp_path, monkeypatch):
    from threading import Event

    from conf import setting_sources

    answers, looks = Event(), setting_sources._texts_of
    monkeypatch.setattr(setting_sources, "HOME_SECONDS", 0.05)
    monkeypatch.setattr(
        setting_sources, "_texts_of", lambda place: answers.wait() and {} if place.parent == tmp_path else looks(place)
    )

    assert load_settings("demo", tmp_path).home == tmp_path
    answers.set()


def test_address_with_a_password_is_refused_in_a_file_of_settings(tmp_path, monkeypatch):
    address = "postgresql://airflow:hunter2@db/airflow"
    (tmp_path / "mine.yaml").write_text(
        yaml.safe_dump({"services": {"airflow_database_url": address}}), encoding="utf-8"
    )
    monkeypatch.setattr(settings_module, "PROFILES", tmp_path)

    with pytest.raises(ConfigError, match="CLOSEDLOOP__SERVICES__AIRFLOW_DATABASE_URL") as refused:
        load_settings("mine")
    assert (refused.value.file, refused.value.key) == (str(tmp_path / "mine.yaml"), "services.airflow_database_url")
    assert "hunter2" not in str(refused.value)

    (tmp_path / "mine.yaml").write_text("nights: 0", encoding="utf-8")
    monkeypatch.setenv("CLOSEDLOOP__SERVICES__AIRFLOW_DATABASE_URL", address)
    assert load_settings("mine").services.airflow_database_url == address
