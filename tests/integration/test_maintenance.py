"""Maintenance removes what is older than its retention, leaves the rest, and never stands in the way of a night."""

from __future__ import annotations

from datetime import date

import pytest

from conf import tables
from conf.dates import DateRange
from conf.tables import Table, table_of
from jobs.lakehouse import ledger, published
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.run import Run, exclusive
from jobs.maintenance import job

TONIGHT = DateRange.of("2026-03-10")
DAYS = {"2026-02-07": "too old", "2026-02-08": "just kept", "2026-03-10": "tonight"}  # 30 days back is 8 February
VISIT = Table.model_validate(
    {
        "table": "gold.visit", "description": "x", "grain": "x", "owner": "x", "key": ["visit_id"], "retention_days": 30,
        "partition_by": ["business_date"], "replace_by": "business_date",
        "columns": [
            {"name": "visit_id", "type": "string", "description": "x"},
            {"name": "business_date", "type": "date", "description": "x"},
        ],
    }
)  # fmt: skip


@pytest.fixture
def visits(spark, settings, monkeypatch):
    """A published gold table of three days, and gate results of as many, each older than, at and within its retention."""
    monkeypatch.setitem(tables.load_tables(), "gold.visit", VISIT)
    cared_for = {"gold.visit": VISIT, "ops.gate_result": table_of("ops.gate_result")}
    monkeypatch.setattr(job, "load_tables", lambda: cared_for)
    lake = Lake(spark, settings, Run("evaluation", TONIGHT, settings))
    rows = " UNION ALL ".join(
        f"SELECT '{word}' AS visit_id, DATE'{day}' AS business_date" for day, word in DAYS.items()
    )
    lake.replace("gold.visit", spark.sql(rows), None)
    lake.publish()
    gate_row = {
        "run_id": "a", "stage": "evaluation", "table_name": "gold.visit", "suite": "x", "severity": "fail",
        "expectation": "x", "success": True,
    }  # fmt: skip
    days = (date(2025, 2, 2), date(2025, 2, 3), TONIGHT.last)  # 400 days back is 3 February
    ledger.append(settings, "ops.gate_result", [{**gate_row, "business_date": day} for day in days])
    return lake


def _seen(settings) -> set[str]:
    version = published.reader_version(settings, "gold.visit")
    return {row["visit_id"] for row in ledger.read(settings, "gold.visit", version=version).to_pylist()}


def test_old_rows_go_and_what_stays_is_published_at_once(spark, settings, visits):
    done = job.run(spark, settings, TONIGHT)

    assert done == {"expired_tables": 2, "compacted_tables": 0, "left_tables": 0, "removed_logs": 0}
    assert _seen(settings) == {"just kept", "tonight"}
    assert ledger.holds_version(settings, "gold.visit", published.published_versions(settings)["gold.visit"])
    assert ledger.read(settings, "ops.gate_result").num_rows == 2
    assert Lake(spark, settings, Run("evaluation", TONIGHT, settings)).restore_ahead(["gold.visit"]) == []
    mistyped = DateRange.of("2126-03-10")  # counts from the newest night all the same, so there is nothing more to do
    assert job.run(spark, settings, mistyped)["expired_tables"] == 0
    assert _seen(settings) == {"just kept", "tonight"}


def test_table_is_left_alone_given_its_stage_at_work_or_an_unpublished_write(spark, settings, visits, monkeypatch):
    with exclusive(settings, "evaluation"):
        monkeypatch.setattr("jobs.lakehouse.run._HELD", set())  # held by another process
        assert job.run(spark, settings, TONIGHT)["left_tables"] == 1

    night = Lake(spark, settings, Run("evaluation", TONIGHT, settings))
    night.replace("gold.visit", spark.sql("SELECT 'dead' AS visit_id, DATE'2026-03-10' AS business_date"), TONIGHT)
    assert job.run(spark, settings, TONIGHT)["left_tables"] == 1
    assert _seen(settings) == set(DAYS.values())
