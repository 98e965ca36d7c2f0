"""The end-game: small problems end optimal, large ones near it; rules met to the cent count as kept; limits are looked at."""

from collections import Counter

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from models.allocation import Activities, LinearRule, Problem, RuleKind, check_plan, solve, solver
from models.allocation.cases import transport_case
from models.allocation.endgame import WHOLE_PAIRS
from models.allocation.instances import read_instance
from models.allocation.quadratic import solve_step
from models.allocation.selftest import run_selftest
from tests.unit.allocation.test_public_instances import INSTANCES


def test_every_family_ends_optimal_and_every_clash_is_named_given_tiny_problems():
    found = run_selftest(160, seed=3)

    assert found.failures == []
    assert len(found.by_family) == 16
    assert found.optimal_share >= 0.99
    assert found.counts["optimal"] >= 140  # floor: nearly all of them have a plan
    assert found.counts["impossible, not named"] == 0


@pytest.mark.parametrize(
    ("kinds", "bound", "expected"),
    [
        ([RuleKind.BUDGET], 0.3, 9.0),  # 0.1 + 0.2 is a hair above 0.3 in binary
        ([RuleKind.BUDGET, RuleKind.MIN_SPEND], 0.3, 9.0),
        ([RuleKind.BUDGET], 0.29, 5.0),
    ],
)
def test_rule_met_to_the_cent_counts_as_kept_given_costs_that_binary_rounds(a_problem, kinds, bound, expected):
    rules = [LinearRule(kind, bound, name=str(kind)) for kind in kinds]

    plan = solve(a_problem([[4.0, 5.0]], rules, costs=[0.1, 0.2]), 1e-9)

    assert plan.is_feasible
    assert plan.objective == expected
    assert plan.gap <= 1e-8


def test_clash_of_whole_contacts_is_named_given_prices_that_cannot_prove_it(a_problem):
    rules = [
        LinearRule(RuleKind.MIN_SPEND, 3.0, name="at least three"),
        LinearRule(RuleKind.BUDGET, 3.0, name="at most three"),
        LinearRule(RuleKind.MAX_CONTACTS, 9, name="plenty"),
    ]

    plan = solve(a_problem([[1.0, 1.0], [1.0, 1.0]], rules, costs=[2.0, 4.0]))  # even sums only

    assert set(plan.clashing_rules) == {"at least three", "at most three"}


def test_gift_counts_in_the_budget_given_money_paid_on_a_sale(a_problem):
    base = a_problem([[4.0], [3.0], [2.0]], [LinearRule(RuleKind.BUDGET, 3.1, name="budget")])
    activities = Activities(**{**vars(base.activities), "cost_per_sale": np.array([5.0])})
    problem = Problem(**{**vars(base), "activities": activities})

    plan = solve(problem, 1e-9)

    assert plan.chosen.tolist() == [0, 1]  # 1 yuan and 0.1 sales x 5 yuan each; a third would make 4.5
    assert [v.rule for v in check_plan(problem, [0, 1, 2])] == ["budget"]


def test_plan_of_a_large_problem_is_all_but_proven_given_customers_near_indifference():
    problem = transport_case(20_000)

    plan = solve(problem, gap_target=1e-6, time_limit_seconds=120.0)

    assert len(problem.pairs) > WHOLE_PAIRS
    assert plan.gap <= 1e-6
    assert check_plan(problem, plan.chosen) == []


def test_time_limit_is_said_and_kept_given_no_time():
    plan = solve(read_instance(INSTANCES / "GS1"), gap_target=1e-9, time_limit_seconds=0.05)

    assert plan.status == "time limit"
    assert plan.cpu_seconds < 3.0


def test_greedy_is_left_out_given_a_caller_who_does_not_ask(a_problem):
    plan = solve(a_problem([[5.0, 3.0]]), with_greedy=False)

    assert np.isnan(plan.greedy_objective)
    assert plan.greedy_violations == {}


def test_clash_is_proven_once_given_three_tiers(a_problem, monkeypatch):
    calls = Counter()
    proven = solver.clashing_rows
    monkeypatch.setattr(solver, "clashing_rows", lambda *given: calls.update(["proof"]) or proven(*given))
    rules = [LinearRule(RuleKind.MIN_CONTACTS, 5, name="at least five")]

    plan = solve(a_problem([[1.0, 2.0, 3.0]], rules, tier=np.array([0, 1, 2], dtype=np.int32)))

    assert plan.clashing_rules == ("at least five",)
    assert calls["proof"] == 1


def test_same_plan_and_prices_given_one_or_two_threads_of_the_linear_algebra_library():
    problem = read_instance(INSTANCES / "GS3")

    with threadpool_limits(1):
        one = solve(problem, 1e-4, threads=1)
    with threadpool_limits(2):
        two = solve(problem, 1e-4, threads=2)

    assert np.array_equal(one.chosen, two.chosen)
    assert (one.bound, one.shadow_prices) == (two.bound, two.shadow_prices)


def test_step_is_the_best_of_its_model_given_cuts_and_boxes():
    rng = np.random.default_rng(4)
    slopes, heights = rng.normal(size=(12, 5)), rng.normal(size=12)
    lower, upper = np.full(5, -0.3), np.array([0.2, np.inf, 0.4, np.inf, 0.1])

    def model(d: np.ndarray) -> float:
        return float((heights + slopes @ d).max() + 0.5 * d @ d)

    move, theta, weights = solve_step(np.eye(5), slopes, heights, lower, upper)

    assert theta == pytest.approx(float((heights + slopes @ move).max()), abs=1e-7)
    assert weights.sum() == pytest.approx(1.0)
    tries = np.clip(move + rng.normal(size=(2000, 5)) * rng.uniform(0, 0.3, (2000, 1)), lower, upper)
    assert min(map(model, tries)) >= model(move) - 1e-7
