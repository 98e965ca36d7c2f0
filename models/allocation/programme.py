"""A part of the problem as a mixed-integer programme for HiGHS: some pairs free, all others as a given plan has them."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from models.allocation.canonical import Canonical
from models.allocation.primal import Chosen, PlanSearch
from models.allocation.problem import Floats

TOLERANCE = 1e-9
INFINITE = float("inf")


@dataclass(frozen=True)
class Answer:
    """What HiGHS found: the whole plan (None: none), its bound of all plans that keep the fixed pairs, and its word.

    `bound` is -inf when HiGHS has proven that no such plan exists, inf when it has proven nothing.
    """

    chosen: Chosen | None
    bound: float
    is_impossible: bool
    work: int


class _Rows:
    """Rows of the programme as parallel lists: column, row and coefficient of each entry, bounds of each row."""

    def __init__(self) -> None:
        self.column: list[npt.NDArray[np.int64]] = []
        self.row: list[npt.NDArray[np.int64]] = []
        self.value: list[Floats] = []
        self.upper: list[float] = []
        self.equal: list[int] = []

    def add_ones(self, columns: npt.NDArray[np.int64], upper: float) -> None:
        self.column.append(columns)
        self.row.append(np.full(len(columns), len(self.upper)))
        self.value.append(np.ones(len(columns)))
        self.upper.append(upper)

    def add_count(self, columns: npt.NDArray[np.int64], total: int) -> None:
        """Let the column `total` be how many of the columns are chosen."""
        self.equal.append(len(self.upper))
        self.add_ones(columns, 0.0)
        self.column.append(np.array([total]))
        self.row.append(np.array([self.equal[-1]]))
        self.value.append(np.array([-1.0]))


def _coupling_entries(
    search: PlanSearch, pairs: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Floats]:
    """(column, rule, coefficient) of the free pairs in the coupling rules, all as `at most` rows."""
    start, rule, contacts, sales, worth = search.links
    canonical = search.canonical
    activity = canonical.activity[pairs]
    size = start[activity + 1] - start[activity]
    column = np.repeat(np.arange(len(pairs)), size)
    entry = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size) + np.repeat(start[activity], size)
    of = pairs[column]
    counts = contacts[entry] + sales[entry] * canonical.response[of] + worth[entry] * canonical.value[of]
    return column, rule[entry], counts * search.rules.sign[rule[entry]]


def cliques_of(
    activities: tuple[int, ...], conflict: npt.NDArray[np.uint8], done: set[tuple[int, int]]
) -> list[list[int]]:
    """Cover every conflict among a customer's activities (positions) by groups of which at most one may be chosen."""
    size = len(activities)
    apart = conflict[np.ix_(activities, activities)]
    found = []
    for j in range(size):
        for k in range(j + 1, size):
            if not apart[j, k] or (j, k) in done:
                continue
            group = [j, k]
            for other in range(size):
                if other not in group and all(apart[other, member] for member in group):
                    group.append(other)
            group.sort()
            done.update((a, b) for place, a in enumerate(group) for b in group[place + 1 :])
            found.append(group)
    return found


def _customer_rows(
    rows: _Rows, canonical: Canonical, pairs: npt.NDArray[np.int64], plan: Chosen, upper: Floats
) -> None:
    """Rules and conflicts of each customer with free pairs, less what his fixed contacts already take.

    Pairs that a fixed contact excludes get upper bound 0.
    """
    if not len(pairs):
        return
    start, listed, bound, _, used, _ = canonical.caps
    owner = np.searchsorted(canonical.start, pairs, side="right") - 1
    begins = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    ends = np.r_[begins[1:], len(pairs)]
    is_free = np.zeros(canonical.n_pairs, dtype=bool)
    is_free[pairs] = True
    covers = np.zeros((len(bound), canonical.n_activities), dtype=bool)
    for a in range(canonical.n_activities):
        covers[listed[start[a] : start[a + 1]], a] = True
    known: dict[tuple[int, ...], list[list[int]]] = {}
    for first, last in zip(begins.tolist(), ends.tolist(), strict=True):
        i = int(owner[first])
        columns = np.arange(first, last)
        activities = canonical.activity[pairs[first:last]]
        own = np.arange(canonical.start[i], canonical.start[i + 1])
        fixed = canonical.activity[own[(plan[own] > 0) & ~is_free[own]]]
        if len(fixed):
            upper[first:last][canonical.conflict[np.ix_(activities, fixed)].any(axis=1)] = 0.0
        room = bound - (used[i] if len(used) else 0) - covers[:, fixed].sum(axis=1)
        tight = []
        for c in np.flatnonzero(covers[:, activities].sum(axis=1) > room):
            inside = np.flatnonzero(covers[c, activities])
            rows.add_ones(columns[inside], max(0.0, float(room[c])))
            if room[c] <= 1:
                tight.append(tuple(inside.tolist()))
        key = (*activities.tolist(), -1, *(member for group in tight for member in (*group, -1)))
        if key not in known:
            done = {(a, b) for group in tight for place, a in enumerate(group) for b in group[place + 1 :]}
            known[key] = cliques_of(tuple(activities.tolist()), canonical.conflict, done)
        for group in known[key]:
            rows.add_ones(columns[group], 1.0)


@cache
def _highspy() -> Any:
    import highspy

    return highspy


class Programme:
    """The programme of the free pairs around a plan that keeps every rule of its customers.

    With `counts` the number of contacts of each activity is a whole number of its own that HiGHS may branch on. Where value and
    money both grow with response, the bound hangs on these numbers alone, and branching pair by pair hardly moves it.
    """

    def __init__(self, search: PlanSearch, pairs: npt.NDArray[np.int64], plan: Chosen, counts: bool = False) -> None:
        self.search, self.pairs = search, pairs
        self.fixed = plan.copy()
        self.fixed[pairs] = 0
        rules, canonical = search.rules, search.canonical
        use = search.count_use(self.fixed)
        self.constant = float(np.sum(canonical.value[self.fixed > 0] * search.gain[canonical.activity[self.fixed > 0]]))
        column, rule, value = _coupling_entries(search, pairs)
        rows = _Rows()
        rows.column.append(column)
        rows.row.append(rule)
        rows.value.append(value)
        rows.upper += (rules.sign * (search.limit - use)).tolist()
        self.soft = np.flatnonzero(~search.is_hard)
        rows.column.append(len(pairs) + np.arange(len(self.soft)))
        rows.row.append(self.soft)
        rows.value.append(np.full(len(self.soft), -1.0))
        self.upper = np.ones(len(pairs))
        _customer_rows(rows, canonical, pairs, plan, self.upper)
        self.rows = rows
        self.cost = np.concatenate(
            [canonical.value[pairs] * search.gain[canonical.activity[pairs]], -rules.soft_price[self.soft]]
        )
        self.n_counts = 0
        if counts:
            self._add_counts()

    def _add_counts(self) -> None:
        activity = self.search.canonical.activity[self.pairs]
        self.activities = np.unique(activity)
        self.n_counts = len(self.activities)
        for place, a in enumerate(self.activities):
            self.rows.add_count(np.flatnonzero(activity == a), len(self.cost) + place)
        self.cost = np.concatenate([self.cost, np.zeros(self.n_counts)])

    def _model(self, is_whole: bool) -> Any:
        highspy = _highspy()
        column, row = np.concatenate(self.rows.column), np.concatenate(self.rows.row)
        value = np.concatenate(self.rows.value)
        order = np.lexsort((column, row))
        n_rows, n_columns = len(self.rows.upper), len(self.cost)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = n_columns, n_rows
        lp.col_cost_, lp.col_lower_ = self.cost, np.zeros(n_columns)
        lp.col_upper_ = np.r_[self.upper, np.full(len(self.soft) + self.n_counts, np.inf)]
        lower = np.full(n_rows, -np.inf)
        lower[np.array(self.rows.equal, dtype=np.int64)] = 0.0
        lp.row_lower_, lp.row_upper_ = lower, np.asarray(self.rows.upper, dtype=np.float64)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.searchsorted(row[order], np.arange(n_rows + 1)).astype(np.int32)
        lp.a_matrix_.index_ = column[order].astype(np.int32)
        lp.a_matrix_.value_ = value[order]
        lp.sense_ = highspy.ObjSense.kMaximize
        if is_whole:
            whole, any_number = highspy.HighsVarType.kInteger, highspy.HighsVarType.kContinuous
            kinds = [whole] * len(self.pairs) + [any_number] * len(self.soft)
            lp.integrality_ = kinds + [whole] * self.n_counts
        return lp

    def _solver(self, lp: Any, seconds: float) -> Any:
        highs = _highspy().Highs()
        highs.setOptionValue("output_flag", False)
        highs.setOptionValue("threads", 1)
        highs.setOptionValue("time_limit", max(seconds, 0.01))
        for tolerance in ("mip_feasibility_tolerance", "primal_feasibility_tolerance"):
            highs.setOptionValue(tolerance, TOLERANCE)
        highs.passModel(lp)
        return highs

    def solve(self, absolute_gap: float, most_work: int, seconds: float, start: Chosen | None = None) -> Answer:
        """Solve by branch and cut until the absolute gap, a fixed amount of work (simplex steps) or the time limit."""
        if not len(self.pairs):
            room = np.asarray(self.rows.upper)[: len(self.search.rules)]
            return Answer(self.fixed.copy(), INFINITE, bool((room[self.search.is_hard] < 0.0).any()), 0)
        highspy = _highspy()
        highs = self._solver(self._model(True), seconds)
        highs.setOptionValue("mip_rel_gap", 0.0)
        highs.setOptionValue("mip_abs_gap", max(absolute_gap, TOLERANCE))
        highs.setOptionValue("mip_max_nodes", most_work)
        if self.n_counts:
            highs.setOptionValue("presolve", "off")  # it would take the counts out again
        if start is not None:
            self._start_from(highs, start)
        spent = [0]

        def stop_when_spent(event: Any) -> None:
            spent[0] = int(event.data_out.mip_node_count)
            if spent[0] > most_work:
                event.interrupt()

        highs.cbMipInterrupt += stop_when_spent
        highs.run()
        info = highs.getInfo()
        status = highs.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return Answer(None, -INFINITE, True, spent[0])
        bound = self.constant + float(info.mip_dual_bound)
        if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return Answer(None, bound if np.isfinite(bound) else INFINITE, False, spent[0])
        chosen = self.fixed.copy()
        chosen[self.pairs[np.array(highs.getSolution().col_value)[: len(self.pairs)] > 0.5]] = 1
        return Answer(chosen, bound if np.isfinite(bound) else INFINITE, False, spent[0])

    def _start_from(self, highs: Any, start: Chosen) -> None:
        solution = _highspy().HighsSolution()
        use = self.search.count_use(start)
        over = np.maximum(0.0, self.search.rules.sign * (use - self.search.limit))[self.soft]
        counts: Floats = np.zeros(0)
        if self.n_counts:
            taken = self.search.canonical.activity[self.pairs[start[self.pairs] > 0]]
            counts = np.bincount(taken, minlength=self.search.canonical.n_activities)[self.activities].astype(
                np.float64
            )
        solution.col_value = np.r_[start[self.pairs].astype(np.float64), over, counts].tolist()
        highs.setSolution(solution)
