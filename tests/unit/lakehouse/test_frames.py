"""A frame is held against its contract before anything is written."""

from __future__ import annotations

import pytest

from conf.errors import ContractBroken
from jobs.lakehouse.frames import conform_frame, may_become
from tests.builders.contracts import a_contract

CONTRACT = a_contract("gold.held", {"id": "string", "contact_cnt": "int", "score": "double"})


def test_columns_are_ordered_and_cast_given_other_widths(spark):
    frame = conform_frame(CONTRACT, spark.sql("SELECT 1L AS contact_cnt, 'a' AS id, 0.5BD AS score"))

    assert [(f.name, f.dataType.simpleString()) for f in frame.schema] == [
        ("id", "string"),
        ("contact_cnt", "int"),
        ("score", "double"),
    ]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELECT 'a' AS id, 1 AS contact_cnt", "missing: score"),
        ("SELECT 'a' AS id, 1 AS contact_cnt, 1D AS score, 2 AS extra_one", "extra: extra_one"),
        ("SELECT 'a' AS id, '1' AS contact_cnt, 1D AS score", "contact_cnt: wanted int, found string"),
        ("SELECT 1 AS id, 1 AS contact_cnt, 1D AS score", "id: wanted string, found int"),
    ],
)
def test_frame_is_refused_with_wanted_and_found_given_another_shape(spark, query, told):
    with pytest.raises(ContractBroken, match=told):
        conform_frame(CONTRACT, spark.sql(query))


@pytest.mark.parametrize(
    ("found", "wanted", "allowed"),
    [
        ("bigint", "int", True),
        ("int", "bigint", True),
        ("decimal(20,0)", "bigint", True),
        ("decimal(20,2)", "bigint", False),
        ("double", "bigint", False),
        ("int", "double", True),
        ("void", "date", True),
        ("string", "date", False),
        ("timestamp", "date", False),
        ("array<string>", "array<string>", True),
        ("map<string,decimal(3,2)>", "map<string,double>", True),
        ("boolean", "int", False),
        ("decimal(20,4)", "decimal(20,2)", False),
        ("decimal(38,2)", "decimal(20,2)", True),
        ("decimal(20,2)", "decimal(20,4)", True),
        ("array<decimal(9,3)>", "array<decimal(9,2)>", False),
    ],
)
def test_types_may_change_only_without_loss_of_meaning(found, wanted, allowed):
    assert may_become(found, wanted) is allowed
