"""Which hard rules cannot hold together: a proof by prices, then a filter down to the rules that are needed."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from models.allocation.canonical import CouplingRules
from models.allocation.dual import DualFunction, DualResult, minimise_dual
from models.allocation.evaluate import BlockStep

MOST_CALLS = 150
PROOF = -1e-6


def _least_violation(rules: CouplingRules, step: BlockStep, is_kept: npt.NDArray[np.bool_]) -> DualResult:
    """Bound from above how little the kept hard rules can be broken (0 when they can hold, negative when not)."""
    price = np.where(is_kept, 1.0 / rules.scale, 0.0)
    function = DualFunction(replace(rules, soft_price=price), np.zeros(rules.per_contact.shape[1]), step, rules.limit)
    return minimise_dual(function, np.zeros(len(rules)), 1e-7, MOST_CALLS)


def clashing_rows(rules: CouplingRules, step: BlockStep) -> npt.NDArray[np.bool_]:
    """Say which rules clash (m booleans, all False when no clash is proven).

    A negative bound on the least violation proves that no plan keeps every hard rule; rules whose price is 0 in the
    proof play no part, and a rule is dropped when the others still clash without it.
    """
    is_kept = ~np.isfinite(rules.soft_price)
    proof = _least_violation(rules, step, is_kept)
    if proof.bound >= PROOF:
        return np.zeros(len(rules), dtype=bool)
    is_kept = is_kept & (proof.multipliers * rules.scale > 1e-6)
    for row in np.flatnonzero(is_kept):
        without = is_kept.copy()
        without[row] = False
        if _least_violation(rules, step, without).bound < PROOF:
            is_kept = without
    return is_kept
