"""Tables made as their contracts say: what a maker may give, and what it reads beside what its contract names."""

from __future__ import annotations

from datetime import date

import pytest

from conf import tables
from conf.dates import DateRange
from conf.errors import ContractBroken
from jobs.lakehouse import building
from jobs.lakehouse.building import build_tables, maker_of
from tests.builders.contracts import a_contract

DAY = DateRange.of("2026-03-10")
COLUMNS = {"visit_id": "string", "business_date": "date"}


def makers(lake, dates):
    """Two tables at once; looks at a third without a word in the contract."""
    lake.rows("gold.customer_segment")
    return {"gold.one": [{"visit_id": "a", "business_date": dates.first}], "gold.other": []}


@pytest.fixture
def two(monkeypatch):
    made_by = "tests.unit.lakehouse.test_building:makers"
    for name in ("gold.one", "gold.other"):
        monkeypatch.setitem(
            tables.load_tables(),
            name,
            a_contract(name, COLUMNS, made_by=made_by, made_from=["gold.customer_tag"], replace_by="business_date"),
        )
    monkeypatch.setattr(building, "_function", lambda _: makers)


def test_function_makes_several_tables_in_one_call_and_its_reads_are_noted(two, lake):
    commits = build_tables(lake, ["gold.one", "gold.other"], DAY, {})

    assert {name: commit.rows for name, commit in commits.items()} == {"gold.one": 1, "gold.other": 0}
    assert lake.rows("gold.one") == [{"visit_id": "a", "business_date": date(2026, 3, 10)}]
    assert lake.undeclared_reads == {("gold.one", "gold.customer_segment")}


def test_function_that_makes_a_table_of_somebody_else_is_refused(two, lake):
    with pytest.raises(ContractBroken, match=r"(?s)gold\.other.*made by .* as well"):
        build_tables(lake, ["gold.one"], DAY, {})


def test_maker_there_is_not_is_refused_by_name():
    with pytest.raises(ContractBroken, match=r"jobs\.scoring\.job:nobody"):
        maker_of(a_contract("gold.one", COLUMNS, made_by="jobs.scoring.job:nobody"))
