"""What tables are made from, and the order in which that lets them be made."""

from __future__ import annotations

import pytest

from jobs.lakehouse import lineage
from jobs.lakehouse.lineage import in_order, is_read_twice, made_from, read_by, sources

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
