"""Plans held against the exact optimum of HiGHS and of every subset of pairs, on tiny problems of every rule kind."""

import numpy as np
import pytest

from models.allocation import solve
from models.allocation.reference import solve_with_highs
from models.allocation.selftest import best_subset, random_problem, run_selftest

INSTANCES = 120


def test_plan_and_bound_enclose_the_optimum_given_random_problems_of_every_rule_kind():
    found = run_selftest(INSTANCES, seed=2)

    assert found.failures == []
    assert found.tried == INSTANCES
    assert found.counts["optimal"] >= 0.8 * INSTANCES  # the search is not only honest but good
    assert found.counts["checked on every subset"] >= 3


@pytest.mark.parametrize("seed", range(6))
def test_highs_and_every_subset_agree_given_few_pairs(seed):
    rng = np.random.default_rng([77, seed])
    problem = next(p for p in (random_problem(rng) for _ in range(50)) if 3 <= len(p.pairs) <= 9)

    assert solve_with_highs(problem).objective == pytest.approx(best_subset(problem))


def test_bound_stays_above_the_optimum_given_mid_size_problems():
    for seed in range(6):
        problem = random_problem(np.random.default_rng([5, seed]), most_customers=60, most_activities=12)
        plan, exact = solve(problem, gap_target=1e-3), solve_with_highs(problem, 10.0)

        if exact.chosen is not None:
            assert plan.bound >= exact.objective - 1e-6 * max(1.0, abs(exact.objective))
            assert not plan.is_feasible or plan.objective <= exact.bound + 1e-6 * max(1.0, abs(exact.bound))
