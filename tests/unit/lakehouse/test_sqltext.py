"""SQL text: tables are found and pinned outside quotes and comments only; parameters cannot break out of their literal."""

from __future__ import annotations

from datetime import date

import pytest

from conf.errors import ConfigError
from conf.reading import ROOT
from jobs.lakehouse.sqltext import (
    IN_PROCESS,
    bind_parameters,
    literal,
    parameters_in,
    parsed,
    substitute_tables,
    tables_in,
)


def test_tables_are_found_once_each_in_order_given_comments_and_texts():
    text = (
        "SELECT 'gold.no' FROM silver.b -- gold.no\n JOIN gold.a a ON a.x = b.x /* ops.no */ JOIN silver.b c USING (x)"
    )

    assert tables_in(text) == ["silver.b", "gold.a"]


def test_tables_are_found_in_steps_subqueries_and_quotes_alone():
    text = """WITH b AS (SELECT * FROM Silver.b) SELECT gold.c.x, (SELECT max(k) FROM ops.e) FROM b, `gold`.`c`
              WHERE d IN (SELECT d FROM rpt.d) AND delta.x = 1 UNION SELECT * FROM delta.`/gold.f`, cat.gold.g"""

    assert tables_in(text) == ["silver.b", "ops.e", "gold.c", "rpt.d"]
    assert tables_in('SELECT "gold.no" FROM "gold"."a"', IN_PROCESS) == ["gold.a"]


def test_each_of_our_queries_is_parsed_once():
    texts = [path.read_text(encoding="utf-8") for folder in ("sql", "jobs") for path in (ROOT / folder).rglob("*.sql")]
    parsed.cache_clear()
    for text in 3 * texts:
        tables_in(text)
        substitute_tables(text, str)

    assert len(texts) > 40
    assert parsed.cache_info().misses <= len(set(texts))


@pytest.mark.parametrize(
    ("text", "pinned"),
    [
        ("FROM gold.a", "FROM V AS a"),  # keeps its short name
        ("FROM gold.a x", "FROM V x"),
        ("FROM gold.a AS x", "FROM V AS x"),
        ("FROM gold.a WHERE a.k = 1", "FROM V AS a WHERE a.k = 1"),
        ("FROM gold.a\nLEFT JOIN x", "FROM V AS a\nLEFT JOIN x"),
        ("FROM (SELECT * FROM gold.a) x", "FROM (SELECT * FROM V AS a) x"),
        ("SELECT '-- gold.a'", "SELECT '-- gold.a'"),  # inside a text
        ("SELECT gold.a.x FROM gold.a", "SELECT a.x FROM V AS a"),
        ("SELECT Gold . A.x, gold.a.s.t.u.v FROM GOLD . /* a */ A", "SELECT A.x, A.s.t.u.v FROM V AS A"),
        ("SELECT gold.a.* FROM gold.a ORDER BY gold.a.x -- gold.a", "SELECT a.* FROM V AS a ORDER BY a.x -- gold.a"),
        (
            "FROM gold.a WHERE EXISTS (FROM gold.b WHERE gold.b.k = gold.a.k)",
            "FROM V AS a WHERE EXISTS (FROM V AS b WHERE b.k = a.k)",
        ),
        ("SELECT gold.a.x FROM bronze.a, gold.a", "SELECT gold__a.x FROM V AS bronze__a, V AS gold__a"),
        ("WITH a AS (FROM gold.a) SELECT a.x FROM a", "WITH a AS (FROM V AS a) SELECT a.x FROM a"),
        ("SELECT gold.x.y FROM (SELECT x AS gold FROM gold.a)", "SELECT gold.x.y FROM (SELECT x AS gold FROM V AS a)"),
        ("FROM gold.a QUALIFY x", "FROM V AS a QUALIFY x"),
    ],
)
def test_table_name_is_replaced_given_its_surroundings(text, pinned):
    assert substitute_tables(text, lambda name: "V") == pinned


def test_parameters_become_literals_outside_texts_only():
    text = "SELECT :d, ':d', x::date FROM t -- :d"

    assert bind_parameters(text, {"d": date(2026, 3, 10)}) == "SELECT DATE '2026-03-10', ':d', x::date FROM t -- :d"


def test_parameters_are_found_outside_texts_and_comments():
    text = "SELECT m[:key], -:days - 1, ':no', x::date /* :no */ FROM a WHERE b IN (:b) AND c = :key -- it's :no"

    assert parameters_in(text) == ["key", "days", "b"]


def test_missing_parameter_is_refused_by_name():
    with pytest.raises(ConfigError, match=":last_date"):
        bind_parameters("SELECT :last_date", {"first_date": 1})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "TRUE"),
        (7, "7"),
        (0.5, "0.5D"),
        ("it's", "'it\\'s'"),
        ("\\' OR 1=1 --", "'\\\\\\' OR 1=1 --'"),
        (["a", "b"], "array('a', 'b')"),
        ({"a": 1}, "map('a', 1)"),
        ({}, "CAST(map() AS MAP<STRING, STRING>)"),
    ],
)
def test_literal_keeps_the_value(value, text):
    assert literal(value) == text


@pytest.mark.parametrize("value", ["it's", "\\", "\\'", "a'; DROP TABLE x; --", "line\nbreak", "中国", ":name"])
def test_spark_reads_a_text_back_unchanged_given_a_hostile_text(spark, value):
    assert spark.sql(bind_parameters("SELECT :v AS v", {"v": value})).collect()[0]["v"] == value


def test_spark_looks_up_lists_and_maps_whatever_they_hold(spark):
    text = "SELECT array_contains(:codes, 'a,b') AS has, :days['x'] AS day, :none['x'] AS none, array_contains(:empty, 'x') AS nothing"
    params = {"codes": ["a,b", "it's"], "days": {"x": date(2026, 3, 10)}, "none": {}, "empty": []}

    row = spark.sql(bind_parameters(substitute_tables(text, str), params)).collect()[0]

    assert row.asDict() == {"has": True, "day": date(2026, 3, 10), "none": None, "nothing": False}
