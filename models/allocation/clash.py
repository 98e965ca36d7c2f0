"""Which hard rules cannot hold together: a proof by prices, then a filter down to the rules that are needed."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from models.allocation.canonical import Canonical, CouplingRules
from models.allocation.dual import DualFunction, DualResult, minimise_dual
from models.allocation.evaluate import BlockStep
from models.allocation.primal import PlanSearch
from models.allocation.programme import Programme

MOST_CALLS = 150
PROOF = -1e-6
MOST_NODES = 2_000


def _least_violation(
    rules: CouplingRules, step: BlockStep, is_kept: npt.NDArray[np.bool_], is_over: Callable[[], bool]
) -> DualResult:
    """Bound from above how little the kept hard rules can be broken (0 when they can hold, negative when not)."""
    price = np.where(is_kept, 1.0 / rules.scale, 0.0)
    function = DualFunction(
        replace(rules, soft_price=price), np.zeros(rules.per_contact.shape[1]), step, rules.kept_limit
    )
    return minimise_dual(function, np.zeros(len(rules)), 1e-7, MOST_CALLS, lambda bound: is_over())


def clashing_rows(
    rules: CouplingRules, step: BlockStep, is_over: Callable[[], bool] = lambda: False
) -> npt.NDArray[np.bool_]:
    """Say which rules clash (m booleans, all False when no clash is proven).

    A negative bound on the least violation proves that no plan keeps every hard rule; rules whose price is 0 in the
    proof play no part, and a rule is dropped when the others still clash without it.
    """
    is_kept = ~np.isfinite(rules.soft_price)
    proof = _least_violation(rules, step, is_kept, is_over)
    if proof.bound >= PROOF:
        return np.zeros(len(rules), dtype=bool)
    is_kept = is_kept & (proof.multipliers * rules.scale > 1e-6)
    for row in np.flatnonzero(is_kept):
        without = is_kept.copy()
        without[row] = False
        if _least_violation(rules, step, without, is_over).bound < PROOF:
            is_kept = without
    return is_kept


def clashing_rows_whole(canonical: Canonical, seconds_left: Callable[[], float]) -> npt.NDArray[np.bool_]:
    """Say which rules of a small problem clash because contacts are whole, as HiGHS proves it; a rule not needed is dropped."""
    is_kept = np.isinf(canonical.rules.soft_price)
    if not _is_impossible(canonical, is_kept, seconds_left):
        return np.zeros(len(is_kept), dtype=bool)
    for row in np.flatnonzero(is_kept):
        without = is_kept.copy()
        without[row] = False
        if _is_impossible(canonical, without, seconds_left):
            is_kept = without
    return is_kept


def _is_impossible(canonical: Canonical, is_kept: npt.NDArray[np.bool_], seconds_left: Callable[[], float]) -> bool:
    rules = replace(canonical.rules, soft_price=np.where(is_kept, np.inf, 0.0))
    search = PlanSearch(replace(canonical, rules=rules), np.zeros(canonical.n_activities), 1.0)
    nobody = np.zeros(canonical.n_pairs, dtype=np.uint8)
    programme = Programme(search, np.arange(canonical.n_pairs), nobody)
    return programme.solve(0.5, MOST_NODES, seconds_left()).is_impossible
