"""What the person on call is told follows the newest run: a mended table is no longer red."""

from __future__ import annotations

import pytest

from conf.dates import DateRange
from jobs.lakehouse import delta_rs
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.run import Run
from jobs.overview import quality
from jobs.status import status

NIGHT = DateRange.of("2026-03-10")


@pytest.fixture
def judge(settings):
    """Records what a run of the scoring stage found in tables, as {table: held}."""

    def record(run: Run, found: dict[str, bool]) -> None:
        common = {"run_id": run.run_id, "business_date": run.business_date, "stage": run.stage, "suite": "x"}
        rows = [
            {**common, "table_name": name, "severity": "fail", "expectation": "row_count >= 1", "success": held}
            for name, held in found.items()
        ]
        Lake(None, settings, run).record_gate(rows)

    return record


def _red(settings) -> list[tuple[str, str]]:
    on_call = dict(status(settings).parts)["Rules that did not hold, newest run of each stage"]
    of_date = dict(quality(settings, NIGHT.last))["Rules that did not hold"]
    assert {row["table_name"] for row in on_call} == {row["table_name"] for row in of_date}
    return [(row["stage"], row["table_name"]) for row in of_date]


def test_mended_table_is_no_longer_red_and_others_stay(settings, judge):
    judge(Run("scoring", NIGHT, settings), {"gold.customer_score": False, "gold.lifecycle_state": False})
    judge(Run("targeting", NIGHT, settings), {"gold.customer_score": False})

    judge(Run("scoring", NIGHT, settings), {"gold.customer_score": True})

    assert _red(settings) == [("scoring", "gold.lifecycle_state"), ("targeting", "gold.customer_score")]


def test_tables_judged_twice_in_one_run_keep_both_verdicts(settings, judge):
    run = Run("customer_view", NIGHT, settings)  # one gate for each snapshot date of a range

    judge(run, {"gold.customer_360": False})
    judge(run, {"gold.customer_360": True})

    assert [row["success"] for row in delta_rs.read(settings, "ops.gate_result").to_pylist()] == [False, True]
