"""The end-game: HiGHS on the whole problem when it is small, else on customers near indifference around the best plan."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from models.allocation import regret
from models.allocation.canonical import Canonical
from models.allocation.chains import improve_by_chains
from models.allocation.evaluate import Prices
from models.allocation.primal import Candidate, Chosen, PlanSearch
from models.allocation.problem import Floats
from models.allocation.programme import Answer, Programme

Rows = npt.NDArray[np.int64]

WHOLE_PAIRS = 6_000
TINY_PAIRS = 1_500
WHOLE_NODES = 1_500
MANY_NODES = 200
PROOF_PAIRS = 2_500
PROOF_NODES = 200
START_PAIRS = 400
START_NODES = 10
CHAINED_CUSTOMERS = 3_000
CORE_PAIRS = 1_000
CLOSE_ROUNDS = 4
LEAST_CLOSED = 0.05
EXAMINED = 100_000
NEAR = 0.3
PAIRS_A_CUSTOMER = 6
FREE_PAIRS = 1_000
MOST_FREE_PAIRS = 4_000
NODES = 20
PAIRS_PER_CONTACT_OFF = 6.0
LEAST_PAIRS_A_RULE = 60
ROUNDS = 40
STALE_ROUNDS = 6
GROWTH = 1.5
SETTLED = 1e-7


@dataclass(frozen=True)
class Near:
    """Pairs whose change costs little at the prices, with that cost, by customer; `step` > 1: of every step-th customer.

    `worth` is value less price of each pair, `ceiling` the largest cost listed.
    """

    canonical: Canonical
    pairs: Rows
    regret: Floats
    worth: Floats
    value: Floats
    step: int
    ceiling: float

    @cached_property
    def owner(self) -> Rows:
        """Customer of each listed pair."""
        return np.searchsorted(self.canonical.start, self.pairs, side="right") - 1

    @cached_property
    def customers(self) -> Rows:
        """Customers with a listed pair, ascending."""
        return np.unique(self.owner)

    @cached_property
    def count(self) -> Rows:
        """Listed pairs of each of `customers`."""
        return np.diff(np.r_[self._first, len(self.pairs)])

    @cached_property
    def _first(self) -> Rows:
        return np.searchsorted(self.owner, self.customers)

    def least_regret(self, settled: float) -> Floats:
        """Smallest cost above rounding that changes something for each of `customers` (inf: none)."""
        return np.minimum.reduceat(np.where(self.regret > settled, self.regret, np.inf), self._first)

    def has_choice(self, settled: float) -> npt.NDArray[np.bool_]:
        """Say which of `customers` may choose freely between pairs that use the priced rules differently."""
        is_tied = self.regret <= settled
        low = np.minimum.reduceat(np.where(is_tied, self.value, np.inf), self._first)
        high = np.maximum.reduceat(np.where(is_tied, self.value, -np.inf), self._first)
        idle = np.logical_or.reduceat(is_tied & (np.abs(self.worth) <= settled), self._first)
        return np.isfinite(low) & ((high - low > 10.0 * settled) | idle)


def near_pairs(search: PlanSearch, prices: Prices, ceiling: float) -> Near:
    """List the pairs near indifference at the prices."""
    canonical = search.canonical
    step = max(1, canonical.n_customers // EXAMINED)
    most = int(np.diff(canonical.start)[::step].sum())
    pairs, found = np.empty(most, dtype=np.int64), np.empty(most)
    size = regret.regrets(step, canonical.table, canonical.conflict, canonical.caps, prices, ceiling, pairs, found)
    customers = len(range(0, canonical.n_customers, step))
    if size > PAIRS_A_CUSTOMER * customers:
        ceiling = float(np.partition(found[:size], PAIRS_A_CUSTOMER * customers)[PAIRS_A_CUSTOMER * customers])
    is_near = found[:size] <= ceiling
    pairs, found = pairs[:size][is_near], found[:size][is_near]
    activity = canonical.activity[pairs]
    worth = canonical.value[pairs] * prices[0][activity] - prices[1][activity]
    worth -= prices[2][activity] * canonical.response[pairs]
    return Near(canonical, pairs, found, worth, canonical.value[pairs] * search.gain[activity], step, ceiling)


@dataclass
class Endgame:
    """One problem at its final prices: `first` is the plan of the prices, `bound` what they prove.

    `seconds_left` says how long HiGHS may still take; a fixed amount of work ends every programme before that on an
    idle machine, so that the result does not depend on the clock.
    """

    search: PlanSearch
    prices: Prices
    first: Chosen
    bound: float
    multipliers: Floats
    seconds_left: Callable[[], float]
    price_bound: float = field(init=False)

    def __post_init__(self) -> None:
        self.price_bound = self.bound

    @property
    def is_small(self) -> bool:
        """Whether the whole problem may be given to HiGHS."""
        return self.search.canonical.n_pairs <= WHOLE_PAIRS

    @property
    def is_tiny(self) -> bool:
        """Whether the whole problem is given to HiGHS at once, and without a gap."""
        return self.search.canonical.n_pairs <= TINY_PAIRS

    def solve_whole(self, incumbent: Candidate | None, gap_target: float) -> tuple[Candidate | None, float, bool]:
        """Solve the whole problem; returns the best plan known, a bound, and whether HiGHS has proven there is no plan.

        Tiny problems end optimal, larger ones well within the gap asked for.
        """
        pairs = np.arange(self.search.canonical.n_pairs)
        start = incumbent if incumbent is not None and incumbent.hard_excess == 0.0 else None
        is_tiny = self.is_tiny
        gap = (1e-8 if is_tiny else max(1e-8, 0.25 * gap_target)) * abs(self.bound)
        answer = Programme(self.search, pairs, np.zeros(len(pairs), dtype=np.uint8)).solve(
            gap, WHOLE_NODES if is_tiny else MANY_NODES, self.seconds_left(), None if start is None else start.chosen
        )
        best = self._better(incumbent, answer)
        return best, min(self.bound, answer.bound + 1e-9 * max(1.0, abs(answer.bound))), answer.is_impossible

    def _better(self, incumbent: Candidate | None, answer: Answer) -> Candidate | None:
        if answer.chosen is None:
            return incumbent
        found = self.search.candidate(answer.chosen)
        return found if found.is_better_than(incumbent) else incumbent

    @cached_property
    def _near(self) -> Near:
        return near_pairs(self.search, self.prices, NEAR * self.search.typical)

    @property
    def _settled(self) -> float:
        return SETTLED * self.search.typical

    def _losing(self, plan: Chosen) -> Rows:
        """Customers who have less at the prices than they could, those who lose most first."""
        canonical = self.search.canonical
        rows = np.flatnonzero(plan != self.first)
        activity = canonical.activity[rows]
        worth = canonical.value[rows] * self.prices[0][activity] - self.prices[1][activity]
        worth -= self.prices[2][activity] * canonical.response[rows]
        owner = np.searchsorted(canonical.start, rows, side="right") - 1
        customers, place = np.unique(owner, return_inverse=True)
        loss = np.bincount(place, np.where(plan[rows] > 0, -worth, worth), minlength=len(customers))
        order = np.argsort(-loss, kind="stable")
        return customers[order[loss[order] > self._settled]]

    def _neighbourhood(self, plan: Chosen, turn: int, size: int) -> Rows:
        """About 1.5 x size pairs to free: losing customers, scattered customers with a free choice, and near ones."""
        near, canonical = self._near, self.search.canonical
        shaken = (near.customers.astype(np.uint64) + np.uint64(1_000_003 * turn)) * np.uint64(0x9E3779B97F4A7C15)
        chance = ((shaken >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
        losing = self._losing(plan)
        losing = losing[: np.searchsorted(np.cumsum(np.diff(canonical.start)[losing]), 0.5 * size)]
        picked = [_pairs_of(canonical, losing)]
        least = near.least_regret(self._settled)
        for key in (np.where(near.has_choice(self._settled), chance, np.inf), least * chance / (1.0 - chance)):
            order = np.argsort(key, kind="stable")
            order = order[np.isfinite(key[order])]
            taken = order[: np.searchsorted(np.cumsum(near.count[order]), 0.5 * size)]
            is_taken = np.zeros(len(near.customers), dtype=bool)
            is_taken[taken] = True
            picked.append(near.pairs[np.repeat(is_taken, near.count)])
        return np.unique(np.concatenate(picked))

    def around_prices(self, accuracy: float) -> Candidate | None:
        """Free the customers nearest to indifference and keep all others at the plan of the prices.

        None when the plan of the prices is so far from its rules that too many would have to change.
        """
        rules = self.search.rules
        off = rules.sign * (self.search.count_use(self.first) - self.search.limit) / rules.scale
        away = np.where(self.is_priced, np.abs(off), np.maximum(off, 0.0))
        near = self._near
        if PAIRS_PER_CONTACT_OFF * float(away.sum()) > MOST_FREE_PAIRS or not len(near.pairs):
            return None
        covers = (rules.per_contact != 0) | (rules.per_sale != 0) | (rules.per_value != 0)
        rising = np.argsort(near.regret, kind="stable")
        activity = self.search.canonical.activity[near.pairs[rising]]
        asked = np.flatnonzero(self.is_priced | (away > 0.0))
        for share in (1.0, 0.5, 0.25):
            is_taken = np.zeros(len(near.customers), dtype=bool)
            farthest = self._settled
            for r in asked:
                wanted = share * (PAIRS_PER_CONTACT_OFF * away[r] + LEAST_PAIRS_A_RULE)
                nearest = rising[covers[r, activity]][: int(wanted)]
                is_taken[np.searchsorted(near.customers, near.owner[nearest])] = True
                farthest = max(farthest, float(near.regret[nearest].max(initial=0.0)))
            pairs = near.pairs[np.repeat(is_taken, near.count) & (near.regret <= 2.0 * farthest)]
            if len(pairs) <= MOST_FREE_PAIRS:
                return self._better(
                    None, Programme(self.search, pairs, self.first).solve(accuracy, NODES, self.seconds_left())
                )
        return None

    @property
    def is_priced(self) -> npt.NDArray[np.bool_]:
        """Which rules have a price."""
        return self.multipliers > 0.0

    def improve(self, incumbent: Candidate, is_enough: Callable[[Candidate], bool], least: float) -> Candidate:
        """Free a neighbourhood after the other and let HiGHS choose in it, until enough, no progress or all rounds.

        `least` is the gain of objective that counts as progress.
        """
        best, size, stale = incumbent, FREE_PAIRS, 0
        for turn in range(ROUNDS):
            if is_enough(best) or stale >= STALE_ROUNDS or self.seconds_left() <= 0.0 or not len(self._near.pairs):
                break
            before = (best.hard_excess, best.objective)
            pairs = self._neighbourhood(best.chosen, turn, size)
            start = best.chosen if best.hard_excess == 0.0 else None
            answer = Programme(self.search, pairs, best.chosen).solve(0.5 * least, NODES, self.seconds_left(), start)
            found = self._better(best, answer)
            best = best if found is None or found is best else self.chain(found)
            is_progress = best.hard_excess < before[0] or best.objective > before[1] + least
            stale = 0 if is_progress else stale + 1
            if not is_progress:
                size = min(int(size * GROWTH), MOST_FREE_PAIRS)
        return best

    @property
    def _is_measured(self) -> bool:
        """Whether a priced hard rule measures money, sales or value, which whole contacts seldom fill to the end."""
        rules = self.search.rules
        return bool((self.is_priced & self.search.is_hard & ~rules.is_counted).any())

    def start(self, best: Candidate) -> Candidate:
        """A better plan to begin with: HiGHS on the pairs nearest to indifference, then moves of two and three customers."""
        near = self._near
        rising = np.argsort(near.regret, kind="stable")[:START_PAIRS]
        answer = Programme(self.search, np.sort(near.pairs[rising]), self.first).solve(
            0.0, START_NODES, self.seconds_left()
        )
        return self.chain(self._better(best, answer) or best)

    def chain(self, best: Candidate) -> Candidate:
        """Moves of two and three customers, those nearest to indifference first."""
        near = self._near
        if best.hard_excess > 0.0 or not len(near.pairs):
            return best
        nearest = np.argsort(near.least_regret(0.0), kind="stable")[:CHAINED_CUSTOMERS]
        chosen = best.chosen.copy()
        improve_by_chains(self.search, self.multipliers, near.customers[nearest], chosen)
        found = self.search.candidate(chosen)
        return found if found.is_better_than(best) else best

    def close(self, best: Candidate, gap_target: float) -> tuple[Candidate, float]:
        """Fix all pairs whose change costs more than is still open and let HiGHS close the rest; each better plan leaves fewer.

        Where too many pairs stay free, the nearest of them give a better plan first, and prove nothing.
        """
        wanted = gap_target * abs(self.bound)
        for _ in range(CLOSE_ROUNDS):
            if best.hard_excess > 0.0 or self.bound - best.objective <= wanted or self.seconds_left() <= 0.0:
                break
            pairs, is_proof = self._core(self.price_bound - best.objective)
            start = best.chosen if is_proof else None
            programme = Programme(self.search, pairs, self.first, self._is_measured)
            answer = programme.solve(0.5 * wanted, PROOF_NODES, self.seconds_left(), start)
            if is_proof:
                proven = max(answer.bound, best.objective) + 1e-9 * max(1.0, abs(best.objective))
                self.bound = min(self.bound, proven)
            before = best.objective
            best = self.chain(self._better(best, answer) or best)
            if best.objective <= before + LEAST_CLOSED * (self.price_bound - before):
                break
        return best, self.bound

    def _core(self, still_open: float) -> tuple[Rows, bool]:
        """Pairs that a plan better than the best may change, and whether these are all of them."""
        near = self._near
        if near.ceiling < still_open and near.step == 1:
            near = near_pairs(self.search, self.prices, still_open)
        pairs = near.pairs[near.regret <= still_open + self._settled]
        if near.step == 1 and near.ceiling >= still_open and len(pairs) <= PROOF_PAIRS:
            return pairs, True
        rising = np.argsort(near.regret, kind="stable")[:CORE_PAIRS]
        return np.sort(near.pairs[rising]), False


def _pairs_of(canonical: Canonical, customers: Rows) -> Rows:
    from models.allocation.kernels import pairs_of

    return pairs_of(customers, canonical.start)[0]  # type: ignore[no-any-return]
