"""Each value says which file or variable it comes from, and nothing secret is shown."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from conf.errors import ConfigError
from conf.origins import HIDDEN, REMOVED, origins
from jobs.cli import app


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An operator's folder of channels and policy over the delivered ones, on a profile of its own."""
    monkeypatch.setenv("CLOSEDLOOP_CONF", str(tmp_path))
    monkeypatch.setenv("CLOSEDLOOP_PROFILE", "mine")
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.yaml").write_text("spark: {master: 'local[7]'}\nhome: /tmp/mine\n", encoding="utf-8")
    (tmp_path / "channels.yaml").write_text(
        "channels: [{channel_code: SMS, capacity_per_day: 9}, !remove {channel_code: IVR}]\n", encoding="utf-8"
    )
    (tmp_path / "policy.yaml").write_text("sending: {opt_out_words: [退订]}\n", encoding="utf-8")
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "campaigns" / "newspaper_growth.yaml").write_text("!remove\n", encoding="utf-8")
    return tmp_path


def told(prefix: str) -> dict[str, tuple[str, str]]:
    return {origin.key: (origin.value, origin.place) for origin in origins(prefix)}


def test_setting_says_its_variable_secret_profile_file_or_default(monkeypatch, folder):
    monkeypatch.setenv("CLOSEDLOOP__SPARK__DRIVER_MEMORY", "3g")
    monkeypatch.setenv("CLOSEDLOOP__SPARK__EXTRA_CONF", "{spark.fs.s3a.secret.key: hunter2, spark.ui.enabled: 'false'}")
    spark = told("spark")

    assert spark["spark.driver_memory"] == ('"3g"', "$CLOSEDLOOP__SPARK__DRIVER_MEMORY")
    assert spark["spark.master"] == ('"local[7]"', str(folder / "profiles" / "mine.yaml"))
    assert spark["spark.port"] == ("15002", "conf/settings.yaml")
    assert spark["spark.java_options"] == ('""', "conf/settings.py, its default")
    assert spark["spark.extra_conf.spark.fs.s3a.secret.key"] == (HIDDEN, "$CLOSEDLOOP__SPARK__EXTRA_CONF")
    assert spark["spark.extra_conf.spark.ui.enabled"] == ('"false"', "$CLOSEDLOOP__SPARK__EXTRA_CONF")
    assert told("operator")["operator"] == (f'"{folder}"', "$CLOSEDLOOP_CONF")


def test_nothing_secret_is_shown(monkeypatch, tmp_path):
    secrets = tmp_path.parent / f"{tmp_path.name}-secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "alerts__webhook_url").write_text("https://hooks.example/hunter2")
    (secrets / "alerts__webhook_url").chmod(0o600)
    monkeypatch.setenv("CLOSEDLOOP_SECRETS_DIR", str(secrets))
    monkeypatch.setenv("CLOSEDLOOP__SERVICES__MLFLOW_TRACKING_URI", "http://me:hunter2@mlflow")
    monkeypatch.setenv("CLOSEDLOOP__SPARK__JAVA_OPTIONS", "-Dstore.password=hunter2 -Xss4m")
    found = told("")

    assert found["alerts.webhook_url"] == (HIDDEN, str(secrets / "alerts__webhook_url"))
    assert found["services.mlflow_tracking_uri"][0] == HIDDEN
    assert found["spark.java_options"][0] == f'"-Dstore.password={HIDDEN} -Xss4m"'
    assert not [key for key, (value, _) in found.items() if "hunter2" in value]
    assert len(found) > 1000


def test_business_value_says_whose_file_it_is_in(folder):
    channels = told("channels")

    assert channels["channels.SMS.capacity_per_day"] == ("9", str(folder / "channels.yaml"))
    assert channels["channels.SMS.cost_yuan"] == ("0.05", "conf/channels.yaml")
    assert channels["channels.IVR"] == (REMOVED, str(folder / "channels.yaml"))
    assert not [key for key in channels if key.startswith("channels.IVR.")]
    assert told("policy.sending.opt_out_words")["policy.sending.opt_out_words"] == (
        '["退订"]',
        str(folder / "policy.yaml"),
    )
    assert told("campaigns.newspaper_growth")["campaigns.newspaper_growth"][0] == REMOVED
    assert told("sql.gold.suppression")["sql.gold.suppression.owner"][1] == "sql/gold/suppression.yaml"


def test_value_there_is_not_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"the nearest is channels\.SMS"):
        origins("channels.SSM")


def test_command_prints_values_and_on_demand_their_places(tmp_path):
    runner = CliRunner(env={"CLOSEDLOOP_HOME": str(tmp_path / "home")})

    assert runner.invoke(app, ["settings", "spark.master"]).output == 'spark.master = "local[7]"\n'
    shown = runner.invoke(app, ["settings", "--origin", "spark.master"]).output
    assert shown == f'spark.master = "local[7]"    {tmp_path}/profiles/mine.yaml\n'
    assert not (tmp_path / "home").exists(), "who only looks makes no home"
