"""Budget and diary of one call, what an optimisation reached, and the plan as it is told to the caller."""

import resource
import time
from dataclasses import dataclass, field
from math import fsum

import numpy as np

from models.allocation.canonical import Canonical
from models.allocation.dual import DualResult
from models.allocation.primal import Candidate
from models.allocation.problem import Floats, Plan, TierResult, Violation


@dataclass
class Run:
    """Budget and diary of one call."""

    gap_target: float
    seconds: float
    threads: int
    began: float = field(default_factory=time.perf_counter)
    cpu_began: float = field(default_factory=time.process_time)
    iterations: int = 0
    greedy_seconds: float = 0.0
    greedy_cpu_seconds: float = 0.0
    history: list[tuple[float, float, float]] = field(default_factory=list)

    def elapsed(self) -> float:
        """Seconds since the call began, greedy left out."""
        return time.perf_counter() - self.began - self.greedy_seconds

    def is_over(self) -> bool:
        """Whether the time limit is reached."""
        return self.seconds_left() <= 0.0

    def seconds_left(self) -> float:
        """Seconds until the time limit."""
        return self.seconds - self.elapsed()


@dataclass(frozen=True)
class Stage:
    """What one optimisation reached."""

    candidate: Candidate
    dual: DualResult
    clashing: tuple[str, ...]
    canonical: Canonical
    greedy: Candidate | None
    has_no_plan: bool


def relative_gap(bound: float, objective: float) -> float:
    """How far the plan can be from the best: (bound - objective) / |bound|, 0 when they meet."""
    missing = bound - objective
    if missing <= 1e-9 * max(1.0, abs(bound)) * 1e-3:
        return 0.0
    return missing / abs(bound) if bound != 0.0 else float("inf")


def _violations(canonical: Canonical, use: Floats) -> tuple[dict[str, float], tuple[Violation, ...]]:
    rules = canonical.rules
    over = rules.sign * (use - rules.stated)
    over = np.where(over > 1e-9 * np.maximum(1.0, np.abs(rules.stated)), over, 0.0) * rules.unit
    amounts = {name: float(amount) for name, amount in zip(rules.names, over, strict=True)}
    listed = tuple(
        Violation(name, float(rules.stated[r] * rules.unit[r]), float(use[r] * rules.unit[r]), float(over[r]))
        for r, name in enumerate(rules.names)
        if over[r] > 0.0
    )
    return amounts, listed


def _status(stage: Stage, run: Run, gap: float, is_feasible: bool) -> str:
    if stage.clashing:
        return "rules clash"
    if is_feasible and gap <= run.gap_target:
        return "gap reached"
    if run.is_over():
        return "time limit"
    return "search spent" if is_feasible else "no plan found that keeps every rule"


def report(stage: Stage, run: Run, reached: list[TierResult]) -> Plan:
    """Turn what the last tier reached into the plan of the caller's rows, with its proof and its figures."""
    canonical, candidate, dual = stage.canonical, stage.candidate, stage.dual
    rows = np.flatnonzero(candidate.chosen)
    chosen = np.sort(rows if canonical.order is None else canonical.order[rows])
    worth = canonical.value[rows] * canonical.gain[canonical.activity[rows]]
    value = fsum(worth.tolist())
    objective = value - candidate.soft_cost
    amounts, listed = _violations(canonical, candidate.use)
    is_feasible = candidate.hard_excess == 0.0 and not stage.clashing
    gap = relative_gap(dual.bound, objective) if candidate.hard_excess == 0.0 else float("inf")
    status = _status(stage, run, gap, is_feasible)
    prices = dual.multipliers / canonical.rules.unit
    greedy = stage.greedy
    broken = {} if greedy is None else _violations(canonical, greedy.use)[0]
    return Plan(
        chosen=chosen.astype(np.int64),
        objective=objective,
        value=value,
        bound=dual.bound,
        gap=gap,
        greedy_objective=float("nan") if greedy is None else greedy.objective,
        greedy_violations={name: amount for name, amount in broken.items() if amount > 0.0},
        shadow_prices={name: float(price) for name, price in zip(canonical.rules.names, prices, strict=True)},
        violations=amounts,
        violation_list=listed,
        clashing_rules=stage.clashing,
        is_feasible=is_feasible,
        status=status,
        seconds=run.elapsed(),
        cpu_seconds=time.process_time() - run.cpu_began - run.greedy_cpu_seconds,
        greedy_seconds=run.greedy_seconds,
        peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        iterations=run.iterations,
        exact_customers=dual.unproven == 0,
        history=tuple(run.history),
        tiers=tuple(reached),
    )
