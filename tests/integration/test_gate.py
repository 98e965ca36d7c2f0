"""The gate: every suite turns red on a planted violation; a red rule stops publication and leaves its result."""

from __future__ import annotations

from datetime import date

import pytest

from conf.dates import DateRange
from conf.errors import GateFailed
from conf.tables import Table, table_of
from expectations import gate
from expectations.measure import measure_arrow, measure_spark
from expectations.suites import TableRule, load_suites, rules_of
from jobs.lakehouse import delta_rs
from tests.builders.contract_rows import a_row, arrow_rows, judged_tables, rows_breaking
from tests.builders.contracts import contract_text

A_NIGHT = DateRange.of("2026-03-10")
FEED_STATUS = {"business_date": date(2026, 3, 10), "feed": "payment", "status": "COMPLETE", "run_id": "a"}


def _broken(rule: TableRule, number: float | None) -> bool:
    if number is None:
        return False
    return (rule.min is not None and number < rule.min) or (rule.max is not None and number > rule.max)


def _every_rule() -> list:
    pairs = [(name, rule) for name in judged_tables() for rule in rules_of(name)]
    return [pytest.param(name, rule, id=f"{name}-{rule.id}"[:120]) for name, rule in pairs]


@pytest.mark.parametrize(("name", "rule"), _every_rule())
def test_rule_is_broken_given_its_planted_violation(name, rule):
    table = table_of(name)

    number = measure_arrow(rows_breaking(table, rule), table, [rule])[rule.id]

    assert _broken(rule, number), f"{rule.words}: observed {number}"


def test_great_expectations_turns_every_suite_red_given_planted_violations(tmp_path, monkeypatch):
    planted = {name: rules_of(name)[-1] for name in judged_tables()}  # one a suite; every rule's number is tested above
    monkeypatch.setattr(gate, "rules_of", lambda name: [planted[name]])
    measured = {
        name: measure_arrow(rows_breaking(table_of(name), rule), table_of(name), [rule])
        for name, rule in planted.items()
    }

    verdicts = gate.judge(measured, tmp_path, "planted", with_pages=False)

    assert {verdict.table for verdict in verdicts} == set(judged_tables())
    assert [verdict for verdict in verdicts if verdict.success] == []


@pytest.mark.parametrize("name", [name for name in judged_tables() if not name.startswith("rpt.")])
def test_table_has_a_suite(name):
    assert name in load_suites(), f"write expectations/{name.replace('.', '/')}.yaml (expectations/README.md says how)"


@pytest.fixture(scope="module")
def measured_table() -> Table:
    columns = {
        "id": "string",
        "kind": "string",
        "marks": "array<string>",
        "amount": "double",
        "first_day": "date",
        "last_day": "date",
    }
    told = contract_text("gold.measured", columns)
    told["columns"][2]["values"] = {"M": "m", "N": "n"}
    return Table.model_validate(told)


def test_spark_and_arrow_measure_the_same_given_the_same_rows(spark, measured_table):
    early, late = date(2026, 1, 1), date(2026, 2, 1)
    rows = [
        {"id": "a", "kind": "K", "amount": 1.0, "first_day": early, "last_day": late, "marks": ["M", "N"]},
        {
            "id": "a",
            "kind": "K",
            "amount": None,
            "first_day": late,
            "last_day": early,
        },  # doubled key, days in wrong order
        {"id": "b", "kind": "L", "amount": 2.5, "first_day": early, "last_day": None, "marks": ["M", "OTHER"]},
        {"id": None, "kind": None, "amount": -1.0, "first_day": early, "last_day": early},  # key is null
    ]
    given = {"severity": "fail", "reason": "a test", "max": 0}
    rules = [
        TableRule(metric="row_count", **given),
        TableRule(metric="row_count", where={"kind": ("K", "L")}, **given),
        TableRule(metric="duplicate_key_count", **given),
        TableRule(metric="required_null_count", **given),
        TableRule(metric="null_count", column="amount", **given),
        TableRule(metric="null_share", column="amount", where={"kind": "K"}, **given),
        TableRule(metric="min", column="amount", **given),
        TableRule(metric="max", column="amount", where={"kind": "K"}, **given),
        TableRule(metric="sum", column="amount", **given),
        TableRule(metric="mean", column="amount", **given),
        TableRule(metric="not_allowed_count", column="kind", values=("K",), **given),
        TableRule(metric="share", column="kind", values=("K",), **given),
        TableRule(metric="share", column="kind", values=("L",), where={"id": "b"}, **given),
        TableRule(metric="order_violation_count", column="first_day", other="last_day", **given),
        TableRule(metric="sum_difference", column="amount", other="amount", **given),
        TableRule(metric="not_allowed_count", column="marks", **given),
        TableRule(metric="max", column="amount", where={"kind": "NOBODY"}, **given),
        TableRule(metric="share", column="kind", values=("K",), where={"kind": "NOBODY"}, **given),
    ]
    arrived = arrow_rows(measured_table, rows)

    by_arrow = measure_arrow(arrived, measured_table, rules)
    by_spark = measure_spark(spark.createDataFrame(arrived), measured_table, rules)

    assert by_arrow == by_spark
    assert list(by_arrow.values()) != []
    assert [by_arrow[rule.id] for rule in rules] == [
        4,
        3,
        2,
        1,
        1,
        0.5,
        -1,
        1,
        2.5,
        2.5 / 3,
        1,
        0.5,
        1,
        1,
        0,
        1,
        None,
        None,
    ]


def test_failed_gate_publishes_nothing_and_keeps_its_result_given_a_doubled_key(lake):
    delta_rs.append(lake.settings, "ops.feed_status", [FEED_STATUS, FEED_STATUS])

    with pytest.raises(GateFailed, match="duplicate_key_count"):
        gate.run_gate(lake, "ingest", ["ops.feed_status"], A_NIGHT)

    results = delta_rs.read(lake.settings, "ops.gate_result").to_pylist()
    assert [row["expectation"] for row in results if not row["success"]] == ["duplicate_key_count <= 0"]
    assert list(lake.settings.path("alerts").glob("*GATE_FAILED*"))


def test_gate_passes_given_rows_that_fit(lake):
    delta_rs.append(lake.settings, "ops.feed_status", [FEED_STATUS])

    verdicts = gate.run_gate(lake, "ingest", ["ops.feed_status"], A_NIGHT)

    assert all(verdict.success for verdict in verdicts)
    assert (lake.settings.path("data_docs") / "index.html").is_file()


def test_gate_judges_only_the_dates_of_the_run_given_an_older_fault(lake):
    older = {**FEED_STATUS, "business_date": date(2026, 3, 1)}
    delta_rs.append(lake.settings, "ops.feed_status", [older, older, FEED_STATUS])

    assert gate.run_gate(lake, "ingest", ["ops.feed_status"], A_NIGHT)


def test_results_hold_no_value_of_a_row_given_a_personal_number(lake):
    table = table_of("vault.identity")
    delta_rs.append(
        lake.settings, table.name, arrow_rows(table, [a_row(table, 1, value="13800000001", kind="MSISDN")] * 2)
    )

    with pytest.raises(GateFailed):
        gate.run_gate(lake, "ingest", [table.name], A_NIGHT)

    written = [path for path in lake.settings.path("data_docs").rglob("*") if path.suffix in (".html", ".json")]
    assert written
    assert not any("13800000001" in path.read_text(encoding="utf-8") for path in written)
