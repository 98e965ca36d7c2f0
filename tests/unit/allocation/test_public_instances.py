"""The public instances: every hard rule kept, gap within its target, the clash of GS1' named, any form of the files."""

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from models.allocation import InvalidProblem, check_plan, solve
from models.allocation.bench import app
from models.allocation.cases import large_case, transport_case
from models.allocation.instances import read_instance, read_table
from models.allocation.picture import capacity_curves

INSTANCES = Path(__file__).parents[2] / "data" / "assignment"
# LP relaxation and best plan known, HiGHS 1.x: the bound must lie above the plan, and near the relaxation.
KNOWN = {
    "GS1": (151158.0509, 151155.2182),
    "GS2": (139817.2863, None),
    "GS3": (107101.5655, 107085.7987),
    "GS4": (518232.8149, None),
}


@pytest.mark.parametrize("name", KNOWN)
def test_every_rule_is_kept_and_the_gap_proven_given_a_public_instance(name):
    problem = read_instance(INSTANCES / name)

    plan = solve(problem, gap_target=1e-4, time_limit_seconds=120.0)

    relaxation, best_known = KNOWN[name]
    assert check_plan(problem, plan.chosen) == []
    assert plan.gap <= 1e-4
    assert plan.objective <= relaxation + 1e-3
    assert plan.bound >= (best_known or plan.objective)
    assert plan.bound <= relaxation * (1 + 1e-4)
    assert plan.greedy_objective < plan.objective


def test_clash_is_named_and_violation_measured_given_bounds_that_cannot_hold():
    problem = read_instance(INSTANCES / "GS1_prime")

    plan = solve(problem, gap_target=1e-4, time_limit_seconds=120.0)

    assert not plan.is_feasible
    assert any("Minimum assignment: email" in name for name in plan.clashing_rules)
    assert {v.rule for v in check_plan(problem, plan.chosen)} == {v.rule for v in plan.violation_list}
    assert {v.rule for v in plan.violation_list} <= set(plan.clashing_rules)
    assert sum(plan.violations.values()) == pytest.approx(47.0)  # 1,753 of 1,800: more is proven impossible


@pytest.fixture
def rewritten(tmp_path):
    """GS1 with table2 unpacked, and the Index columns of the other tables turned round: dropped or added."""
    folder = tmp_path / "instance"
    shutil.copytree(INSTANCES / "GS1", folder)
    packed = folder / "table2.csv.gz"
    (folder / "table2.csv").write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    rules = read_table(folder, "table3", ("Type",)).drop("Index")
    (folder / "table3.csv").unlink()
    with gzip.open(folder / "table3.csv.gz", "wb") as file:
        file.write(rules.write_csv().encode())
    activities = read_table(folder, "table1", ("Activity",)).with_row_index("Index")
    activities.write_csv(folder / "table1.csv")
    return folder


def test_same_problem_is_read_given_plain_or_gzipped_tables_with_or_without_index(rewritten):
    here, there = read_instance(INSTANCES / "GS1"), read_instance(rewritten)

    assert np.array_equal(here.pairs.value, there.pairs.value)
    assert [rule.bound for rule in here.rules] == [rule.bound for rule in there.rules]
    assert here.activities.products == there.activities.products


def test_missing_table_is_named_given_an_incomplete_folder(tmp_path):
    with pytest.raises(InvalidProblem, match="table1"):
        read_instance(tmp_path)


def test_bench_prints_json_and_writes_the_plan_given_any_folder(rewritten, tmp_path):
    out = tmp_path / "plan.csv"
    arguments = ["--instance", str(rewritten), "--plan", str(out), "--json", "--repeat", "1"]

    printed = CliRunner().invoke(app, arguments)

    assert printed.exit_code == 0, printed.output
    (result,) = json.loads(printed.stdout)
    assert result["broken_rules_by_checker"] == 0
    assert result["gap"] <= 1e-4
    lines = out.read_text().splitlines()
    assert lines[0] == "Customer,Activity"
    assert len(lines) > 1000


def test_transport_case_is_solved_given_fewer_customers():
    problem = transport_case(20_000)

    plan = solve(problem, gap_target=1e-4, time_limit_seconds=60.0)

    assert plan.gap <= 1e-4
    assert check_plan(problem, plan.chosen) == []


def test_large_case_is_solved_and_drawn_given_fewer_customers():
    problem = large_case(8_000)

    plan = solve(problem, gap_target=1e-3, time_limit_seconds=60.0)
    curves = capacity_curves(problem, plan)

    assert plan.gap <= 1e-3
    assert check_plan(problem, plan.chosen) == []
    assert set(curves) == set(problem.activities.channel)
    for contacts, prices in curves.values():
        assert (np.diff(contacts) <= 0).all()  # a dearer contact is never wanted more
        assert (np.diff(prices) > 0).all()
