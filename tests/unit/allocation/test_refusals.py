"""Bad input is refused with the place, what was wanted and what was found."""

from dataclasses import replace

import numpy as np
import pytest

from models.allocation import Conflict, InvalidProblem, LinearRule, Pairs, RuleKind, solve


@pytest.fixture
def problem(a_problem):
    return a_problem([[5.0, 3.0], [4.0, 2.0]])


def _with_pairs(problem, **columns):
    return replace(problem, pairs=replace(problem.pairs, **columns))


CASES = {
    "a value that is no number": (lambda p: _with_pairs(p, value=np.array([1.0, np.nan, 1.0, 1.0])), "pairs.value[1]"),
    "an infinite value": (lambda p: _with_pairs(p, value=np.array([1.0, 1.0, np.inf, 1.0])), "pairs.value[2]"),
    "a negative response": (lambda p: _with_pairs(p, response=np.array([0, 0, 0, -1.0])), "pairs.response[3]"),
    "an unknown activity": (lambda p: _with_pairs(p, activity=np.array([0, 1, 0, 2])), "pairs.activity[3]"),
    "an unknown customer": (lambda p: _with_pairs(p, customer=np.array([0, 0, -1, 1])), "pairs.customer[2]"),
    "a duplicate pair": (lambda p: _with_pairs(p, activity=np.array([0, 0, 0, 1])), "pairs[1]"),
    "columns of two lengths": (lambda p: _with_pairs(p, value=np.ones(3)), "pairs.value"),
    "a negative capacity": (lambda p: replace(p, rules=[LinearRule("MAX_CONTACTS", -1, name="cap")]), "rule 'cap'"),
    "a bound that is no number": (lambda p: replace(p, rules=[LinearRule("BUDGET", np.nan, name="b")]), "rule 'b'"),
    "an unknown kind": (lambda p: replace(p, rules=[LinearRule("MOST", 1, name="m")]), "rule 'm'"),
    "a name used twice": (lambda p: replace(p, rules=[LinearRule("BUDGET", 1, name="b")] * 2), "rules"),
    "a negative soft price": (
        lambda p: replace(p, rules=[LinearRule("BUDGET", 1, name="b", soft_price=-1)]),
        "rule 'b'",
    ),
    "a window that ends first": (
        lambda p: replace(p, rules=[LinearRule("BUDGET", 1, name="b", first_day=5, last_day=4)]),
        "rule 'b'",
    ),
    "a campaign rule without campaigns": (
        lambda p: replace(p, rules=[LinearRule("BUDGET", 1, name="b", campaigns=["x"])]),
        "rule 'b'",
    ),
    "a text where names are wanted": (
        lambda p: replace(p, rules=[LinearRule("BUDGET", 1, name="b", channels="sms")]),
        "rule 'b' channels",
    ),
    "used contacts of another length": (
        lambda p: replace(p, rules=[LinearRule("MAX_CONTACTS_PER_CUSTOMER", 1, name="c", used=np.zeros(3, dtype=int))]),
        "rule 'c' used",
    ),
    "a negative lag": (lambda p: replace(p, conflicts=[Conflict(lag_days=-1, name="lag")]), "conflict 'lag'"),
    "a repeated customer id": (lambda p: replace(p, customer_id=np.array([7, 7])), "customer_id"),
    "sales rule without responses": (
        lambda p: replace(_with_pairs(p, response=None), rules=[LinearRule("MIN_SALES", 1, name="s")]),
        "rule 's'",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_with_the_place_given(problem, case):
    spoil, place = CASES[case]

    with pytest.raises(InvalidProblem) as refusal:
        solve(spoil(problem))

    assert refusal.value.place == place
    assert "wanted" in str(refusal.value)
    assert "found" in str(refusal.value)


def test_duplicate_is_found_given_pairs_in_any_order(problem):
    pairs = Pairs(np.array([1, 0, 0, 1]), np.array([0, 1, 0, 0]), np.ones(4), np.zeros(4))

    with pytest.raises(InvalidProblem, match=r"pairs\[3\].*each pair once"):
        solve(replace(problem, pairs=pairs))


def test_kind_is_read_given_as_text(problem):
    assert solve(replace(problem, rules=[LinearRule("MAX_CONTACTS", 1, name="cap")])).objective == 5.0
    assert RuleKind("MIN_SALES").is_minimum
