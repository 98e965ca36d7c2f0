"""Every data file is a test case: it parses, it names what exists, and somebody uses it."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
import yaml

from conf.errors import ConfigError
from conf.feeds import load_feeds
from conf.models import load_models
from conf.reading import ROOT, read_yaml
from conf.settings import PROFILES, load_settings
from conf.tables import DELTA_RS_LAYERS, load_tables, query_text, table_of, work_queries
from expectations.suites import load_suites, rules_of
from jobs.lakehouse.building import maker_of
from jobs.lakehouse.dictionary import is_stale
from jobs.lakehouse.lineage import made_from, sources
from jobs.lakehouse.sqltext import bind_parameters, tables_in

YAML_FILES = sorted(
    path for folder in ("conf", "sql", "expectations", "simulator") for path in (ROOT / folder).rglob("*.yaml")
)
SQL_FILES = sorted(path for folder in ("sql", "jobs") for path in (ROOT / folder).rglob("*.sql"))


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", YAML_FILES, ids=_name)
def test_yaml_file_parses_with_each_key_once(path):
    assert read_yaml(path) is not None


@pytest.mark.parametrize("path", sorted(PROFILES.glob("*.yaml")), ids=_name)
def test_profile_gives_settings(path, monkeypatch):
    monkeypatch.setenv("SPARK_CONNECT_AUTHENTICATE_TOKEN", "for a server that others run")
    assert load_settings(path.stem).profile == path.stem


@pytest.mark.parametrize("feed", load_feeds().values(), ids=lambda feed: feed.feed)
def test_feed_has_a_bronze_table_and_a_stop_where_people_are_protected(feed):
    assert feed.table in load_tables()
    if feed.suppression:
        assert feed.when_missing == "stop", "a suppression feed is never skipped"


@pytest.mark.parametrize("table", load_tables().values(), ids=lambda table: table.name)
def test_contract_says_what_people_need(table):
    assert len(table.grain) > 10, "say what one row is"
    assert [column.name for column in table.columns if len(column.description) < 3] == [], "say what each column means"
    if table.layer != "vault":
        clear = [column.name for column in table.columns if column.pii == "clear"]
        assert clear == [], "personal data in clear lives in the vault alone"


@pytest.mark.parametrize("path", SQL_FILES, ids=_name)
def test_sql_file_names_existing_tables(path):
    text = path.read_text(encoding="utf-8")

    unknown = [name for name in tables_in(text) if name not in load_tables() and name not in work_queries()]

    assert unknown == []
    assert not any(name.startswith("vault.") for name in tables_in(text)), "only export joins the vault, in code"


@pytest.mark.parametrize("name", [name for name, table in load_tables().items() if table.is_query])
def test_table_query_only_reads_its_layer_or_earlier(name):
    table = load_tables()[name]
    order = {"ops": 0, "bronze": 0, "silver": 1, "gold": 2, "rpt": 3}

    later = [source for source in sources(name) if order[source.split(".")[0]] > order[table.layer]]

    assert table.layer not in DELTA_RS_LAYERS, "ops, vault and bronze have no query"
    assert later == []


@pytest.mark.parametrize("table", load_tables().values(), ids=lambda table: table.name)
def test_contract_names_a_maker_there_is(table):
    if not table.is_query:
        assert callable(maker_of(table))
    assert [name for name in table.made_from if name not in load_tables() and name not in work_queries()] == []


def test_every_helper_query_is_read():
    read = {name for table in load_tables() for name in made_from(table)}
    read |= {name for query in work_queries() for name in made_from(query)} | {"work.unbound"}  # told, in no table

    assert set(work_queries()) == read & set(work_queries()), "drop what nobody reads"


def test_readme_shows_the_demos_last_lines():
    from jobs.stack import screen

    settings = load_settings("demo")
    shown = (
        screen._next_steps(settings).replace("[bold]", "").replace("[/bold]", "").replace(str(settings.home), ".run")
    )

    assert shown.strip() in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SQL_FILES, ids=_name)
def test_sql_file_is_the_same_every_time_it_runs(path):
    text = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8").lower())

    found = re.findall(
        r"\b(?:current_timestamp|current_date|now|rand|randn|uuid|monotonically_increasing_id)\b\s*\(?", text
    )

    assert found == [], "a rerun must give the same rows"


def test_queries_stand_under_sql_alone():
    assert [_name(path) for path in SQL_FILES if not path.is_relative_to(ROOT / "sql")] == []


def test_every_suite_belongs_to_a_table():
    assert set(load_suites()) <= set(load_tables())


def test_every_reason_for_leaving_somebody_out_is_expected_in_the_decision_log():
    from jobs.rules.exclusion_reasons import Reason

    expected = table_of("gold.campaign_decision").column("first_reason").codes

    assert list(expected) == [reason.name for reason in Reason]


def test_codes_of_a_suite_are_those_of_its_contract():
    from conf.channels import load_channels
    from expectations.measure import allowed_values

    (rule,) = [r for r in rules_of("gold.campaign_contact") if r.id == "not_allowed_count__channel_code"]

    assert rule.severity == "fail"
    assert allowed_values(table_of("gold.campaign_contact"), rule) == tuple(load_channels())


def test_codes_a_sender_may_add_to_are_told_and_do_not_stop_the_night():
    (rule,) = [r for r in rules_of("gold.customer_360") if r.id == "not_allowed_count__city_code"]

    assert rule.severity == "warn"


def test_no_suite_repeats_the_codes_of_a_contract():
    repeated = [
        f"{name}: {rule.column}"
        for name, suite in load_suites().items()
        for rule in suite.rules
        if rule.metric == "not_allowed_count" and not rule.where and rule.values
        if table_of(name).column(rule.column).codes
    ]

    assert repeated == [], "the contract's values are judged already"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"metric": "not_allowed_count", "column": "city_cod", "max": 0}, "the nearest is city_code"),
        ({"metric": "not_allowed_count", "column": "subscription_id", "max": 0}, "no values for subscription_id"),
        ({"metric": "share", "column": "value_tier", "values": ["HIHG"], "max": 1}, "the nearest is HIGH"),
        ({"metric": "row_count", "where": {"brand_code": "GOTON"}, "min": 1}, "the nearest is GOTONE"),
    ],
)
def test_suite_with_a_misspelt_name_or_code_is_refused(tmp_path, monkeypatch, rule, words):
    file = tmp_path / "gold" / "customer_360.yaml"
    file.parent.mkdir()
    file.write_text(
        yaml.safe_dump({"table": "gold.customer_360", "rules": [rule | {"severity": "fail", "reason": "a test"}]})
    )
    monkeypatch.setattr("expectations.suites.SUITES", tmp_path)

    with pytest.raises(ConfigError, match=words):
        load_suites.__wrapped__()


def test_parameters_of_queries_are_given_by_their_job():
    from jobs.evaluation.job import count_parameters
    from jobs.responses.parameters import query_parameters
    from jobs.scoring.job import lifecycle_parameters

    night = date(2026, 3, 10)
    dates = {"first_date": night, "last_date": night}
    given = {
        "conform": {},
        "score": lifecycle_parameters(load_models()),
        "evaluate": {**count_parameters([night]), "closing_dates": [night]},
        "respond": {**query_parameters([night]), "loaded_from": night, "used_before": night},
    }
    bound = []
    for name, table in load_tables().items():
        for query in [name] * table.is_query + sorted(_helpers_behind(name)):
            bind_parameters(query_text(query), {**dates, **given[table.maker_job]})
            bound.append(query)
    assert {query for query in bound if query in work_queries()} | {"work.unbound"} == set(work_queries())
    bind_parameters(query_text("work.unbound"), {**dates, **given["respond"]})


def _helpers_behind(name: str) -> set[str]:
    direct = {source for source in made_from(name) if source in work_queries()}
    return direct.union(*(_helpers_behind(helper) for helper in direct))


def test_data_dictionary_says_what_the_contracts_say():
    assert not is_stale(), "run `closedloop dictionary` and commit docs/dictionary"
