"""A report added as README says, by its contract, its query and its suite, is built, gated, published and in the dictionary."""

from __future__ import annotations

from datetime import date

import pytest

from conf.overlay import OPERATOR_VARIABLE
from conf.tables import table_of, tables_of_job
from expectations.gate import run_gate
from jobs.lakehouse import delta_rs, dictionary
from jobs.lakehouse.building import build_tables
from jobs.lakehouse.query import query_tables
from tests.builders.contract_rows import a_row, arrow_rows
from tests.config.test_add_a_file import CHANGES
from tests.conftest import A_NIGHT

REPORT = "rpt.tier_count"
NIGHT = date(2026, 3, 10)


@pytest.fixture
def with_the_report(tmp_path, monkeypatch):
    """An operator's folder with the three files of README's row, and nothing else."""
    (change,) = [change for change in CHANGES if change.row == "a report"]
    for path, edit in change.files.items():
        file = tmp_path / "operator" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(edit(""), encoding="utf-8")
    monkeypatch.setenv(OPERATOR_VARIABLE, str(tmp_path / "operator"))


def test_report_added_as_readme_says_is_built_gated_published_and_in_the_dictionary(with_the_report, lake, settings):
    view = table_of("gold.customer_360")
    tiers = ("HIGH", "HIGH", "LOW")
    rows = [a_row(view, n, snapshot_date=NIGHT, is_live=True, value_tier=tier) for n, tier in enumerate(tiers)]
    lake.replace(view.name, lake.spark.createDataFrame(arrow_rows(view, rows)), A_NIGHT)

    assert REPORT in tables_of_job("evaluate")
    build_tables(lake, [REPORT], A_NIGHT, {})
    run_gate(lake, "evaluation", [REPORT], A_NIGHT)
    lake.publish()

    answer = query_tables(settings, f"SELECT value_tier, line_cnt FROM {REPORT} ORDER BY value_tier").to_pylist()
    judged = [row for row in delta_rs.read(settings, "ops.gate_result").to_pylist() if row["table_name"] == REPORT]
    assert answer == [{"value_tier": "HIGH", "line_cnt": 2}, {"value_tier": "LOW", "line_cnt": 1}]
    assert len(judged) == 4
    assert all(row["success"] for row in judged)
    assert f"## {REPORT}" in dictionary.render_dictionary()["rpt.md"]
