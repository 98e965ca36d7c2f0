"""SQL text: tables are found and pinned outside quotes and comments only; parameters cannot break out of their literal."""

from __future__ import annotations

from datetime import date

import pytest

from conf.errors import ConfigError
from jobs.lakehouse.sqltext import bind_parameters, literal, substitute_tables, tables_in


def test_tables_are_found_once_each_in_order_given_comments_and_texts():
    text = (
        "SELECT 'gold.no' FROM silver.b -- gold.no\n JOIN gold.a a ON a.x = b.x /* ops.no */ JOIN silver.b c USING (x)"
    )

    assert tables_in(text) == ["silver.b", "gold.a"]


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
    ],
)
def test_table_name_is_replaced_given_its_surroundings(text, pinned):
    assert substitute_tables(text, lambda name: "V") == pinned


def test_parameters_become_literals_outside_texts_only():
    text = "SELECT :d, ':d', x::date FROM t -- :d"

    assert bind_parameters(text, {"d": date(2026, 3, 10)}) == "SELECT DATE '2026-03-10', ':d', x::date FROM t -- :d"


def test_missing_parameter_is_refused_by_name():
    with pytest.raises(ConfigError, match=":last_date"):
        bind_parameters("SELECT :last_date", {"first_date": 1})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"), (True, "TRUE"), (7, "7"), (0.5, "0.5D"), ("it's", "'it\\'s'"), ("\\' OR 1=1 --", "'\\\\\\' OR 1=1 --'"),
        (["a", "b"], "array('a', 'b')"), ({"a": 1}, "map('a', 1)"),
    ],
)  # fmt: skip
def test_literal_keeps_the_value(value, text):
    assert literal(value) == text


@pytest.mark.parametrize("value", ["it's", "\\", "\\'", "a'; DROP TABLE x; --", "line\nbreak", "中国", ":name"])
def test_spark_reads_a_text_back_unchanged_given_a_hostile_text(spark, value):
    assert spark.sql(bind_parameters("SELECT :v AS v", {"v": value})).collect()[0]["v"] == value
