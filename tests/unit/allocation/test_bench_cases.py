"""The generated cases of the bench are the same for whoever repeats the draws, and can be kept."""

from __future__ import annotations

import numpy as np
import pytest

from models.allocation.bench import load_case
from models.allocation.problem import InvalidProblem
from models.allocation.small_cases import SMALL_CASES, assignment_case


@pytest.mark.parametrize("name", sorted(SMALL_CASES))
def test_case_is_read_by_name_and_is_the_same_again(name):
    (label, problem), (_, again) = load_case(name, None), load_case(name, None)

    assert label == name
    assert len(problem.pairs) > 4000
    assert np.array_equal(problem.pairs.value, again.pairs.value)
    assert len(problem.rules) > 5


def test_agents_of_an_assignment_have_room_for_four_fifths_of_an_even_share():
    problem = assignment_case("D", 20)
    load = np.asarray(problem.pairs.response).reshape(1600, 20)

    assert [rule.bound for rule in problem.rules[:20]] == np.floor(0.8 * load.sum(axis=0) / 20).tolist()


def test_unknown_case_is_refused_with_all_names():
    with pytest.raises(InvalidProblem, match="budgets"):
        load_case("budget", None)
