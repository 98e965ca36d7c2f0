"""One run of one stage: what a dead run left goes, every table is written or the night stops, nothing shows before the gate."""

from __future__ import annotations

from datetime import date

import pytest

from conf import tables
from conf.dates import DateRange
from conf.errors import AlreadyRunning, GateFailed
from jobs import stage
from jobs.lakehouse import building, published
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.plan import StagePlan
from jobs.lakehouse.run import Run, exclusive
from jobs.lakehouse.tables import Tables
from jobs.scoring import job
from tests.builders.contracts import a_contract

DAY, NEXT = DateRange.of("2026-03-10"), DateRange.of("2026-03-11")
COLUMNS = {"visit_id": "string", "business_date": "date"}
NAMES = ["gold.one", "gold.other"]


def a_visit(day: DateRange, visit_id: str = "a") -> dict:
    return {"visit_id": visit_id, "business_date": day.first}


@pytest.fixture
def two(monkeypatch):
    """Two tables of the stage of scoring, made by one function that a test may change."""
    made = {name: lambda day: [a_visit(day)] for name in NAMES}
    for name in NAMES:
        contract = a_contract(name, COLUMNS, made_by="tests:makers", replace_by="business_date")
        monkeypatch.setitem(tables.load_tables(), name, contract)
    monkeypatch.setattr(
        building, "_function", lambda _: lambda lake, dates: {n: rows(dates) for n, rows in made.items()}
    )
    monkeypatch.setattr(stage, "tables_of_job", lambda name: NAMES)
    monkeypatch.setattr(job, "plan", lambda tables, dates: StagePlan((dates,)))
    return made


def seen(settings, name: str = "gold.one") -> list[tuple[str, date]]:
    return sorted((row["visit_id"], row["business_date"]) for row in Tables(settings).rows(name))


def test_run_publishes_its_tables_at_once_and_a_red_gate_leaves_them_to_readers(spark, settings, two):
    summary = stage.run_stage(spark, settings, "score", DAY)

    assert summary["rows"] == {"gold.one": 1, "gold.other": 1}
    assert seen(settings) == seen(settings, "gold.other") == [("a", DAY.first)]
    assert {row["published_seq"] for row in published.newest_rows(settings)} == {summary["published_seq"]}

    two["gold.one"] = lambda day: [a_visit(day), a_visit(day)]  # a key twice
    with pytest.raises(GateFailed, match=r"gold\.one"):
        stage.run_stage(spark, settings, "score", NEXT)

    assert seen(settings) == seen(settings, "gold.other") == [("a", DAY.first)]


def test_table_nobody_wrote_stops_the_night_unless_its_contract_lets_it_be(spark, settings, two, monkeypatch):
    del two["gold.other"]

    with pytest.raises(GateFailed, match=r"gold\.other: in the list of the stage"):
        stage.run_stage(spark, settings, "score", DAY)

    assert seen(settings) == [], "nothing of the stage is shown"
    left = tables.load_tables()["gold.other"].model_copy(update={"may_be_left": True})
    monkeypatch.setitem(tables.load_tables(), "gold.other", left)
    assert stage.run_stage(spark, settings, "score", DAY)["rows"] == {"gold.one": 1}
    assert seen(settings) == [("a", DAY.first)]


def test_what_a_dead_run_left_is_gone_before_the_next_one_writes(spark, settings, two):
    dead = Lake(spark, settings, Run("scoring", NEXT, settings))
    dead.replace("gold.one", spark.createDataFrame([("dead", NEXT.first)], "visit_id string, business_date date"), NEXT)

    stage.run_stage(spark, settings, "score", DAY)

    assert seen(settings) == [("a", DAY.first)]


def test_run_holds_the_lock_of_its_stage(spark, settings, two, monkeypatch):
    asked = []
    monkeypatch.setattr(stage, "exclusive", lambda settings, name: asked.append(name) or exclusive(settings, name))

    stage.run_stage(spark, settings, "score", DAY)

    assert asked == ["scoring"]
    with exclusive(settings, "scoring"), monkeypatch.context() as other_process:
        other_process.setattr("jobs.lakehouse.run._HELD", set())
        with pytest.raises(AlreadyRunning, match="scoring"):
            stage.run_stage(spark, settings, "score", DAY)
