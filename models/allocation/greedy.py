"""Greedy by value: the plan that needs no optimiser, always shown beside the optimum."""

import numpy as np
import numpy.typing as npt

from models.allocation import moves
from models.allocation.primal import Candidate, PlanSearch
from models.allocation.problem import Floats


def greedy_plan(search: PlanSearch) -> Candidate:
    """Take pairs by falling value while every maximum holds, then the best left that help a minimum not yet met."""
    canonical = search.canonical
    worth = canonical.value * search.gain[canonical.activity]
    order = _by_falling(worth, np.flatnonzero(worth > 0))
    owner = np.repeat(np.arange(canonical.n_customers, dtype=np.int32), np.diff(canonical.start))
    chosen = np.zeros(canonical.n_pairs, dtype=np.uint8)
    use = np.zeros(len(search.rules))
    _fill(search, order, owner, False, use, chosen)
    if (search.rules.sign * (use - search.rules.limit) > 0).any():
        is_short = np.asarray((search.rules.sign < 0) & (use < search.rules.limit))
        per = search.rules.per_contact + search.rules.per_sale + np.abs(search.rules.per_value)
        may_help = np.asarray((per[is_short] > 0).any(axis=0))
        rows = np.flatnonzero(may_help[canonical.activity] & (chosen == 0))
        _fill(search, _by_falling(worth, rows), owner, True, use, chosen)
    return search.candidate(chosen)


def _by_falling(worth: Floats, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Rows by falling worth (to seven digits), ties by row: one sort of whole numbers that are all different."""
    bits = (-worth[rows]).astype(np.float32).view(np.uint32)
    rising = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31)).astype(np.uint64)
    places = np.sort((rising << np.uint64(32)) | np.arange(len(rows), dtype=np.uint64)) & np.uint64(0xFFFFFFFF)
    return rows[places.astype(np.int64)]


def _fill(
    search: PlanSearch,
    order: npt.NDArray[np.int64],
    owner: npt.NDArray[np.int32],
    only_short: bool,
    use: Floats,
    chosen: npt.NDArray[np.uint8],
) -> None:
    canonical = search.canonical
    moves.fill_greedily(
        order,
        owner[order],
        canonical.activity[order],
        canonical.table,
        canonical.conflict,
        canonical.caps,
        search.links,
        search.coupling,
        only_short,
        use,
        chosen,
    )
