"""What must hold whatever the numbers: relaxing, adding, permuting, scaling, threads and partitions."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.allocation import LinearRule, Pairs, Problem, RuleKind, solve
from models.allocation.canonical import canonicalise
from models.allocation.evaluate import LocalStep, empty_sums, evaluate_range, in_fixed_order
from models.allocation.reference import solve_with_highs
from models.allocation.selftest import random_problem

seeds = st.integers(0, 10_000)
few = settings(max_examples=15, deadline=None, derandomize=True)


def _relaxed(problem: Problem, row: int) -> Problem:
    rules = list(problem.rules)
    rule = rules[row]
    rules[row] = replace(rule, bound=rule.bound * (0.5 if RuleKind(rule.kind).is_minimum else 2.0))
    return replace(problem, rules=rules)


def _permuted(problem: Problem, order: np.ndarray) -> Problem:
    """The same customers under other numbers: customer i becomes order[i], pairs shuffled, ids kept."""
    ids = np.empty(problem.n_customers, dtype=np.int64)
    ids[order] = np.arange(problem.n_customers)
    pairs = problem.pairs
    shuffle = np.random.default_rng(1).permutation(len(pairs))
    rules = [r if r.used is None else replace(r, used=np.asarray(r.used)[np.argsort(order)]) for r in problem.rules]
    return replace(
        problem,
        customer_id=ids,
        rules=rules,
        pairs=Pairs(
            order[pairs.customer][shuffle], pairs.activity[shuffle], pairs.value[shuffle], pairs.response[shuffle]
        ),
    )


def _named(problem: Problem, chosen: np.ndarray) -> set[tuple[int, int]]:
    customer = np.asarray(problem.pairs.customer)[chosen]
    ids = customer if problem.customer_id is None else np.asarray(problem.customer_id)[customer]
    return set(zip(ids.tolist(), np.asarray(problem.pairs.activity)[chosen].tolist(), strict=True))


@few
@given(seeds)
def test_relaxing_a_rule_never_lowers_the_optimum_nor_the_bound_by_more_than_its_gap(seed):
    problem = random_problem(np.random.default_rng([11, seed]))
    if not problem.rules:
        return
    looser = _relaxed(problem, seed % len(problem.rules))
    assert solve_with_highs(looser).objective >= solve_with_highs(problem).objective - 1e-6
    tight, loose = solve(problem, 1e-4), solve(looser, 1e-4)
    if tight.is_feasible and loose.is_feasible:
        assert loose.bound >= tight.bound - tight.gap * abs(tight.bound) - 1e-6


@few
@given(seeds)
def test_adding_a_pair_never_lowers_the_optimum_nor_the_bound_by_more_than_its_gap(seed):
    problem = random_problem(np.random.default_rng([12, seed]))
    pairs = problem.pairs
    if len(pairs) < 2:
        return
    fewer = replace(
        problem, pairs=Pairs(pairs.customer[:-1], pairs.activity[:-1], pairs.value[:-1], pairs.response[:-1])
    )
    assert solve_with_highs(problem).objective >= solve_with_highs(fewer).objective - 1e-6
    small, large = solve(fewer, 1e-4), solve(problem, 1e-4)
    if small.is_feasible and large.is_feasible:
        assert large.bound >= small.bound - small.gap * abs(small.bound) - 1e-6


@few
@given(seeds)
def test_permuting_customers_changes_nothing_given_the_same_ids(seed):
    problem = random_problem(np.random.default_rng([13, seed]), most_customers=40)
    order = np.random.default_rng(seed).permutation(problem.n_customers)
    shuffled = _permuted(problem, order)

    plan, again = solve(problem, 1e-4), solve(shuffled, 1e-4)

    assert _named(shuffled, again.chosen) == _named(problem, plan.chosen)
    assert again.bound == plan.bound
    assert again.shadow_prices == plan.shadow_prices


@few
@given(seeds)
def test_scaling_values_scales_prices_given_a_power_of_two(seed):
    problem = random_problem(np.random.default_rng([14, seed]), most_customers=30)
    problem = replace(
        problem, rules=[r for r in problem.rules if r.soft_price is None and r.kind != RuleKind.MIN_VALUE]
    )
    fourfold = replace(problem, pairs=replace(problem.pairs, value=problem.pairs.value * 4.0))

    plan, scaled = solve(problem, 1e-5), solve(fourfold, 1e-5)

    if plan.is_feasible and scaled.is_feasible and plan.gap < 1e-2:
        assert scaled.bound == pytest.approx(4.0 * plan.bound, rel=1e-4, abs=1e-3)
        cost = sum(scaled.shadow_prices[r] * b for r, b in _bounds(problem).items())
        assert cost <= 4.0 * abs(plan.bound) * 2.0 + 50.0 or plan.bound <= 0.0


def _bounds(problem: Problem) -> dict[str, float]:
    return {r.name: r.bound for r in problem.rules if not RuleKind(r.kind).is_per_customer and "MAX" in str(r.kind)}


def test_scaling_values_scales_every_price_given_one_clear_price(a_problem):
    values = [[float(v)] for v in (10, 8, 6, 4, 2)]
    rules = [LinearRule(RuleKind.MAX_CONTACTS, 2, name="capacity")]

    plan = solve(a_problem(values, rules), 1e-9)
    scaled = solve(a_problem([[3.0 * v for v in row] for row in values], rules), 1e-9)

    # The third customer (6) and the second (8) bracket the price of a place.
    assert 6.0 - 1e-6 <= plan.shadow_prices["capacity"] <= 8.0 + 1e-6
    assert 18.0 - 1e-6 <= scaled.shadow_prices["capacity"] <= 24.0 + 1e-6


@pytest.mark.parametrize("threads", [2, 5])
def test_same_plan_prices_and_bound_given_any_number_of_threads(threads):
    problem = random_problem(np.random.default_rng([15, 3]), most_customers=9000, most_activities=8)
    while problem.n_customers < 5000:
        problem = random_problem(np.random.default_rng([15, problem.n_customers]), 9000, 8)

    one, many = solve(problem, 1e-4, threads=1), solve(problem, 1e-4, threads=threads)

    assert np.array_equal(one.chosen, many.chosen)
    assert one.bound == many.bound
    assert one.shadow_prices == many.shadow_prices


def test_block_sums_give_the_same_bits_given_any_partition_of_the_blocks():
    rng = np.random.default_rng(16)
    problem = random_problem(rng, 20_000, 8)
    while problem.n_customers < 9000:
        problem = random_problem(rng, 20_000, 8)
    canonical = canonicalise(problem)
    prices = canonical.rules.prices(rng.uniform(0, 1, len(canonical.rules)), canonical.gain)
    whole = in_fixed_order(LocalStep(canonical, 1)(prices))

    sums = empty_sums(canonical.n_blocks, canonical.n_activities)
    cuts = [0, 1, 3, canonical.n_blocks]
    for first, last in reversed(list(pairwise(cuts))):
        part = empty_sums(canonical.n_blocks, canonical.n_activities)
        evaluate_range(first, last, canonical, prices, part, np.empty(0, dtype=np.uint8))
        sums[0][first:last], sums[1][:, first:last] = part[0][first:last], part[1][:, first:last]

    apart = in_fixed_order(sums)
    assert apart.bound == whole.bound
    assert np.array_equal(apart.stats, whole.stats)
