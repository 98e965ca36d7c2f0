"""An operator's folder is laid over the delivered business data; what it cannot change, and what mirrors nothing, is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from conf.campaigns import CAMPAIGNS, load_campaigns
from conf.channels import load_channels
from conf.errors import ConfigError
from conf.overlay import merge
from conf.policy import load_policy
from conf.reading import operator_folder
from conf.settings import PROFILES, load_settings
from jobs.targeting.approval import content_hash

DECK_DAY = {"SMS": 7_000_000, "MMS": 1_000_000, "WAP_PUSH": 1_000_000}  # 4.13 M1


@pytest.fixture
def operator(tmp_path, monkeypatch):
    """Write files of an operator's folder, and let the process read with it."""

    def write(**files: str) -> Path:
        for name, text in files.items():
            path = tmp_path / f"{name.replace('__', '/')}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        monkeypatch.setenv("CLOSEDLOOP_CONF", str(tmp_path))
        return tmp_path

    return write


def profile_capacities(monkeypatch, profile: str) -> dict[str, int]:
    monkeypatch.setenv("CLOSEDLOOP_PROFILE", profile)
    return {code: channel.capacity_per_day for code, channel in load_channels().items()}


@pytest.mark.parametrize("profile", ["server", "cluster"])
def test_a_province_sends_what_the_deck_says_and_no_demonstration_figure(monkeypatch, profile):
    monkeypatch.setenv("SPARK_CONNECT_AUTHENTICATE_TOKEN", "the cluster's")
    assert load_settings(profile).operator is None
    found = profile_capacities(monkeypatch, profile)

    assert {code: found[code] for code in DECK_DAY} == DECK_DAY
    assert min(found.values()) >= 1000
    assert min(load_policy().staff.staff_hours_per_day.values()) >= 100
    assert min(campaign.budget.per_night_yuan for campaign in load_campaigns().values()) >= 10_000
    assert {channel.minimum_per_day for channel in load_channels().values()} == {0}


@pytest.mark.parametrize("profile", ["demo", "local", "proof", "province"])
def test_the_town_of_the_simulator_keeps_its_small_figures(monkeypatch, profile):
    found = profile_capacities(monkeypatch, profile)

    assert load_settings(profile).operator == operator_folder()
    assert (found["SMS"], found["OUTBOUND"]) == (150, 60)
    assert load_policy().staff.staff_hours_per_day["OUTBOUND"] == 5.5
    assert {campaign.minimum_per_night for campaign in load_campaigns().values()} == {40}


def test_profiles_that_play_the_simulator_are_those_tried_above(monkeypatch):
    monkeypatch.setenv("SPARK_CONNECT_AUTHENTICATE_TOKEN", "the cluster's")
    named = {path.stem for path in PROFILES.glob("*.yaml") if load_settings(path.stem).operator}

    assert named == {"demo", "local", "proof", "province"}


def test_entry_of_a_list_is_merged_by_its_id_and_the_rest_stays(operator, monkeypatch):
    delivered = profile_capacities(monkeypatch, "server")
    operator(channels="channels:\n  - {channel_code: MMS, capacity_per_day: 7, reach: {share: 0.5}}\n")
    found = load_channels()

    assert {code: channel.capacity_per_day for code, channel in found.items()} == delivered | {"MMS": 7}
    assert found["MMS"].reach.share == 0.5
    assert found["MMS"].reach.weight_contacts == 200, "a key the operator does not give stays as delivered"
    assert list(found) == list(delivered)


def test_environment_comes_before_the_profile(operator, monkeypatch):
    folder = operator(channels="channels:\n  - {channel_code: SMS, capacity_per_day: 99}\n")
    monkeypatch.setenv("CLOSEDLOOP_PROFILE", "demo")

    assert load_settings("demo").operator == folder
    assert load_channels()["SMS"].capacity_per_day == 99
    assert load_channels()["MMS"].capacity_per_day == DECK_DAY["MMS"], "one folder, not two on top of each other"


def test_budget_of_the_operator_is_content_an_approval_binds_to(operator, monkeypatch):
    monkeypatch.setenv("CLOSEDLOOP_PROFILE", "server")
    before = content_hash(load_campaigns()["CRBT_SAVE"])
    operator(campaigns__crbt_save="budget: {per_night_yuan: 123}\n")
    campaign = load_campaigns()["CRBT_SAVE"]

    assert campaign.budget.per_night_yuan == 123
    assert campaign.budget.total_yuan > 123, "the rest of the budget stays"
    assert content_hash(campaign) != before


def test_campaign_of_the_operators_own_is_added(operator):
    own = yaml.safe_load((CAMPAIGNS / "crbt_save.yaml").read_text(encoding="utf-8")) | {"campaign_id": "CRBT_SAVE_CITY"}
    delivered = set(load_campaigns())
    operator(campaigns__crbt_save_city=yaml.safe_dump(own, allow_unicode=True))

    assert set(load_campaigns()) == delivered | {"CRBT_SAVE_CITY"}


@pytest.mark.parametrize(
    ("files", "file", "told"),
    [
        (
            {"channels": "channels: [{channel_code: SMS, capacity: 9}]"},
            "channels.yaml",
            r"channels\.SMS\.capacity(.|\n)*unknown key",
        ),
        ({"channels": "chanels: []"}, "channels.yaml", "unknown key 'chanels'"),
        ({"channels": "channels: [{channel_code: FAX, capacity_per_day: 9}]"}, "channels.yaml", r"channels\.FAX\.bit"),
        (
            {"channels": "channels: [{channel_code: SMS, minimum_per_day: 9000000}]"},
            "channels.yaml",
            "minimum_per_day at most",
        ),
        ({"chanels": "channels: []"}, "chanels.yaml", r"mirrors none(.|\n)*channels\.yaml"),
        ({"settings": "nights: 1"}, "settings.yaml", "mirrors none"),
        ({"operator": "usage: {}"}, "operator.yaml", "mirrors none"),
        ({"feeds__visits": "feed: visits"}, "feeds/visits.yaml", "mirrors none"),
    ],
)
def test_mistake_of_the_operator_is_refused_in_his_own_file(operator, files, file, told):
    folder = operator(**files)

    with pytest.raises(ConfigError, match=told) as refused:
        load_channels()
    assert refused.value.file == str(folder / file)


def test_folder_that_does_not_exist_is_refused(monkeypatch):
    monkeypatch.setenv("CLOSEDLOOP_CONF", "conf/operators/nobody")

    with pytest.raises(ConfigError, match="a folder that mirrors conf/"):
        load_channels()
    with pytest.raises(ConfigError, match="a folder that mirrors conf/"):
        load_settings("server")


def test_list_of_rules_is_replaced_whole_and_not_merged():
    delivered = {"all": [{"column": "a", "op": "eq", "value": 1}, {"column": "b", "op": "eq", "value": 2}]}
    own = {"all": [{"column": "c", "op": "eq", "value": 3}]}

    assert merge(delivered, own) == own, "a selection joined of two would select other people than either says"
