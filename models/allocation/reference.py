"""HiGHS beside the optimiser: the same question as one programme, built from the problem's own words alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.allocation import check
from models.allocation.problem import Floats, LinearRule, Problem


@dataclass(frozen=True)
class ReferencePlan:
    """What HiGHS reached: chosen pairs (None when it found no plan), objective, proven bound, status, seconds."""

    chosen: npt.NDArray[np.int64] | None
    objective: float
    bound: float
    status: str
    seconds: float


class _Rows:
    """Sparse rows of a programme, collected one by one."""

    def __init__(self) -> None:
        self.start: list[int] = [0]
        self.index: list[int] = []
        self.value: list[float] = []
        self.lower: list[float] = []
        self.upper: list[float] = []

    def add(self, index: list[int], value: list[float], lower: float, upper: float) -> None:
        self.index += index
        self.value += value
        self.start.append(len(self.index))
        self.lower.append(lower)
        self.upper.append(upper)


def _add_rule(rows: _Rows, problem: Problem, rule: LinearRule, violation: int | None) -> None:
    speaks = [check._speaks_of(rule, problem.activities, a) for a in range(len(problem.activities.name))]
    index = [p for p, a in enumerate(np.asarray(problem.pairs.activity).tolist()) if speaks[a]]
    value = [check._counts(problem, rule, p) for p in index]
    is_minimum = str(rule.kind).startswith("MIN_")
    if violation is not None:
        index, value = [*index, violation], [*value, 1.0 if is_minimum else -1.0]
    rows.add(index, value, rule.bound if is_minimum else -np.inf, np.inf if is_minimum else rule.bound)


def _add_customer_rule(rows: _Rows, problem: Problem, rule: LinearRule, by_customer: dict[int, list[int]]) -> None:
    speaks = [check._speaks_of(rule, problem.activities, a) for a in range(len(problem.activities.name))]
    activity = np.asarray(problem.pairs.activity).tolist()
    for customer, pairs in by_customer.items():
        index = [p for p in pairs if speaks[activity[p]]]
        used = 0.0 if rule.used is None else float(rule.used[customer])
        if index:
            rows.add(index, [1.0] * len(index), -np.inf, max(0.0, float(np.floor(rule.bound + 1e-9)) - used))


def _add_conflicts(rows: _Rows, problem: Problem, by_customer: dict[int, list[int]]) -> None:
    activity = np.asarray(problem.pairs.activity).tolist()
    size = len(problem.activities.name)
    apart = {(a, b) for a in range(size) for b in range(a + 1, size) if check._reason_apart(problem, a, b)}
    for pairs in by_customer.values():
        for k, p in enumerate(pairs):
            for q in pairs[k + 1 :]:
                if (min(activity[p], activity[q]), max(activity[p], activity[q])) in apart:
                    rows.add([p, q], [1.0, 1.0], -np.inf, 1.0)


def _programme(problem: Problem) -> tuple[_Rows, Floats, Floats, int]:
    n_pairs = len(problem.pairs.customer)
    by_customer: dict[int, list[int]] = {}
    for p, customer in enumerate(np.asarray(problem.pairs.customer).tolist()):
        by_customer.setdefault(customer, []).append(p)
    weight = problem.activities.weight
    worth = np.asarray(problem.pairs.value, dtype=np.float64).copy()
    if weight is not None:
        worth *= np.asarray(weight)[np.asarray(problem.pairs.activity)]
    rows = _Rows()
    prices: list[float] = []
    for rule in problem.rules:
        if str(rule.kind) == "MAX_CONTACTS_PER_CUSTOMER":
            _add_customer_rule(rows, problem, rule, by_customer)
            continue
        column = None
        if rule.soft_price is not None:
            column = n_pairs + len(prices)
            prices.append(-float(rule.soft_price))
        _add_rule(rows, problem, rule, column)
    _add_conflicts(rows, problem, by_customer)
    cost = np.concatenate([worth, np.array(prices)])
    upper = np.concatenate([np.ones(n_pairs), np.full(len(prices), np.inf)])
    return rows, cost, upper, n_pairs


def solve_with_highs(
    problem: Problem, time_limit_seconds: float = 30.0, gap_target: float = 0.0, threads: int = 1
) -> ReferencePlan:
    """Solve the problem as one mixed-integer programme; objective and bound are -inf and inf when HiGHS has none."""
    import highspy

    rows, cost, upper, n_pairs = _programme(problem)
    if not len(cost):  # HiGHS calls a programme without columns empty, not solved
        found = (-np.inf, None) if check.check_plan(problem, []) else (0.0, np.zeros(0, dtype=np.int64))
        return ReferencePlan(found[1], found[0], found[0], "No pairs", 0.0)
    lp: Any = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(cost), len(rows.lower)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = cost, np.zeros(len(cost)), upper
    lp.row_lower_, lp.row_upper_ = np.array(rows.lower), np.array(rows.upper)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.array(rows.start)
    lp.a_matrix_.index_ = np.array(rows.index, dtype=np.int32)
    lp.a_matrix_.value_ = np.array(rows.value)
    lp.sense_ = highspy.ObjSense.kMaximize
    kinds = [highspy.HighsVarType.kInteger] * n_pairs + [highspy.HighsVarType.kContinuous] * (len(cost) - n_pairs)
    lp.integrality_ = kinds
    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("time_limit", float(time_limit_seconds))
    highs.setOptionValue("mip_rel_gap", float(gap_target))
    highs.setOptionValue("mip_abs_gap", 1e-9)
    for tolerance in ("mip_feasibility_tolerance", "primal_feasibility_tolerance"):
        highs.setOptionValue(tolerance, 1e-9)
    highs.setOptionValue("threads", threads)
    highs.passModel(lp)
    highs.run()
    return _read(highs, highspy, n_pairs)


def _read(highs: Any, highspy: Any, n_pairs: int) -> ReferencePlan:
    info = highs.getInfo()
    status = highs.modelStatusToString(highs.getModelStatus())
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        bound = float(info.mip_dual_bound) if status == "Time limit reached" else float("nan")
        return ReferencePlan(None, -np.inf, bound, status, highs.getRunTime())
    chosen = np.flatnonzero(np.array(highs.getSolution().col_value)[:n_pairs] > 0.5)
    return ReferencePlan(
        chosen.astype(np.int64),
        float(info.objective_function_value),
        float(info.mip_dual_bound),
        status,
        highs.getRunTime(),
    )
