"""Campaign files: every pilot parses and its rules compile; broken ones are refused with file, key, found and wanted."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
import yaml

from conf.campaigns import CAMPAIGNS, read_campaign
from conf.channels import load_channels
from conf.errors import ConfigError
from conf.tags import load_tags
from jobs.targeting.campaign_rules import compile_campaign

PILOTS = sorted(CAMPAIGNS.glob("*.yaml"))
BROKEN = {
    "unknown key": ({"budgett": 1}, "budgett", "unknown key"),
    "unknown key in a task": ({"tasks.0.chanel": "SMS"}, "tasks.0.chanel", "unknown key 'chanel'"),
    "missing key": ({"product_id": None}, "product_id", "required key 'product_id'"),
    "unknown product": ({"product_id": "CRBTT"}, "product_id", "one of: CRBT"),
    "unknown channel": ({"tasks.0.channel_code": "FAX"}, "waves[1].channels", "'SMS'"),
    "excluded campaign misspelt": (
        {"exclusions": {"campaigns": ["CRBT_SAVEE"]}},
        "exclusions.campaigns",
        "the nearest is CRBT_SAVE",
    ),
    "list colour misspelt": ({"exclusions": {"list_colours": ["BLAK"]}}, "exclusions.list_colours", "nearest is BLACK"),
    "province misspelt": ({"scope": {"province": "FZ"}}, "scope.province", "one of: FJ; the nearest is FJ"),
    "city by its name": ({"scope": {"province": "FJ", "cities": ["厦门市"]}}, "scope.cities", "one of: 591, 592"),
    "county of another city": (
        {"scope": {"province": "FJ", "cities": ["591"], "counties": ["59201"]}},
        "scope.counties",
        "the nearest is 59101",
    ),
    "share above half": ({"control_share": 0.9}, "control_share", "less than or equal to 0.5"),
    "text for a number": ({"priority": "first"}, "priority", "valid integer"),
    "date that does not exist": ({"first_date": "2026-02-30"}, "first_date", "date"),
    "last before first": ({"last_date": "2026-02-01"}, "(file)", "lies after last_date"),
    "id unlike the file": ({"campaign_id": "OTHER"}, "campaign_id", "CRBT_ACQUISITION, the name of the file"),
    "offer nobody makes": ({"tasks.0.offer_id": "NOTHING"}, "tasks.offer_id", "NOTHING"),
    "text without a way to refuse": (
        {"tasks.0.script_text": "Buy now"},
        "tasks.0.script_text",
        "a text that says how to refuse",
    ),
    "WAP text without a way to refuse": (
        {"tasks.2.script_text": "Buy now"},
        "tasks.2.script_text",
        "a text that says how to refuse",
    ),
    "script address with a script": ({"tasks.2.script_url": "javascript:alert(1)"}, "tasks.2.script_url", "pattern"),
    "waves out of order": ({"waves.0.wave_no": 2}, "(file)", "waves numbered 1, 2, 3"),
}
BROKEN_RULES = {
    "unknown column": (
        {"column": "propensity_crtb_score", "op": "ge", "value": 0.5},
        "selection.column",
        "propensity_crtb_score",
    ),
    "unknown operator": ({"column": "age_years", "op": "like", "value": 5}, "selection.op", "one of: eq"),
    "value of the wrong type": ({"column": "age_years", "op": "ge", "value": "5"}, "selection.value", "whole number"),
    "SQL in a value's place": (
        {"column": "age_years) OR (1=1", "op": "ge", "value": 5},
        "selection.column",
        "age_years) OR (1=1",
    ),
    "personal data": ({"column": "msisdn", "op": "eq", "value": 5}, "selection.column", "msisdn"),
    "nothing": ({}, "selection", "a mapping"),
    "state misspelt": (
        {"column": "crbt_lifecycle_state", "op": "eq", "value": "CHRUNED"},
        "selection.value",
        "the nearest is CHURNED",
    ),
    "tag misspelt": ({"has_tag": "HEAVY_CALER"}, "selection.has_tag", "the nearest is HEAVY_CALLER"),
    "city misspelt": (
        {"column": "city_code", "op": "in", "value": ["592", "5951"]},
        "selection.value",
        "nearest is 595",
    ),
    "do not disturb misspelt": (
        {"column": "dnd_levels", "op": "contains", "value": "CHANNEL:SSM"},
        "selection.value",
        "the nearest is CHANNEL:SMS",
    ),
}


def broken_file(folder: Path, changes: dict) -> Path:
    content = yaml.safe_load((CAMPAIGNS / "crbt_acquisition.yaml").read_text(encoding="utf-8"))
    for key, value in changes.items():
        *path, last = key.split(".")
        place = content
        for part in path:
            place = place[int(part)] if part.isdigit() else place[part]
        if value is None:
            del place[last]
        else:
            place[last] = value
    path = folder / "crbt_acquisition.yaml"
    shutil.copytree(CAMPAIGNS, folder, dirs_exist_ok=True)
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


@pytest.mark.parametrize("path", PILOTS, ids=lambda path: path.name)
def test_pilot_is_whole(path):
    campaign = read_campaign(path)
    compiled = compile_campaign(campaign)
    assert compiled.selection.describe()
    assert campaign.waves[0].after_days == 0


def test_pilots_use_all_nine_channels_in_their_first_wave():
    used = {code for path in PILOTS for code in read_campaign(path).waves[0].channels}
    assert used == set(load_channels())
    assert len(PILOTS) == 5


@pytest.mark.parametrize("name", BROKEN)
def test_broken_file_is_refused(tmp_path, name):
    changes, key, words = BROKEN[name]
    path = broken_file(tmp_path, changes)
    with pytest.raises(ConfigError) as refusal:
        read_campaign(path)
    text = str(refusal.value)
    assert str(path) in text
    assert words in text, text
    assert key in text, text


PLACES = ("selection", "model_selected", "exclusions.rule")


@pytest.mark.parametrize(
    ("name", "place"),
    [(name, place) for name, (rule, *_) in BROKEN_RULES.items() for place in PLACES if rule or place == "selection"],
)
def test_broken_rule_is_refused(tmp_path, name, place):
    rule, key, words = BROKEN_RULES[name]
    key = key.replace("selection", place if place != "exclusions.rule" else f"{place}.not")
    path = broken_file(tmp_path, {"exclusions": {}, place: rule})
    with pytest.raises(ConfigError) as refusal:
        compile_campaign(read_campaign(path), path)
    text = str(refusal.value)
    assert str(path) in text
    assert key in text, text
    assert words in text, text


def test_campaigns_of_the_system_before_and_of_the_folder_can_be_excluded(tmp_path):
    named = ["CRBT_SAVE", "HIST_CRBT_2025Q4"]
    path = broken_file(tmp_path, {"exclusions": {"campaigns": named}})
    assert list(read_campaign(path).exclusions.campaigns) == named


def test_tag_that_ends_before_the_campaign_is_refused(tmp_path, monkeypatch):
    short = load_tags()["HEAVY_CALLER"].model_copy(update={"valid_to": date(2026, 3, 31)})
    monkeypatch.setattr("jobs.targeting.campaign_rules.load_tags", lambda: {"HEAVY_CALLER": short})
    path = broken_file(tmp_path, {"exclusions": {"rule": {"has_tag": "HEAVY_CALLER"}}})
    with pytest.raises(ConfigError, match="in force from 2026-03-01 to 2026-04-30"):
        compile_campaign(read_campaign(path), path)


@pytest.mark.parametrize("model", ["churn_crbt", "churn_offnet", "influence_adoption"])
def test_score_that_is_no_chance_of_a_yes_is_refused(tmp_path, model):
    path = broken_file(tmp_path, {"value.score": model})
    with pytest.raises(
        ConfigError, match=r"(?s)value\.score.*a chance of taking a product: propensity_crbt"
    ) as refusal:
        compile_campaign(read_campaign(path), path)
    assert refusal.value.file == str(path)


def test_score_that_is_no_chance_of_leaving_is_refused_for_a_campaign_that_keeps():
    keeps = read_campaign(CAMPAIGNS / "crbt_save.yaml")
    wrong = keeps.model_copy(update={"value": keeps.value.model_copy(update={"score": "propensity_crbt"})})
    with pytest.raises(ConfigError, match=r"(?s)value\.score.*a chance of leaving: churn_offnet, churn_crbt"):
        compile_campaign(wrong)


def test_key_given_twice_is_refused(tmp_path):
    path = tmp_path / "crbt_acquisition.yaml"
    path.write_text(
        (CAMPAIGNS / "crbt_acquisition.yaml").read_text(encoding="utf-8") + "\npriority: 9\n", encoding="utf-8"
    )
    with pytest.raises(ConfigError, match="given twice"):
        read_campaign(path)
