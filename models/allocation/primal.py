"""From prices to a plan: answer the prices, rebalance until every rule holds, then improve move by move."""

from collections.abc import Callable
from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt

from models.allocation import moves
from models.allocation.canonical import Canonical, CouplingRules
from models.allocation.problem import Floats

Chosen = npt.NDArray[np.uint8]
STEPS_OF_STIFFNESS = 14
REPAIR_PASSES = 40
SEARCH_ROUNDS = 24
CLOSE_CONTACTS = 2.0
POLISH_PASSES = 12
SCHEDULES = ((0.03, 0.003), (0.01, 0.001), (0.1, 0.01), (0.003, 0.003), (0.003, 0.0003))


@dataclass
class Candidate:
    """A plan with its use of the rules, its value, what its violations weigh and its merit for the search."""

    chosen: Chosen
    use: Floats
    value: float
    soft_cost: float
    hard_excess: float

    @property
    def objective(self) -> float:
        """Value less the price of soft violations."""
        return self.value - self.soft_cost

    def is_better_than(self, other: "Candidate | None") -> bool:
        """A plan that keeps the hard rules beats one that does not; then the objective decides."""
        if other is None:
            return True
        return (self.hard_excess, -self.objective) < (other.hard_excess, -other.objective)


class PlanSearch:
    """Everything the compiled moves need, held once for one canonical problem."""

    def __init__(
        self, canonical: Canonical, gain: Floats, typical: float, is_over: Callable[[], bool] = lambda: False
    ) -> None:
        rules = canonical.rules
        self.is_over = is_over
        self.canonical, self.rules, self.gain, self.typical = canonical, rules, gain, typical
        self.links = _links(rules)
        self.limit = rules.kept_limit
        self.coupling = (rules.sign, self.limit, rules.soft_price)
        self.is_hard = ~np.isfinite(rules.soft_price)
        self.n_chunks = max(1, -(-canonical.n_customers // moves.CHUNK))

    def stride(self, turn: int) -> int:
        """A scattered but fixed order of customers for each turn."""
        stride = max(1, int(self.n_chunks * 0.6180339887 * (1 + 0.37 * turn))) % max(self.n_chunks, 1) or 1
        while gcd(stride, self.n_chunks) != 1:
            stride += 1
        return stride

    def candidate(self, chosen: Chosen) -> Candidate:
        """Measure a plan from its pairs."""
        use = self.count_use(chosen)
        excess = np.maximum(0.0, self.rules.sign * (use - self.rules.limit))
        soft = float(np.where(self.is_hard, 0.0, excess * np.where(self.is_hard, 0.0, self.rules.soft_price)).sum())
        hard = np.maximum(0.0, self.rules.sign * (use - self.limit)) / self.rules.scale
        rows = np.flatnonzero(chosen)
        value = float(np.sum(self.canonical.value[rows] * self.gain[self.canonical.activity[rows]]))
        return Candidate(chosen.copy(), use, value, soft, float(hard[self.is_hard].sum()))

    def count_use(self, chosen: Chosen) -> Floats:
        """Use of every rule by the chosen pairs."""
        use = np.zeros(len(self.rules))
        moves.count_use(self.canonical.table, self.links, chosen, use)
        return use

    def rebalance(self, turn: int, multipliers: Floats, stiffness: Floats, use: Floats, chosen: Chosen) -> int:
        """One pass of customers answering prices that answer them."""
        batch = max(1, self.canonical.n_customers // 50_000)
        return int(
            moves.rebalance(
                self.stride(turn),
                batch,
                self.canonical.table,
                self.canonical.conflict,
                self.canonical.caps,
                self.gain,
                self.links,
                self.coupling,
                multipliers,
                stiffness,
                use,
                chosen,
            )
        )

    def improve(self, turn: int, least: float, only_relief: bool, penalty: Floats, use: Floats, chosen: Chosen) -> int:
        """One pass of the best single move of each customer."""
        return int(
            moves.improve(
                self.stride(turn),
                least,
                only_relief,
                self.canonical.table,
                self.canonical.conflict,
                self.canonical.caps,
                self.gain,
                self.links,
                self.coupling,
                penalty,
                use,
                chosen,
            )
        )


def _links(rules: CouplingRules) -> tuple[npt.NDArray[Any], ...]:
    per = np.stack([rules.per_contact, rules.per_sale, rules.per_value])
    covers = (per != 0).any(axis=0).T
    start = np.concatenate([[0], np.cumsum(covers.sum(axis=1))]).astype(np.int64)
    activity, rule = np.nonzero(covers)
    return start, rule.astype(np.int64), *(np.ascontiguousarray(part[rule, activity]) for part in per)


def rebalance_to_limits(
    search: PlanSearch, multipliers: Floats, chosen: Chosen, turn: int, softest: float, stiffest: float
) -> None:
    """Bring the use of every priced rule to its bound while stiffness grows from a whisper to one contact's worth."""
    rules = search.rules
    use = search.count_use(chosen)
    away = np.abs(use - search.limit) / rules.scale
    for k in range(STEPS_OF_STIFFNESS):
        share = k / (STEPS_OF_STIFFNESS - 1)
        softly = softest / np.maximum(10.0, away)
        per_contact = search.typical * np.exp(
            (1.0 - share) * np.log(softly) + share * np.log(np.maximum(softly, stiffest))
        )
        stiffness = per_contact / rules.scale**2
        changed = search.rebalance(turn + k, multipliers, stiffness, use, chosen)
        use[:] = search.count_use(chosen)
        off = rules.sign * (use - search.limit) / rules.scale
        is_close = np.where(multipliers > 0.0, np.abs(off), np.maximum(off, 0.0)).max(initial=0.0) <= CLOSE_CONTACTS
        if changed == 0 or (is_close and k > 1) or search.is_over():
            break


def repair(search: PlanSearch, multipliers: Floats, chosen: Chosen, turn: int) -> None:
    """Make the moves that cost least per unit of violation, raising the penalty of the rules still broken."""
    rules = search.rules
    soft = np.where(search.is_hard, 0.0, np.where(search.is_hard, 0.0, rules.soft_price))
    penalty = np.where(search.is_hard, multipliers + 0.02 * search.typical / rules.scale, soft)
    use = search.count_use(chosen)
    for k in range(REPAIR_PASSES):
        moved = search.improve(turn + k, 1e-9 * search.typical, True, penalty, use, chosen)
        use[:] = search.count_use(chosen)
        is_broken = search.is_hard & (rules.sign * (use - search.limit) > 0)
        if not is_broken.any() or search.is_over():
            return
        penalty[is_broken] *= 1.7 if moved else 3.0


def polish(search: PlanSearch, chosen: Chosen, turn: int) -> None:
    """Take every move that earns more and breaks nothing, large gains first."""
    rules = search.rules
    never = 1e4 * (search.typical + float(np.abs(search.canonical.value).max(initial=0.0))) / rules.scale
    penalty = np.where(search.is_hard, never, np.where(search.is_hard, 0.0, rules.soft_price))
    use = search.count_use(chosen)
    for k in range(POLISH_PASSES):
        least = search.typical * (0.5 * 0.25**k if k < 4 else 1e-9)
        moved = search.improve(turn + k, least, False, penalty, use, chosen)
        use[:] = search.count_use(chosen)
        if (moved == 0 and k >= 4) or search.is_over():
            return


def find_plan(
    search: PlanSearch,
    multipliers: Floats,
    first: Chosen,
    rounds: int,
    rounds_if_broken: int,
    is_enough: Callable[[Candidate], bool],
    incumbent: Candidate | None = None,
) -> Candidate:
    """Search rounds of rebalance, repair and polish from the priced plan and keep the best plan seen.

    Ends when the plan is good enough, after `rounds`, or after `rounds_if_broken` rounds without a plan that keeps the
    hard rules.
    """
    best = incumbent
    for turn in range(rounds_if_broken):
        if turn >= rounds and best is not None and best.hard_excess == 0.0:
            break
        chosen = first.copy() if best is None or turn % 2 == 0 else best.chosen.copy()
        rebalance_to_limits(search, multipliers, chosen, 17 * turn, *SCHEDULES[turn % len(SCHEDULES)])
        repair(search, multipliers, chosen, 17 * turn)
        found = search.candidate(chosen)
        if not is_enough(found):
            polish(search, chosen, 17 * turn)
            found = search.candidate(chosen)
        if best is None or found.is_better_than(best):
            best = found
        if is_enough(best):
            break
    assert best is not None
    return best
