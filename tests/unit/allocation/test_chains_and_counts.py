"""Moves over several customers, whole numbers of contacts, greedy's shortcuts and the compiled loops of set-up."""

from dataclasses import replace

import numpy as np
import pytest

from models.allocation import Activities, LinearRule, Pairs, Problem, RuleKind, check_plan, compiled, solve
from models.allocation.canonical import canonicalise
from models.allocation.chains import improve_by_chains
from models.allocation.greedy import greedy_plan
from models.allocation.primal import PlanSearch, polish
from models.allocation.selftest import random_problem


@pytest.mark.parametrize(
    ("costs_and_values", "budget", "price", "held", "reached"),
    [
        ([(4.0, 5.0), (3.0, 4.0), (3.0, 4.0)], 6.0, 1.2, [0], 8.0),  # two come for one that goes: three customers
        ([(5.0, 6.0), (2.0, 1.0), (6.0, 8.0)], 7.0, 1.2, [0, 1], 8.0),  # one comes for two that go
        ([(5.0, 6.0), (5.0, 7.0)], 5.0, 6.5, [0], 7.0),  # one for one: two customers
    ],
)
def test_moves_over_customers_reach_the_best_plan_given_that_no_single_move_helps(
    a_problem, costs_and_values, budget, price, held, reached
):
    size = len(costs_and_values)
    values = [[costs_and_values[i][1] if a == i else None for a in range(size)] for i in range(size)]
    costs = [cost for cost, _ in costs_and_values]
    problem = a_problem(values, [LinearRule(RuleKind.BUDGET, budget, name="budget")], costs=costs)
    canonical = canonicalise(problem)
    search = PlanSearch(canonical, canonical.gain, 1.0)
    alone, chosen = np.zeros(size, dtype=np.uint8), np.zeros(size, dtype=np.uint8)
    alone[held] = chosen[held] = 1

    polish(search, alone, 0)
    improve_by_chains(search, np.array([price]), np.arange(size), chosen)

    assert search.candidate(alone).objective < reached
    assert search.candidate(chosen).objective == reached
    assert search.candidate(chosen).hard_excess == 0.0


def one_budget() -> Problem:
    """Value and money both grow with response: what is open hangs on how many contacts each of three channels makes."""
    rng = np.random.default_rng(4)
    customers = 1600
    for _ in range(customers):
        rng.choice(3, 3, replace=False)
    customer, activity = np.divmod(np.arange(3 * customers), 3)
    response = np.round(rng.beta(1.2, 12, 3 * customers), 6)
    cost = np.round(rng.uniform(0.03, 1.5, 3), 2)
    gift, margin = np.round(rng.uniform(3, 10), 0), rng.uniform(20, 40)
    spend = cost[activity] + gift * response
    value = response * margin - spend
    return Problem(
        n_customers=customers,
        activities=Activities(
            ["a", "b", "c"],
            np.ones(3, dtype=np.int32),
            ["sms", "mms", "call"],
            [frozenset()] * 3,
            cost=cost,
            cost_per_sale=np.full(3, gift),
        ),
        pairs=Pairs(customer.astype(np.int32), activity.astype(np.int32), value, response),
        rules=[
            LinearRule(RuleKind.BUDGET, round(float(spend[value > 0].sum()) * 0.15, 2), name="budget"),
            LinearRule(RuleKind.MAX_CONTACTS_PER_CUSTOMER, 1),
        ],
    )


def test_plan_is_proven_best_given_one_budget_and_money_that_grows_with_response():
    problem = one_budget()

    plan = solve(problem, gap_target=1e-6, time_limit_seconds=120.0, with_greedy=False)

    assert len(problem.pairs) == 4800
    assert plan.objective == pytest.approx(2237.9498, abs=1e-4)
    assert plan.gap <= 1e-6
    assert check_plan(problem, plan.chosen) == []


@pytest.mark.parametrize("seed", range(40))
def test_greedy_takes_what_a_plain_walk_takes_given_random_problems(seed):
    drawn = random_problem(np.random.default_rng([11, seed]))
    problem = replace(drawn, rules=[rule for rule in drawn.rules if not str(rule.kind).startswith("MIN_")])
    canonical = canonicalise(problem)
    search = PlanSearch(canonical, canonical.gain, 1.0)
    worth = (canonical.value * canonical.gain[canonical.activity]).astype(np.float32)
    order = [p for p in np.argsort(-worth, kind="stable") if worth[p] > 0]
    rows = np.arange(canonical.n_pairs) if canonical.order is None else canonical.order
    taken: list[int] = []
    for p in order:
        if not check_plan(problem, [*taken, int(rows[p])]):
            taken.append(int(rows[p]))

    chosen = greedy_plan(search).chosen

    assert sorted(rows[np.flatnonzero(chosen)].tolist()) == sorted(taken)


def test_state_of_the_compiled_loops_changes_with_a_source_and_with_nothing_else(tmp_path):
    (tmp_path / "loops.py").write_text("one = 1\n")
    before = compiled.state(tmp_path)
    (tmp_path / "notes.txt").write_text("not compiled")
    same = compiled.state(tmp_path)
    (tmp_path / "loops.py").write_text("two = 22\n")

    assert same == before
    assert compiled.state(tmp_path) != before


def test_set_up_goes_on_given_loops_that_cannot_be_compiled(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(compiled, "STAMP", tmp_path / "compiled.stamp")
    monkeypatch.setattr(compiled, "state", lambda: 1 / 0)

    compiled.main()

    assert "at first use" in capsys.readouterr().err
