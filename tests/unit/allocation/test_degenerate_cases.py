"""Edges: nothing to choose, no capacity, only losses, one crowded customer, ties everywhere, large lags."""

import numpy as np
import pytest

from models.allocation import Conflict, LinearRule, RuleKind, check_plan, solve
from models.allocation.reference import solve_with_highs


def test_empty_plan_given_no_pairs(a_problem):
    plan = solve(a_problem([[None, None], [None, None]], [LinearRule(RuleKind.MAX_CONTACTS, 1, name="most")]))

    assert plan.chosen.tolist() == []
    assert (plan.objective, plan.bound, plan.gap) == (0.0, 0.0, 0.0)
    assert plan.is_feasible


def test_empty_plan_given_no_customers(a_problem):
    plan = solve(a_problem([]))

    assert plan.chosen.tolist() == []
    assert plan.is_feasible


def test_minimum_named_as_impossible_given_no_pairs(a_problem):
    plan = solve(a_problem([[None]], [LinearRule(RuleKind.MIN_CONTACTS, 2, name="at least two")]))

    assert plan.clashing_rules == ("at least two",)
    assert plan.violations["at least two"] == 2.0
    assert not plan.is_feasible


def test_nothing_chosen_given_zero_capacity(a_problem):
    plan = solve(a_problem([[5.0, 3.0], [4.0, 2.0]], [LinearRule(RuleKind.MAX_CONTACTS, 0, name="closed")]))

    assert plan.chosen.tolist() == []
    assert plan.bound == pytest.approx(0.0, abs=1e-6)


def test_nothing_chosen_given_only_losses(a_problem):
    plan = solve(a_problem([[-5.0, -3.0], [-4.0, -2.0]]))

    assert plan.chosen.tolist() == []
    assert plan.gap == 0.0


def test_least_loss_chosen_given_only_losses_and_a_minimum(a_problem):
    plan = solve(a_problem([[-5.0, -3.0], [-4.0, -2.0]], [LinearRule(RuleKind.MIN_CONTACTS, 2, name="at least two")]))

    assert plan.objective == pytest.approx(-5.0)  # -3 and -2, the cheapest two
    assert plan.is_feasible


@pytest.mark.parametrize("most", [None, 3, 6])
def test_crowded_customer_is_solved_exactly_given_175_activities(a_problem, most):
    rng = np.random.default_rng(3)
    rules = [] if most is None else [LinearRule(RuleKind.MAX_CONTACTS_PER_CUSTOMER, most, name="most")]
    lags = (("sms", "sms", 30), ("email", "email", 20), ("sms", "email", 9), ("email", "sms", 9), ("call", "call", 45))
    problem = a_problem(
        [rng.gamma(2, 3, 175).tolist()],
        rules,
        [Conflict(channels_a=[a], channels_b=[b], lag_days=lag) for a, b, lag in lags],
        days=rng.integers(1, 118, 175).tolist(),
        channels=rng.choice(["sms", "email", "call"], 175).tolist(),
    )

    plan = solve(problem, 1e-9)

    assert plan.exact_customers
    assert check_plan(problem, plan.chosen) == []
    assert plan.objective == pytest.approx(solve_with_highs(problem, 20.0).objective)
    assert plan.gap == pytest.approx(0.0, abs=1e-7)


def test_bound_holds_given_ties_everywhere(a_problem):
    problem = a_problem(
        [[1.0] * 6] * 40,
        [
            LinearRule(RuleKind.MAX_CONTACTS, 50, name="capacity"),
            LinearRule(RuleKind.MAX_CONTACTS_PER_CUSTOMER, 2, name="two"),
        ],
    )

    plan = solve(problem, 1e-9)

    assert plan.objective == 50.0
    assert plan.bound == pytest.approx(50.0)
    assert check_plan(problem, plan.chosen) == []


def test_remaining_contacts_are_kept_given_contacts_already_used(a_problem):
    used = np.array([2, 1, 0, 5])  # the last customer is past the bound already
    problem = a_problem(
        [[3.0, 2.0, 1.0]] * 4, [LinearRule(RuleKind.MAX_CONTACTS_PER_CUSTOMER, 2, name="two", used=used)]
    )

    plan = solve(problem)

    got = np.bincount(np.asarray(problem.pairs.customer)[plan.chosen], minlength=4)
    assert got.tolist() == [0, 1, 2, 0]
    assert plan.objective == 8.0


def test_one_channel_and_one_offer_are_kept_given_campaign_and_exclusive_offers(a_problem):
    problem = a_problem(
        [[5.0, 4.0, 3.0, 2.0]],
        channels=["sms", "call", "sms", "call"],
        campaign=["spring", "spring", "spring", "summer"],
        offer=["gift", "gift", "rebate", "trial"],
        one_channel_per_campaign=True,
        exclusive_offers=[["gift", "rebate"]],
    )

    plan = solve(problem)

    # Spring by sms gives 5 (the rebate at 3 excludes the gift); summer's call adds 2.
    assert plan.chosen.tolist() == [0, 3]
    assert check_plan(problem, plan.chosen) == []


@pytest.mark.parametrize(("lag", "expected"), [(0, 9.0), (5, 9.0), (6, 5.0), (None, 5.0)])
def test_lag_counts_from_its_first_day_given_days_five_apart(a_problem, lag, expected):
    conflicts = [Conflict(channels_a=["sms"], channels_b=["call"], lag_days=lag)]
    problem = a_problem([[5.0, 4.0]], conflicts=conflicts, days=[10, 15], channels=["sms", "call"])

    assert solve(problem).objective == expected


def test_first_tier_is_served_first_given_strict_tiers(a_problem):
    rules = [LinearRule(RuleKind.MAX_CONTACTS, 2, name="capacity")]
    values = [[1.0, 9.0], [2.0, 8.0], [3.0, 7.0]]

    strict = solve(a_problem(values, rules, tier=np.array([0, 1], dtype=np.int32)), 1e-9)
    weighted = solve(a_problem(values, rules, weight=np.array([1.0, 1.0])), 1e-9)

    assert strict.value == pytest.approx(5.0)  # 3 and 2 of tier 0 leave no place for tier 1
    assert [tier.value for tier in strict.tiers] == pytest.approx([5.0, 0.0])
    assert weighted.value == pytest.approx(17.0)


def test_weight_multiplies_value_given_a_priority_of_a_campaign(a_problem):
    rules = [LinearRule(RuleKind.MAX_CONTACTS, 1, name="capacity")]

    plan = solve(a_problem([[5.0, 4.0]], rules, weight=np.array([1.0, 2.0])), 1e-9)

    assert plan.chosen.tolist() == [1]
    assert plan.objective == pytest.approx(8.0)


def test_soft_rule_is_broken_at_its_price_given_a_better_value(a_problem):
    rules = [LinearRule(RuleKind.MAX_CONTACTS, 1, name="capacity", soft_price=2.0)]

    plan = solve(a_problem([[5.0], [4.0], [1.0]], rules), 1e-9)

    assert plan.chosen.tolist() == [0, 1]  # the second place costs 2 and earns 4, the third earns 1
    assert plan.violations == {"capacity": 1.0}
    assert plan.objective == pytest.approx(7.0)
    assert plan.is_feasible
    assert plan.shadow_prices["capacity"] <= 2.0 + 1e-9


def test_both_rules_are_named_given_a_minimum_above_a_maximum(a_problem):
    rules = [
        LinearRule(RuleKind.MAX_CONTACTS, 1, name="at most one"),
        LinearRule(RuleKind.MIN_CONTACTS, 3, name="at least three"),
        LinearRule(RuleKind.BUDGET, 100.0, name="budget"),
    ]

    plan = solve(a_problem([[5.0], [4.0], [1.0], [1.0]], rules))

    assert set(plan.clashing_rules) == {"at most one", "at least three"}
    assert sum(plan.violations.values()) == pytest.approx(2.0)
    assert plan.status == "rules clash"
