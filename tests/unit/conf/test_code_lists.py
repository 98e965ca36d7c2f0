"""Names and codes in data files: one list for each, and a misspelt one is refused with the nearest word."""

from __future__ import annotations

import shutil

import pytest
import yaml

from conf.campaigns import read_campaigns
from conf.code_lists import CODE_LISTS, code_list
from conf.errors import ConfigError
from conf.exports import EXPORTS, read_layout
from conf.feeds import load_feeds
from conf.models import MODELS_FILE, load_models
from conf.reading import one_of, yaml_files
from conf.regions import load_regions
from conf.tables import Column, load_tables
from conf.tags import FOLDER, load_tags, place_of
from jobs.view.roll_ups import strategic_rules, tag_rules


@pytest.mark.parametrize("name", CODE_LISTS)
def test_every_list_of_a_business_file_has_codes_with_words(name):
    codes = code_list(name)

    assert codes
    assert all(code and word for code, word in codes.items())


def test_unknown_list_is_refused_with_the_lists_there_are():
    with pytest.raises(ValueError, match="binary_models"):
        code_list("chanels")
    with pytest.raises(ValueError, match="one of: channels"):
        Column(name="x", type="string", description="x", values_from="chanels")


def test_contract_refuses_codes_of_a_number():
    with pytest.raises(ValueError, match="type string or array"):
        Column(name="x", type="int", description="x", values={"1": "one"})


def test_codes_of_a_column_are_those_of_its_list_and_its_own():
    column = load_tables()["gold.customer_360"].column("personality_segment")

    assert len(column.codes) == 15
    assert {"FASHION_PREMIUM", "UNSEGMENTED"} <= set(column.codes)


@pytest.mark.parametrize(
    ("found", "nearest"), [("CHRUNED", "CHURNED"), ("churned", "CHURNED"), ("SILNT", "SILENT"), ("XYZ", None)]
)
def test_error_names_the_nearest_word(found, nearest):
    text = one_of(found, ["NONE", "SILENT", "CHURNED"])

    assert text.startswith("one of: NONE, SILENT, CHURNED")
    assert text.endswith(f"the nearest is {nearest}") == (nearest is not None)


def test_every_tag_and_strategic_segment_has_a_rule_that_can_hold():
    assert set(tag_rules()) == set(load_tags())
    assert len(strategic_rules()) == 9


@pytest.mark.parametrize(
    ("change", "key", "nearest"),
    [
        ({"rule": {"column": "value_tier", "op": "eq", "value": "HIHG"}}, "rule.value", "HIGH"),
        ({"rule": {"column": "anomaly_reasons", "op": "contains", "value": "FORWARDS"}}, "rule.value", "FORWARDING"),
        ({"value_column": "brand_cod"}, "value_column", "brand_code"),
    ],
)
def test_tag_with_a_misspelt_name_is_refused_with_file_and_key(tmp_path, change, key, nearest):
    content = yaml.safe_load((FOLDER / "experts.yaml").read_text(encoding="utf-8"))
    content["tags"][3] |= change
    (tmp_path / "experts.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")

    with pytest.raises(ConfigError, match=f"the nearest is {nearest}") as refused:
        tag_rules(tmp_path)

    assert refused.value.file == str(tmp_path / "experts.yaml")
    assert refused.value.key == f"tags[3].{key}"


def test_county_code_given_to_two_cities_is_refused(tmp_path):
    file = tmp_path / "regions.yaml"
    counties = {"59101": "鼓楼区"}
    cities = [{"code": code, "name": code, "counties": counties} for code in ("591", "592")]
    file.write_text(
        yaml.safe_dump({"provinces": [{"code": "FJ", "name": "福建省", "cities": cities}]}), encoding="utf-8"
    )

    with pytest.raises(ConfigError, match="counties: every code once"):
        load_regions(file)


def test_simulated_places_carry_the_codes_of_the_regions():
    from simulator.facts import load_facts

    cities = load_facts().cities

    assert [city.code for city in cities] == [str(591 + number) for number in range(len(cities))]  # simulator/state.py
    for city in cities:
        assert list(city.counties) == [f"{city.code}{place:02d}" for place in range(1, len(city.counties) + 1)]


@pytest.mark.parametrize(
    "reader", [load_feeds, load_tags, read_campaigns, yaml_files], ids=lambda reader: reader.__name__
)
def test_empty_folder_is_refused(tmp_path, reader):
    with pytest.raises(ConfigError, match="at least one file"):
        reader(tmp_path)
    with pytest.raises(ConfigError, match="at least one file"):
        reader(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("place", "reader"),
    [
        ("conf.exports.EXPORTS", "conf.exports.load_exports"),
        ("conf.tables.SQL", "conf.tables.load_tables"),
        ("conf.settings.PROFILES", "conf.settings.profile_names"),
        ("expectations.suites.SUITES", "expectations.suites.load_suites"),
        ("conf.tags.FOLDER", None),
    ],
)
def test_loader_of_an_empty_folder_refuses(tmp_path, monkeypatch, place, reader):
    if reader is None:
        with pytest.raises(ConfigError, match="at least one file"):
            place_of("HEAVY_CALLER", tmp_path)
        return
    monkeypatch.setattr(place, tmp_path)
    module, name = reader.rsplit(".", 1)
    load = getattr(__import__(module, fromlist=[name]), name)

    with pytest.raises(ConfigError, match="at least one file"):
        getattr(load, "__wrapped__", load)()


def test_files_of_a_folder_come_by_name(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "tags")

    assert [path.name for path in yaml_files(tmp_path / "tags")] == ["experts.yaml", "frontline.yaml"]


@pytest.mark.parametrize(
    ("reader", "file", "change", "key", "nearest"),
    [
        (
            "conf.policy.load_policy",
            "conf.policy.POLICY_FILE",
            ("statuses: [ACTIVE]", "statuses: [ACTVE]"),
            "contactable.statuses",
            "ACTIVE",
        ),
        (
            "conf.policy.load_policy",
            "conf.policy.POLICY_FILE",
            ("SUSPENDED, GRACE]", "SUSPENDED, GRCE]"),
            "contactable.statuses_by_goal.RETAIN",
            "GRACE",
        ),
        (
            "conf.policy.load_policy",
            "conf.policy.POLICY_FILE",
            ("[NATIONAL_MOBILE]", "[MOBILE]"),
            "contactable.msisdn_classes",
            "NATIONAL_MOBILE",
        ),
        (
            "conf.policy.load_policy",
            "conf.policy.POLICY_FILE",
            ("follow_up_channel: OUTBOUND", "follow_up_channel: OUTBOND"),
            "stop.follow_up_channel",
            "OUTBOUND",
        ),
        (
            "conf.responses.load_response_rules",
            "conf.responses.RESPONSES_FILE",
            ("[MARKETING]", "[MARKTING]"),
            "complaint.marketing_categories",
            "MARKETING",
        ),
        (
            "conf.responses.load_response_rules",
            "conf.responses.RESPONSES_FILE",
            ("REACHED, SHOWN]", "REACHED, SHOWED]"),
            "attribution.contacted_codes",
            "SHOWN",
        ),
        (
            "conf.responses.load_response_rules",
            "conf.responses.RESPONSES_FILE",
            ("    MMS_PACK: [MMS]", "    MMS_PAK: [MMS]"),
            "effective.qualifying_use",
            "MMS_PACK",
        ),
    ],
)
def test_rule_file_with_a_misspelt_word_is_refused(tmp_path, monkeypatch, reader, file, change, key, nearest):
    module, name = reader.rsplit(".", 1)
    load, place = getattr(__import__(module, fromlist=[name]), name), file.rsplit(".", 1)[1]
    original = getattr(__import__(module, fromlist=[place]), place).read_text(encoding="utf-8")
    assert original.count(change[0]) == 1
    copy = tmp_path / "rules.yaml"
    copy.write_text(original.replace(*change), encoding="utf-8")
    monkeypatch.setattr(file, copy)

    with pytest.raises(ConfigError, match=f"nearest is {nearest}") as refused:
        load.__wrapped__()

    assert (refused.value.file, refused.value.key) == (str(copy), key)


def test_model_for_a_misspelt_population_is_refused(tmp_path):
    text = MODELS_FILE.read_text(encoding="utf-8")
    for wrong, key in (("{column: user_typ, equals", "user_typ"), ("{column: brand_code, equals", "brand_code")):
        copy = tmp_path / f"{key}.yaml"
        copy.write_text(text.replace("{column: user_type, equals", wrong, 1), encoding="utf-8")

        with pytest.raises(ConfigError, match=f"population.{key}"):
            load_models(copy)


def test_layout_for_an_unknown_channel_is_refused(tmp_path):
    copy = tmp_path / "sms.yaml"
    copy.write_text(
        (EXPORTS / "sms.yaml").read_text(encoding="utf-8").replace("channel_code: SMS", "channel_code: SSM")
    )

    with pytest.raises(ConfigError, match="the nearest is SMS"):
        read_layout(copy)
