"""Rule trees: what is refused and where, and what three-valued logic selects."""

from __future__ import annotations

import pytest

from conf.errors import ConfigError
from conf.tables import Column
from jobs.rules.rule_tree import MAX_DEPTH, MAX_NODES, parse_rule

TYPES = {
    "arpu_fen": "bigint",
    "age_years": "int",
    "brand_code": "string",
    "has_crbt": "boolean",
    "score": "double",
    "birth_date": "date",
    "list_colours": "array<string>",
    "preference": "map<string,double>",
    "tag_ids": "array<string>",
    "state": "string",
    "reasons": "array<string>",
}
CODES = {
    "state": {"ACTIVE": "used", "CHURNED": "left", "NONE": "never had it"},
    "reasons": {"USAGE_DROP": "use breaks down", "FORWARDING": "forwards calls"},
}


def columns_of(codes: dict[str, dict[str, str]] = CODES) -> dict[str, Column]:
    return {
        name: Column(name=name, type=kind, description=name, values=codes.get(name, {})) for name, kind in TYPES.items()
    }


COLUMNS = columns_of()
PLACE = "conf/campaigns/x.yaml:selection"


def parse(node, columns=COLUMNS):
    return parse_rule(node, PLACE, columns)


@pytest.mark.parametrize(
    ("node", "key"),
    [
        ({"column": "arpu", "op": "ge", "value": 1}, "selection.column"),
        ({"all": [{"column": "arpu_fen", "op": "like", "value": 1}]}, "selection.all[0].op"),
        ({"column": "arpu_fen", "op": "ge", "value": "1"}, "selection.value"),
        ({"column": "arpu_fen", "op": "ge", "value": 1.5}, "selection.value"),
        ({"column": "arpu_fen", "op": "eq", "value": True}, "selection.value"),
        ({"column": "has_crbt", "op": "eq", "value": 1}, "selection.value"),
        ({"column": "has_crbt", "op": "gt", "value": True}, "selection.op"),
        ({"column": "brand_code", "op": "lt", "value": "M"}, "selection.op"),
        ({"column": "brand_code", "op": "in", "value": []}, "selection.value"),
        ({"column": "brand_code", "op": "in", "value": ["GOTONE", 3]}, "selection.value[1]"),
        ({"column": "age_years", "op": "between", "value": [30, 18]}, "selection.value"),
        ({"column": "age_years", "op": "between", "value": [1, 2, 3]}, "selection.value"),
        ({"column": "age_years", "op": "is_null", "value": 1}, "selection.value"),
        ({"column": "age_years", "op": "eq"}, "selection"),
        ({"column": "score", "op": "ge", "value": float("nan")}, "selection.value"),
        ({"column": "birth_date", "op": "ge", "value": "1980-13-01"}, "selection.value"),
        ({"column": "list_colours", "op": "eq", "value": "RED"}, "selection.op"),
        ({"column": "list_colours", "op": "contains", "value": 3}, "selection.value"),
        ({"column": "brand_code", "op": "contains", "value": "G"}, "selection.op"),
        ({"column": "preference", "op": "eq", "value": 1}, "selection.op"),
        ({"column": "age_years", "op": "ge", "value": 1, "sql": "drop"}, "selection"),
        ({"all": []}, "selection.all"),
        ({"all": {"column": "age_years"}}, "selection.all"),
        ({"any": [{"not": {"foo": 1}}]}, "selection.any[0].not"),
        ({"all": [], "any": []}, "selection"),
        ("arpu_fen > 5000", "selection"),
        ({}, "selection"),
        (None, "selection"),
    ],
)
def test_refuses_with_the_place_given_a_wrong_rule(node, key):
    with pytest.raises(ConfigError) as refused:
        parse(node)
    assert refused.value.file == "conf/campaigns/x.yaml"
    assert refused.value.key == key


def test_suggests_near_columns_given_a_misspelt_one():
    with pytest.raises(ConfigError, match="arpu_fen"):
        parse({"column": "arpu_fn", "op": "ge", "value": 1})


def test_refuses_given_too_deep_or_too_large_a_rule():
    deep = {"column": "age_years", "op": "ge", "value": 1}
    for _ in range(MAX_DEPTH):
        deep = {"not": deep}
    with pytest.raises(ConfigError, match="nested at most"):
        parse(deep)
    with pytest.raises(ConfigError, match="at most"):
        parse({"all": [{"column": "age_years", "op": "ge", "value": 1}] * MAX_NODES})


def test_has_tag_needs_the_tag_column_and_a_known_tag():
    without = {name: column for name, column in COLUMNS.items() if name != "tag_ids"}
    with pytest.raises(ConfigError, match="tag_ids"):
        parse({"has_tag": "TEXTER"}, without)
    with pytest.raises(ConfigError, match="nearest is TEXTER"):
        parse({"has_tag": "TEXTR"}, columns_of({"tag_ids": {"TEXTER": "texts much", "ROAMER": "travels"}}))
    assert parse({"has_tag": "TEXTER"}).tags == {"TEXTER"}


@pytest.mark.parametrize(
    ("node", "key", "nearest"),
    [
        ({"column": "state", "op": "eq", "value": "CHRUNED"}, "selection.value", "CHURNED"),
        ({"column": "state", "op": "ne", "value": "active"}, "selection.value", "ACTIVE"),
        ({"column": "state", "op": "in", "value": ["NONE", "ACTIV"]}, "selection.value", "ACTIVE"),
        ({"not": {"column": "state", "op": "not_in", "value": ["NON"]}}, "selection.not.value", "NONE"),
        ({"column": "reasons", "op": "contains", "value": "USAGEDROP"}, "selection.value", "USAGE_DROP"),
    ],
)
def test_refuses_a_word_that_is_no_code_of_the_column_and_names_the_nearest(node, key, nearest):
    with pytest.raises(ConfigError, match=f"the nearest is {nearest}") as refused:
        parse(node)
    assert refused.value.key == key


def test_takes_every_code_of_the_column():
    for code in CODES["state"]:
        assert parse({"column": "state", "op": "eq", "value": code}).describe() == f"state eq {code}"
    assert parse({"column": "reasons", "op": "contains", "value": "FORWARDING"}).columns == {"reasons"}


def test_knows_its_columns_and_its_words():
    rule = parse({"all": [{"column": "arpu_fen", "op": "ge", "value": 5000}, {"not": {"has_tag": "TEXTER"}}]})
    assert rule.columns == {"arpu_fen", "tag_ids"}
    assert rule.describe() == "(arpu_fen ge 5000 and not has tag TEXTER)"


CASES = {
    "eq": ({"column": "brand_code", "op": "eq", "value": "GOTONE"}, {"a"}),
    "ne skips the unknown": ({"column": "brand_code", "op": "ne", "value": "GOTONE"}, {"b"}),
    "not skips the unknown": ({"not": {"column": "brand_code", "op": "eq", "value": "GOTONE"}}, {"b"}),
    "in": ({"column": "brand_code", "op": "in", "value": ["MZONE", "X"]}, {"b"}),
    "not_in skips the unknown": ({"column": "brand_code", "op": "not_in", "value": ["MZONE"]}, {"a"}),
    "between holds both ends": ({"column": "age_years", "op": "between", "value": [20, 30]}, {"a", "b"}),
    "lt": ({"column": "age_years", "op": "lt", "value": 30}, {"a"}),
    "number takes a whole one": ({"column": "score", "op": "ge", "value": 1}, {"b"}),
    "date as text": ({"column": "birth_date", "op": "ge", "value": "1990-01-01"}, {"b"}),
    "is_null": ({"column": "brand_code", "op": "is_null"}, {"c"}),
    "is_not_null": ({"column": "brand_code", "op": "is_not_null"}, {"a", "b"}),
    "contains": ({"column": "list_colours", "op": "contains", "value": "RED"}, {"b"}),
    "not contains skips the unknown": ({"not": {"column": "list_colours", "op": "contains", "value": "RED"}}, {"a"}),
    "has_tag": ({"has_tag": "T"}, {"a"}),
    "not has_tag keeps those without tags": ({"not": {"has_tag": "T"}}, {"b", "c"}),
    "unknown or true is true": (
        {
            "any": [
                {"column": "brand_code", "op": "eq", "value": "X"},
                {"column": "has_crbt", "op": "eq", "value": True},
            ]
        },
        {"a", "c"},
    ),
    "unknown and true is not selected": (
        {
            "all": [
                {"column": "brand_code", "op": "eq", "value": "X"},
                {"column": "has_crbt", "op": "eq", "value": True},
            ]
        },
        set(),
    ),
}


def test_selects_what_three_valued_logic_says(spark):
    rows = spark.sql(
        "SELECT * FROM VALUES "
        "('a', 'GOTONE', 20, 0.5D, DATE '1980-01-01', TRUE, array('BLACK'), array('T')), "
        "('b', 'MZONE', 30, 1.0D, DATE '1990-01-01', FALSE, array('RED', 'GREY'), array('U')), "
        "('c', NULL, NULL, NULL, NULL, TRUE, NULL, NULL) "
        "AS t(id, brand_code, age_years, score, birth_date, has_crbt, list_colours, tag_ids)"
    )
    columns = [parse(node).to_column().alias(f"case_{place}") for place, (node, _) in enumerate(CASES.values())]
    found = rows.select("id", *columns).collect()
    for place, (name, (_, wanted)) in enumerate(CASES.items()):
        assert {row["id"] for row in found if row[f"case_{place}"]} == wanted, name
        assert all(row[f"case_{place}"] is not None for row in found), name


def test_hostile_text_stays_a_value(spark):
    hostile = "x' OR reflect('java.lang.System','exit',0) --"
    rule = parse({"column": "brand_code", "op": "eq", "value": hostile}).to_column()
    rows = spark.createDataFrame([(hostile,), ("GOTONE",)], "brand_code string")
    assert rows.where(rule).count() == 1
