"""What a table is made from and what reads it, column by column, as its query says."""

from __future__ import annotations

import pytest

from conf.tables import load_tables
from jobs.lakehouse.columns_read import lineage, readers, reading

COLUMNS = {
    "gold.visit": ("visit_id", "day", "amount"),
    "silver.person": ("person_id", "name", "city"),
    "kept": ("visit_id",),
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
            "SELECT 1 AS n FROM kept AS k WHERE EXISTS (SELECT 1 FROM silver.person AS p WHERE p.person_id = k.visit_id)",
            {"kept": ("visit_id",), "silver.person": ("person_id",)},
        ),
        (
            "SELECT transform(array(amount), a -> a + 1) AS a FROM gold.visit UNION ALL SELECT day AS a FROM gold.visit",
            {"gold.visit": ("amount", "day")},
        ),
    ],
)
def test_columns_are_found_under_the_table_they_are_read_from(text, reads):
    assert reading(text, lambda name: COLUMNS.get(name, ())).reads == reads


def test_steps_kept_in_memory_are_followed_to_the_tables_of_the_lake():
    assert lineage("silver.balance") == {
        "bronze.balance": ("balance_fen", "data_date", "load_date", "owe_fen", "user_id", "valid_to")
    }
    suppression = lineage("gold.suppression")
    assert suppression["ops.forgotten"] == ("business_date", "kind", "token")  # by protect_forgotten.sql
    assert "is_sensitive" in suppression["silver.customer"]  # by owners.sql
    assert "valid_to" in suppression["silver.msisdn_assignment"]  # by msisdn_holder
    assert "silver.usage_daily" not in suppression


def test_readers_of_a_table_are_those_whose_query_names_it():
    assert "gold.contact_history" in readers("silver.vas_daily")
    assert readers("gold.lifecycle_state") == []


def test_every_query_names_tables_and_columns_of_contracts():
    made = {name: lineage(name) for name, table in load_tables().items() if table.sql_file.is_file()}

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
