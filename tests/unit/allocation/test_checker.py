"""The referee: a plan that breaks a rule by one unit is caught, each kind of rule in turn."""

import numpy as np
import pytest

from models.allocation import Conflict, LinearRule, check_plan, solve

VALUES = [[5.0, 3.0], [4.0, 2.0], [3.0, 1.0]]


@pytest.mark.parametrize(
    ("rule", "kept", "broken", "amount"),
    [
        (LinearRule("MAX_CONTACTS", 2, name="r"), [0, 2], [0, 2, 4], 1.0),
        (LinearRule("MIN_CONTACTS", 2, name="r"), [0, 2], [0], 1.0),
        (LinearRule("BUDGET", 2.0, name="r"), [0, 2], [0, 2, 4], 1.0),
        (LinearRule("MIN_SPEND", 2.0, name="r"), [0, 2], [0], 1.0),
        (LinearRule("MAX_SALES", 0.2, name="r"), [0, 2], [0, 2, 4], 0.1),
        (LinearRule("MIN_SALES", 0.2, name="r"), [0, 2], [0], 0.1),
        (LinearRule("MAX_STAFF_HOURS", 1.0, name="r"), [0, 2], [0, 2, 4], 0.5),
        (LinearRule("MIN_STAFF_HOURS", 1.0, name="r"), [0, 2], [0], 0.5),
        (LinearRule("MIN_VALUE", 9.0, name="r"), [0, 2], [0, 4], 1.0),
    ],
)
def test_one_unit_over_is_caught_given_each_kind(a_problem, rule, kept, broken, amount):
    problem = a_problem(VALUES, [rule])

    assert check_plan(problem, kept) == []
    (violation,) = check_plan(problem, broken)
    assert violation.rule == "r"
    assert violation.amount == pytest.approx(amount)


def test_customer_with_one_contact_too_many_is_named(a_problem):
    problem = a_problem(VALUES, [LinearRule("MAX_CONTACTS_PER_CUSTOMER", 1, name="one")])

    (violation,) = check_plan(problem, [0, 1, 2])

    assert violation.rule == "one (customer 0)"
    assert violation.amount == 1.0


def test_used_contacts_count_given_a_month_already_begun(a_problem):
    problem = a_problem(VALUES, [LinearRule("MAX_CONTACTS_PER_CUSTOMER", 2, name="two", used=np.array([1, 0, 2]))])

    assert check_plan(problem, [0, 2, 3]) == []
    assert [v.rule for v in check_plan(problem, [0, 1])] == ["two (customer 0)"]
    assert [v.rule for v in check_plan(problem, [4])] == ["two (customer 2)"]


def test_conflict_is_caught_given_days_within_the_lag(a_problem):
    conflicts = [Conflict(channels_a=["channel 0"], channels_b=["channel 1"], lag_days=3, name="lag")]
    near, far = a_problem(VALUES, (), conflicts, days=[1, 3]), a_problem(VALUES, (), conflicts, days=[1, 4])

    assert [v.rule for v in check_plan(near, [0, 1])] == ["conflict lag (customer 0: 0, 1)"]
    assert check_plan(far, [0, 1]) == []


def test_unknown_and_repeated_pairs_are_caught(a_problem):
    problem = a_problem(VALUES)

    assert check_plan(problem, [99])[0].rule == "chosen: unknown pair"
    assert check_plan(problem, [1, 1])[0].rule == "chosen: pair twice"


def test_solver_and_referee_agree_given_a_budget_met_to_the_cent(a_problem):
    problem = a_problem([[1.0]] * 50, [LinearRule("BUDGET", 10 * 9.1, name="budget")], costs=[9.1])

    plan = solve(problem, 1e-9)

    assert len(plan.chosen) == 10
    assert check_plan(problem, plan.chosen) == []
