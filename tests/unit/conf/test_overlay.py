"""An operator's folder is laid over the delivered business data; what it cannot change, and what mirrors nothing, is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from conf.campaigns import CAMPAIGNS, load_campaigns
from conf.channels import load_channels
from conf.errors import ConfigError
from conf.kpi import load_kpis
from conf.overlay import checked_folder, merge
from conf.policy import load_policy
from conf.reading import operator_folder
from conf.regions import load_regions
from conf.settings import PROFILES, load_settings, profile_names
from conf.tables import load_tables, query_text, table_of, tables_of_job
from expectations.suites import load_suites
from jobs.targeting.approval import campaign_hash

DECK_DAY = {"SMS": 7_000_000, "MMS": 1_000_000, "WAP_PUSH": 1_000_000}  # 4.13 M1


@pytest.fixture
def operator(tmp_path, monkeypatch):
    """Write files of an operator's folder, and let the process read with it."""

    def write(**files: str) -> Path:
        for name, text in files.items():
            path = tmp_path / (name.replace("__", "/") + ("" if "." in name else ".yaml"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        monkeypatch.setenv("CLOSEDLOOP_CONF", str(tmp_path))
        return tmp_path

    return write


def profile_capacities(monkeypatch, profile: str) -> dict[str, int]:
    monkeypatch.setenv("CLOSEDLOOP_PROFILE", profile)
    return {code: channel.capacity_per_day for code, channel in load_channels().items()}


@pytest.mark.parametrize("profile", ["server", "cluster", "million"])
def test_a_province_sends_what_the_deck_says_and_no_demonstration_figure(monkeypatch, profile):
    monkeypatch.setenv("SPARK_CONNECT_AUTHENTICATE_TOKEN", "the cluster's")
    assert load_settings(profile).operator is None
    found = profile_capacities(monkeypatch, profile)

    assert {code: found[code] for code in DECK_DAY} == DECK_DAY
    assert min(found.values()) >= 1000
    assert min(load_policy().staff.staff_hours_per_day.values()) >= 100
    assert min(campaign.budget.per_night_yuan for campaign in load_campaigns().values()) >= 10_000
    assert {channel.minimum_per_day for channel in load_channels().values()} == {0}
    assert (load_policy().control.share, load_policy().control.minimum) == (0.05, 1000)  # 5.28
    assert {name: kpi.target_per_1000_live for name, kpi in load_kpis().items()} == {
        "CRBT_PAYING": 560,
        "CRBT_DOWNLOADERS": 97,
        "NEWSPAPER": 42,
        "MUSIC_CLUB_PREMIUM": 17,
    }


@pytest.mark.parametrize("profile", ["demo", "local", "proof", "province"])
def test_the_town_of_the_simulator_keeps_its_small_figures(monkeypatch, profile):
    found = profile_capacities(monkeypatch, profile)

    assert load_settings(profile).operator == operator_folder()
    assert (found["SMS"], found["OUTBOUND"]) == (150, 60)
    assert load_policy().staff.staff_hours_per_day["OUTBOUND"] == 5.5
    assert {campaign.minimum_per_night for campaign in load_campaigns().values()} == {40}
    assert (load_policy().control.share, load_policy().control.minimum) == (0.10, 0)
    assert [kpi.target_per_1000_live for kpi in load_kpis().values()] == [560, 90, 200, 30]


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
    before = campaign_hash(load_campaigns()["CRBT_SAVE"])
    operator(campaigns__crbt_save="budget: {per_night_yuan: 123}\n")
    campaign = load_campaigns()["CRBT_SAVE"]

    assert campaign.budget.per_night_yuan == 123
    assert campaign.budget.total_yuan > 123, "the rest of the budget stays"
    assert campaign_hash(campaign) != before


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
        ({"segments__visits": "version: x"}, "segments/visits.yaml", "mirrors none"),
        ({"sql__visits": "table: rpt.visits"}, "sql/visits.yaml", "sql/<layer>/<table>.yaml"),
        ({"sql__diamond__visits": "table: rpt.visits"}, "sql/diamond/visits.yaml", "a layer of gold"),
        ({"sql__rpt__visits.sql": "SELECT 1"}, "sql/rpt/visits.sql", "a query without a contract"),
        (
            {"channels": "channels: [!remove {channel_code: FAX}]"},
            "channels.yaml",
            r"channels\.FAX'(.|\n)*not delivered",
        ),
        ({"policy": "caps: {cap_custmer_day: !remove }"}, "policy.yaml", "the nearest is cap_customer_day"),
        ({"policy": "!remove {}"}, "policy.yaml", "only a file of a folder"),
    ],
)
def test_mistake_of_the_operator_is_refused_in_his_own_file(operator, files, file, told):
    folder = operator(**files)

    with pytest.raises(ConfigError, match=told) as refused:
        _ = load_channels(), load_policy()
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


def test_entry_key_or_list_is_taken_away_or_replaced_whole(operator):
    operator(
        channels="channels:\n  - !remove {channel_code: IVR}\n  - {channel_code: SMS, reach: !replace {share: 0.5, weight_contacts: 9}}\n",
        policy="staff: {staff_hours_per_day: {STORE: !remove , OUTBOUND: 7}}\nsending: {opt_out_words: !replace [退订]}\n",
        regions="provinces: !replace\n  - {code: XZ, name: x, cities: [{code: '891', name: y, counties: {'89101': z}}]}\n",
    )

    assert "IVR" not in load_channels()
    assert len(load_channels()) == 8
    assert load_channels()["SMS"].reach.weight_contacts == 9
    assert load_policy().staff.staff_hours_per_day == {"OUTBOUND": 7, "HOTLINE": 1200, "ACCOUNT_MANAGER": 480}
    assert list(load_regions()) == ["XZ"]


def test_file_of_a_folder_is_taken_away(operator):
    delivered = set(load_campaigns())
    operator(campaigns__newspaper_growth="!remove\n")

    assert set(load_campaigns()) == delivered - {"NEWSPAPER_GROWTH"}


def test_rules_of_a_suite_are_merged_by_what_they_measure():
    delivered = [
        {"metric": "null_share", "column": "a", "max": 0.1, "severity": "warn"},
        {"metric": "null_share", "column": "b", "max": 0.1, "severity": "warn"},
    ]
    own = [{"metric": "null_share", "column": "b", "max": 0.4}]

    assert merge(delivered, own) == [delivered[0], delivered[1] | {"max": 0.4}]


OWN_FEED = """
feed: gift
title: Gifts
owner: x
source: boss
unit: "99001"
style: dollar
encoding: utf-8
content: event
cadence: daily
deadline: "06:00"
when_missing: carry
allow_empty: true
key: [gift_id]
duplicate_days: 7
keep: forever
fields: [{name: gift_id, type: code, required: true}, {name: gift_time, type: datetime14, required: true}]
"""
OWN_REPORT = """
table: rpt.gifts
description: Gifts by day
grain: one row per day with gifts
owner: analyst@operator
stage: evaluation
made_by: query
key: [report_date]
keep: forever
columns:
  - {name: report_date, type: date, description: the day}
  - {name: gifts, type: bigint, description: gifts made}
"""


def test_feed_table_query_and_suite_of_the_operators_own_are_read(operator):
    before = set(load_tables())
    folder = operator(
        **{
            "feeds__gift": OWN_FEED,
            "sql__rpt__gifts": OWN_REPORT,
            "sql__rpt__gifts.sql": "SELECT load_date AS report_date, count(*) AS gifts FROM bronze.gift GROUP BY load_date",
            "sql__gold__suppression.sql": "SELECT 1",
            "sql__work__owners.sql": "SELECT 2",
            "sql__work__gift_days.sql": "SELECT 3",
            "sql__gold__customer_360": "retention_days: 77",
            "expectations__rpt__gifts": "table: rpt.gifts\nrules: [{metric: row_count, min: 1, severity: warn, reason: gifts every day}]",
        }
    )

    assert set(load_tables()) == before | {"bronze.gift", "rpt.gifts"}
    assert table_of("rpt.gifts").sql_file == folder / "sql" / "rpt" / "gifts.sql"
    assert table_of("gold.suppression").sql_file == folder / "sql" / "gold" / "suppression.sql"
    assert query_text("work.owners") == "SELECT 2"
    assert query_text("work.gift_days") == "SELECT 3"
    assert "rpt.gifts" in tables_of_job("evaluate")
    assert table_of("gold.customer_360").retention_days == 77
    assert len(table_of("gold.customer_360").columns) > 100, "columns stay as delivered"
    assert load_suites()["rpt.gifts"].rules[0].severity == "warn"


def test_profile_of_the_operators_own_is_laid_over_the_delivered_one(operator):
    operator(profiles__server="spark: {driver_memory: 99g}", profiles__mine="nights: 2\nspark: {port: 15002}")

    assert load_settings("server").spark.driver_memory == "99g"
    assert load_settings("server").spark.parallel_tables == 4, "the rest of the delivered profile stays"
    assert load_settings("mine").nights == 2
    assert {"mine", "demo", "server"} <= set(profile_names())


def test_profile_is_not_looked_for_in_a_folder_a_profile_names(operator, tmp_path):
    folder = operator(profiles__mine="nights: 2")

    with pytest.raises(ConfigError, match="a profile cannot name its own place"):
        checked_folder(str(folder), "conf/profiles/demo.yaml")
