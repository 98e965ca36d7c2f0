"""What tables are made from, table by table and column by column, and the order in which that lets them be made."""

from __future__ import annotations

import pytest

from conf.tables import load_tables
from jobs.lakehouse import lineage
from jobs.lakehouse.lineage import columns_read, in_order, is_read_twice, made_from, read_by, reading, sources

COLUMNS = {
    "gold.visit": ("visit_id", "day", "amount"),
    "silver.person": ("person_id", "name", "city"),
    "work.kept": ("visit_id",),
}


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("SELECT visit_id FROM gold.visit", {"gold.visit": ("visit_id",)}),
        ("SELECT * FROM gold.visit", {"gold.visit": ("amount", "day", "visit_id")}),
        ("SELECT count(*) FROM gold.visit", {"gold.visit": ()}),
        (
            "WITH visit AS (SELECT v.* FROM gold.visit AS v) SELECT amount FROM visit WHERE day > :first_date",
            {"gold.visit": ("amount", "day", "visit_id")},
        ),
        (
            "SELECT name FROM gold.visit JOIN silver.person ON person_id = visit_id WHERE city IN (:cities) -- ops.no",
            {"gold.visit": ("visit_id",), "silver.person": ("city", "name", "person_id")},
        ),
        (
            "SELECT 1 AS n FROM work.kept AS k WHERE EXISTS (SELECT 1 FROM silver.person AS p WHERE p.person_id = k.visit_id)",
            {"work.kept": ("visit_id",), "silver.person": ("person_id",)},
        ),
        (
            "SELECT transform(array(amount), a -> a + 1) AS a FROM gold.visit UNION ALL SELECT day AS a FROM gold.visit",
            {"gold.visit": ("amount", "day")},
        ),
    ],
)
def test_columns_are_found_under_the_table_they_are_read_from(text, reads):
    assert reading(text, lambda name: COLUMNS.get(name, ())).reads == reads


def test_helper_queries_are_followed_to_the_tables_of_the_lake():
    assert columns_read("silver.balance") == {
        "bronze.balance": ("balance_fen", "data_date", "load_date", "owe_fen", "user_id", "valid_to")
    }
    suppression = columns_read("gold.suppression")
    assert suppression["ops.forgotten"] == ("business_date", "kind", "token")  # by protect_forgotten.sql
    assert "is_sensitive" in suppression["silver.customer"]  # by owners.sql
    assert "valid_to" in suppression["silver.msisdn_assignment"]  # by msisdn_holder
    assert "silver.usage_daily" not in suppression


def test_every_query_names_tables_and_columns_of_contracts():
    made = {name: columns_read(name) for name, table in load_tables().items() if table.is_query}

    assert len(made) > 25
    assert [name for name, reads in made.items() if not reads] == []
    unknown = [
        f"{name}: {source}.{column}"
        for name, reads in made.items()
        for source, columns in reads.items()
        for column in columns
        if column not in load_tables()[source].column_names
    ]
    assert unknown == []


MADE_FROM = {
    "gold.c": {"gold.a", "gold.b"},
    "gold.a": {"silver.x"},
    "gold.b": {"gold.a", "gold.b"},
}


def test_helper_queries_stand_for_what_they_read():
    assert "work.msisdn_holder" in made_from("silver.list_member")
    assert "silver.msisdn_assignment" in sources("silver.list_member")
    assert not any(name.startswith("work.") for name in sources("silver.list_member"))
    assert {"rpt.campaign_lift", "gold.contact_history"} <= set(read_by("gold.control_group"))


def test_a_feed_is_a_source_by_its_bronze_table():
    assert sources("silver.balance") == {"bronze.balance"}
    assert {"bronze.cdr_voice", "silver.msisdn_assignment"} <= sources("silver.call_area_month")  # month_cdr_voice
    assert "silver.balance" in read_by("bronze.balance")


def test_query_read_twice_is_kept():
    assert is_read_twice("work.owners")
    assert not is_read_twice("work.protections")


def test_tables_are_made_after_what_they_are_made_from(monkeypatch):
    monkeypatch.setattr(lineage, "sources", lambda name: frozenset(MADE_FROM[name]))
    monkeypatch.setattr(lineage, "_are_made_at_once", lambda one, other: one == other)
    assert in_order(["gold.c", "gold.b", "gold.a"]) == [["gold.a"], ["gold.b"], ["gold.c"]]


def test_circle_of_tables_is_refused(monkeypatch):
    circle = {"gold.a": {"gold.b"}, "gold.b": {"gold.a"}}
    monkeypatch.setattr(lineage, "sources", lambda name: frozenset(circle[name]))
    monkeypatch.setattr(lineage, "_are_made_at_once", lambda one, other: one == other)
    with pytest.raises(ValueError, match=r"gold.a, gold.b"):
        in_order(["gold.a", "gold.b"])


def test_silver_is_made_in_the_order_numbers_are_bound():
    layers = in_order(["silver.usage_daily", "silver.msisdn_assignment", "silver.subscription"])
    assert layers == [["silver.subscription"], ["silver.msisdn_assignment"], ["silver.usage_daily"]]


def test_lists_of_a_night_are_made_at_once():
    assert in_order(["gold.campaign_contact", "gold.control_group"]) == [
        ["gold.campaign_contact", "gold.control_group"]
    ]
