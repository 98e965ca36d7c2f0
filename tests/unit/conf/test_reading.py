"""Configuration is refused with file, key, found and wanted."""

from __future__ import annotations

from datetime import date, datetime

import pytest
import yaml

from conf import settings as settings_module
from conf.dates import DateRange, load_date_of
from conf.errors import ConfigError
from conf.feeds import Feed, load_feeds
from conf.reading import load, parse, read_yaml
from conf.settings import load_settings
from conf.tables import Table, bronze_table, table_of
from tests.builders.contracts import contract_text

A_FEED = {
    "feed": "visit",
    "title": "Visits",
    "owner": "x",
    "source": "boss",
    "unit": "99001",
    "style": "dollar",
    "encoding": "cp936",
    "content": "event",
    "cadence": "daily",
    "deadline": "06:00",
    "when_missing": "carry",
    "allow_empty": True,
    "key": ["id"],
    "duplicate_days": 7,
    "keep": "forever",
    "fields": [{"name": "id", "type": "code", "required": True}],
}
A_TABLE = contract_text("gold.visit", {"id": "string"})


@pytest.mark.parametrize(
    ("changed", "key", "told"),
    [
        ({"colour": "red"}, "colour", "one of: feed, title"),  # unknown key
        ({"style": "comma"}, "style", "fixed_width"),  # unknown word
        ({"key": ["nobody"]}, "", "nobody"),  # key is no field
        ({"encoding": "klingon"}, "encoding", "one of: gb18030, gbk, gb2312, utf-8, ascii"),
        ({"encoding": ["utf-16", "gbk"]}, "encoding", "one of: gb18030"),
        ({"encoding": ["gbk", "gb18030"]}, "encoding", "utf-8 and one of gb18030"),
        ({"duplicate_days": None}, "", "duplicate_days"),
        ({"content": "delta"}, "", "duplicate_days"),
        ({"fields": [{"name": "id", "type": "code", "code_list": "nobody"}]}, "fields", "touchpoints"),
        ({"fields": [{"name": "id", "type": "fen", "on_error": "empty"}]}, "fields", "money is never emptied"),
        ({"fields": [{"name": "id", "type": "code", "on_error": "ignore"}]}, "fields", "refuse_row"),
        ({"cadence": "monthly", "due_day": 3}, "", "eight digits"),
        ({"cadence": "monthly"}, "", "due_day"),
        ({"style": "fixed_width"}, "", "width"),
        ({"fields": [{"name": "id", "type": "msisdn"}]}, "fields", "personal"),
        ({"fields": [{"name": "id", "type": "text"}]}, "fields", "masked: true"),
        ({"fields": [{"name": "id", "type": "code", "masked": True}]}, "fields", "free text"),
        ({"fields": [{"name": "id", "type": "code", "size": 3}]}, "fields.0.size", "one of: name"),
    ],
)
def test_feed_is_refused_with_its_place_given_a_mistake(changed, key, told):
    with pytest.raises(ConfigError) as refused:
        parse(Feed, {**A_FEED, **changed}, "conf/feeds/visit.yaml")

    assert refused.value.file == "conf/feeds/visit.yaml"
    assert key in refused.value.key
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"table": "golden.visit"}, "pattern"),
        ({"key": ["nobody"]}, "nobody"),
        ({"replace_by": "id"}, "must be a date"),
        ({"columns": [{"name": "id", "type": "varchar", "description": "x"}]}, "array<T>"),
        ({"columns": A_TABLE["columns"] * 2}, "twice"),
        ({"columns": [{"name": "id", "type": "string"}]}, "description"),
    ],
)
def test_table_contract_is_refused_given_a_mistake(changed, told):
    with pytest.raises(ConfigError, match=told):
        parse(Table, {**A_TABLE, **changed}, "sql/gold/visit.yaml")


def test_doubled_key_is_refused_with_its_line_given_a_yaml_file(tmp_path):
    path = tmp_path / "doubled.yaml"
    path.write_text("a: 1\nb: 2\na: 3\n", encoding="utf-8")

    with pytest.raises(ConfigError, match="given twice"):
        read_yaml(path)


def a_feed_file(folder, name, **changed):
    feed = {**A_FEED, "feed": name, "style": "fixed_width", "due_day": 3, **changed}
    feed["fields"] = [{**field, "width": 4} for field in A_FEED["fields"]]
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(feed), encoding="utf-8")


def test_one_unit_code_serves_a_daily_and_a_monthly_feed_and_no_two_daily_ones(tmp_path):
    a_feed_file(tmp_path, "visit")
    a_feed_file(tmp_path, "visit_month", cadence="monthly")
    assert sorted(load_feeds(tmp_path)) == ["visit", "visit_month"]

    a_feed_file(tmp_path, "walk")
    load_feeds.cache_clear()
    with pytest.raises(ConfigError, match="the daily feed visit has this one"):
        load_feeds(tmp_path)
    load_feeds.cache_clear()


def test_bronze_contract_follows_from_the_feed():
    table = bronze_table(load_feeds()["payment"])

    assert table.column("amount_fen").unit == "fen"  # yuan text becomes fen
    assert table.column_names[-9:] == [
        "event_id",
        "load_date",
        "data_date",
        "file_id",
        "line_number",
        "resend_no",
        "is_full_snapshot",
        "loaded_at",
        "dq_flag",
    ]


def test_personal_fields_become_tokens_given_a_feed_with_numbers():
    table = table_of("bronze.subscription_imei")

    assert "imei" not in table.column_names
    assert table.column("imei_token").pii == "token"
    assert table.column("tac").type == "string"


def test_unknown_profile_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match=r"cluster, demo, .*server"):
        load_settings("desktop")


def test_unknown_key_of_a_profile_is_refused(tmp_path, monkeypatch):
    profile = yaml.safe_load((settings_module.PROFILES / "demo.yaml").read_text(encoding="utf-8"))
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({**profile, "speed": "fast"}), encoding="utf-8")
    monkeypatch.setattr(settings_module, "PROFILES", tmp_path)

    with pytest.raises(ConfigError, match=r"unknown key 'speed'"):
        load_settings("mine")


@pytest.mark.parametrize(
    ("overlay", "base", "file", "key"),
    [
        ("spark: {shuffle_partitions: none}", {}, "mine.yaml", "spark.shuffle_partitions"),
        ("nights: 1", {"load_cutoff_hour": 25}, "settings.yaml", "load_cutoff_hour"),
        ("spark: {driver_memory: 1g}", {"speed": "fast"}, "settings.yaml", "speed"),
        ("[nights]", {}, "mine.yaml", "(file)"),
        ("spark: {port: 15003}", {}, "mine.yaml", "spark"),  # of a server that settings.yaml places at port 15002
    ],
)
def test_mistake_is_blamed_on_the_file_that_holds_it(tmp_path, monkeypatch, overlay, base, file, key):
    shared = yaml.safe_load(settings_module.SETTINGS_FILE.read_text(encoding="utf-8"))
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump({**shared, **base}), encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(overlay, encoding="utf-8")
    monkeypatch.setattr(settings_module, "SETTINGS_FILE", tmp_path / "settings.yaml")
    monkeypatch.setattr(settings_module, "PROFILES", tmp_path)

    with pytest.raises(ConfigError) as refused:
        load_settings("mine")

    assert (refused.value.file, refused.value.key) == (str(tmp_path / file), key)


def test_file_of_another_encoding_is_refused_with_the_remedy(tmp_path):
    path = tmp_path / "office.yaml"
    path.write_bytes("title: 话单".encode("gb18030"))

    with pytest.raises(ConfigError, match="save the file as UTF-8"):
        read_yaml(path)


@pytest.mark.parametrize(
    ("remote", "is_ours"),
    [
        (None, False),
        ("", False),
        ("sc://localhost:15002", True),
        ("sc://spark-connect.internal:15002/;use_ssl=true", False),
        ("sc://10.1.2.3:15002/;user_id=closedloop;use_ssl=TRUE", False),
    ],
)
def test_only_a_server_of_this_machine_is_ours_to_start(remote, is_ours):
    spark = load_settings("demo").spark.model_dump()

    assert settings_module.SparkSettings(**{**spark, "remote": remote}).is_our_server is is_ours


@pytest.mark.parametrize(
    ("remote", "said"),
    [
        ("sc://127.0.0.1:15002", r"sc://localhost:<port>"),
        ("sc://[::1]:15002", r"sc://localhost:<port>"),
        ("sc://localhost:15002/;use_ssl=true", r"sc://localhost:<port>"),
        ("sc://spark-connect.internal:15002", r"sc://spark-connect\.internal:15002/;use_ssl=true"),
        ("sc://10.1.2.3:15002/;use_ssl=false", r"by TLS only"),
        ("http://spark-connect.internal:15002", r"sc://<host>:<port>"),
        ("sc://localhost:15002/;token=hunter2", r"SPARK_CONNECT_AUTHENTICATE_TOKEN"),
        ("sc://spark-connect.internal:15002/;use_ssl=true;Token=hunter2", r"SPARK_CONNECT_AUTHENTICATE_TOKEN"),
    ],
)
def test_address_without_a_guard_is_refused_and_no_token_is_shown(tmp_path, monkeypatch, remote, said):
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"spark": {"remote": remote}}), encoding="utf-8")
    monkeypatch.setattr(settings_module, "PROFILES", tmp_path)

    with pytest.raises(ConfigError, match=said) as refused:
        load_settings("mine")

    assert refused.value.key == "spark.remote"
    assert "hunter2" not in str(refused.value)


def test_server_of_others_is_refused_until_its_token_is_there(tmp_path, monkeypatch):
    monkeypatch.delenv("SPARK_CONNECT_AUTHENTICATE_TOKEN", raising=False)
    with pytest.raises(ConfigError, match=r"SPARK_CONNECT_AUTHENTICATE_TOKEN or in .*spark\.token") as refused:
        load_settings("cluster", tmp_path)
    assert (refused.value.file, refused.value.key) == (
        str(settings_module.PROFILES / "cluster.yaml"),
        "spark.remote",
    )

    monkeypatch.setenv("SPARK_CONNECT_AUTHENTICATE_TOKEN", "theirs")
    assert not load_settings("cluster", tmp_path).spark.is_our_server
    monkeypatch.delenv("SPARK_CONNECT_AUTHENTICATE_TOKEN")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "spark.token").write_text("theirs\n", encoding="utf-8")
    assert not load_settings("cluster", tmp_path).spark.is_our_server


def test_unknown_key_inside_a_block_is_refused(tmp_path, monkeypatch):
    (tmp_path / "mine.yaml").write_text("spark: {memory: 4g}\n", encoding="utf-8")
    monkeypatch.setattr(settings_module, "PROFILES", tmp_path)

    with pytest.raises(ConfigError, match=r"spark\.memory"):
        load_settings("mine")


def test_history_ends_the_day_before_the_first_night():
    settings = load_settings("demo")

    assert settings.history.days >= 210
    assert settings.history.last == date(2026, 3, 9)
    assert settings.night_dates == [date(2026, 3, 10), date(2026, 3, 11), date(2026, 3, 12)]


@pytest.mark.parametrize(
    ("created", "load_date"),
    [
        (datetime(2026, 3, 11, 2, 55), date(2026, 3, 10)),  # in time for the night of the 10th
        (datetime(2026, 3, 11, 5, 59, 59), date(2026, 3, 10)),  # just in time
        (datetime(2026, 3, 11, 6, 0), date(2026, 3, 11)),  # cut-off: joins the next night
        (datetime(2026, 3, 11, 23, 59), date(2026, 3, 11)),
        (datetime(2026, 1, 1, 2, 0), date(2025, 12, 31)),  # over the year's end
    ],
)
def test_load_date_is_the_night_that_picks_the_file_up(created, load_date):
    assert load_date_of(created) == load_date


def test_date_range_is_closed():
    dates = DateRange.of("2026-02-27", "2026-03-01")

    assert [day.isoformat() for day in dates] == ["2026-02-27", "2026-02-28", "2026-03-01"]
    assert dates.predicate("d") == "d >= DATE '2026-02-27' AND d <= DATE '2026-03-01'"
    with pytest.raises(ValueError, match="order"):
        DateRange.of("2026-03-01", "2026-02-27")


@pytest.mark.parametrize("said", [{}, {"retention_days": 90, "keep": "forever"}])
def test_contract_that_does_not_say_once_how_long_rows_stay_is_refused(tmp_path, said):
    for kind, contract in ((Table, A_TABLE), (Feed, A_FEED)):
        path = tmp_path / f"{kind.__name__}.yaml"
        path.write_text(
            yaml.safe_dump({**{k: v for k, v in contract.items() if k != "keep"}, **said}), encoding="utf-8"
        )
        with pytest.raises(ConfigError, match="one of retention_days: <days> and keep: forever"):
            load(kind, path)


def test_bronze_stays_as_long_as_its_feed_says():
    assert bronze_table(load_feeds()["cdr_voice"]).retention_days == load_feeds()["cdr_voice"].retention_days
    assert bronze_table(load_feeds()["customer"]).keep == "forever"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"stage": "ingset"}, "one of ingest, customer_view"),
        ({"stage": "customer_view"}, "job: one of respond, view"),
        ({"stage": "customer_view", "job": "score"}, "job: one of respond, view"),
        ({"table": "ops.visit", "stage": "ingset"}, "one of ingest, customer_view"),
        ({"table": "ops.visit", "made_by": "query"}, "module:function"),
        ({"made_by": "query", "made_from": ["gold.customer_360"]}, "its text says"),
        ({"made_by": "by hand"}, "pattern"),
    ],
)
def test_contract_is_refused_given_a_maker_there_is_not(changed, told):
    with pytest.raises(ConfigError, match=told):
        parse(Table, {**A_TABLE, **changed}, "sql/gold/visit.yaml")
