"""Greedy by value: the plan that needs no optimiser, always shown beside the optimum."""

import numpy as np

from models.allocation import moves
from models.allocation.primal import Candidate, PlanSearch


def greedy_plan(search: PlanSearch) -> Candidate:
    """Take pairs by falling value while every maximum holds, then the best left that help a minimum not yet met."""
    canonical = search.canonical
    worth = canonical.value * search.gain[canonical.activity]
    order = np.argsort(-worth, kind="stable")
    order = order[: int((worth > 0).sum())]
    owner = np.repeat(np.arange(canonical.n_customers, dtype=np.int64), np.diff(canonical.start))
    chosen = np.zeros(canonical.n_pairs, dtype=np.uint8)
    use = np.zeros(len(search.rules))
    _fill(search, order, owner, False, use, chosen)
    if (search.rules.sign * (use - search.rules.limit) > 0).any():
        _fill(search, np.argsort(-worth, kind="stable"), owner, True, use, chosen)
    return search.candidate(chosen)


def _fill(search: PlanSearch, order: object, owner: object, only_short: bool, use: object, chosen: object) -> None:
    canonical = search.canonical
    moves.fill_greedily(
        order, owner, canonical.table, canonical.conflict, canonical.caps,
        search.links, search.coupling, only_short, use, chosen,
    )  # fmt: skip
