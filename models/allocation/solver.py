"""Solve: prices with a proven bound, a plan that keeps every rule, and what each rule is worth."""

import time
from dataclasses import replace
from functools import cache
from math import fsum

import numpy as np
import numpy.typing as npt

from models.allocation.canonical import Canonical, canonicalise
from models.allocation.chains import improve_by_chains
from models.allocation.clash import clashing_rows, clashing_rows_whole
from models.allocation.dual import DualFunction, DualResult, curvature, minimise_dual
from models.allocation.endgame import Endgame, near_pairs
from models.allocation.evaluate import BlockStep, LocalStep, StepFactory
from models.allocation.fixed_order import made_definite
from models.allocation.greedy import greedy_plan
from models.allocation.primal import SEARCH_ROUNDS, Candidate, PlanSearch, find_plan, polish, rebalance_to_limits
from models.allocation.problem import Activities, Floats, LinearRule, Pairs, Plan, Problem, RuleKind, TierResult
from models.allocation.quadratic import solve_step
from models.allocation.report import Run, Stage, relative_gap, report
from models.allocation.validate import require_valid

MOST_CALLS = 400
FIRST_ROUNDS = 8
GOOD_ROUNDS = 2
LEAST_PROGRESS = 0.05
SAMPLE_FROM = 50_000
SAMPLE_CUSTOMERS = 12_000
SAMPLE_STEP = 8
HELD_TIER = "held tier"


@cache
def warm_up() -> None:
    """Compile every loop on a tiny problem, once a process, so that no call's seconds hold compilation."""
    customer = np.repeat(np.arange(4, dtype=np.int32), 2)
    problem = Problem(
        n_customers=4,
        activities=Activities(["a", "b"], np.array([1, 2], dtype=np.int32), ["x", "y"], [frozenset()] * 2),
        pairs=Pairs(customer[::-1].copy(), np.tile(np.arange(2, dtype=np.int32), 4), np.arange(8.0) - 1.0),
        rules=[LinearRule(RuleKind.MAX_CONTACTS, 3, name="most"), LinearRule(RuleKind.MIN_CONTACTS, 1, name="least")],
    )
    canonical = canonicalise(problem)
    canonical.sample(2)
    search = PlanSearch(canonical, canonical.gain, 1.0)
    made_definite(np.eye(2), 1e-3)
    solve_step(np.eye(2), np.ones((1, 2)), np.zeros(1), np.zeros(2), np.full(2, np.inf))
    near_pairs(search, canonical.rules.prices(np.zeros(2), canonical.gain), 1.0)
    step = LocalStep(canonical, 1)
    step((canonical.gain, np.zeros(2), np.zeros(2)))
    chosen = greedy_plan(search).chosen
    rebalance_to_limits(search, np.zeros(2), chosen, 0, 0.1, 0.1)
    polish(search, chosen, 0)
    improve_by_chains(search, np.zeros(2), np.arange(4), chosen)


def solve(
    problem: Problem,
    gap_target: float = 1e-3,
    time_limit_seconds: float = 30.0,
    threads: int = 2,
    step: StepFactory | None = None,
    with_greedy: bool = True,
) -> Plan:
    """Choose the pairs of most value under every rule, with a proven bound on what any plan could reach.

    Stops when the gap is at most `gap_target`, when a fixed amount of search is spent, or at the time limit. Strict
    tiers are served one after the other, each held at what it reached. `step` replaces the per-customer step by a
    distributed one; plan and prices stay the same to the bit. Without greedy its figures are NaN. Raises InvalidProblem for input that is refused.
    """
    warm_up()
    run = Run(gap_target, time_limit_seconds, threads)
    require_valid(problem)
    canonical = canonicalise(problem)
    tiers = _tiers(problem)
    stage: Stage | None = None
    found: Candidate | None = None
    reached: list[TierResult] = []
    for position, tier in enumerate(tiers):
        if stage is not None:
            # Rules found to clash stay softened: the next tier need not prove it again.
            canonical = _hold_tier(problem, stage.canonical, reached[-1])
        is_last = position == len(tiers) - 1
        gain = _gain_of_tiers(problem, canonical.gain, tier, is_last)
        known = () if stage is None else stage.clashing
        stage = _solve_stage(canonical, gain, run, step, found, with_greedy and is_last, known)
        found = stage.candidate
        value = _tier_value(problem, canonical, stage.candidate.chosen, tier)
        reached.append(TierResult(tier, value, stage.dual.bound))
    assert stage is not None
    return report(stage, run, reached)


def _tiers(problem: Problem) -> list[int]:
    tier = problem.activities.tier
    return [0] if tier is None or len(tier) == 0 else [int(t) for t in np.unique(np.asarray(tier))]


def _gain_of_tiers(problem: Problem, gain: Floats, tier: int, is_last: bool) -> Floats:
    if is_last or problem.activities.tier is None:
        return gain
    return np.where(np.asarray(problem.activities.tier) <= tier, gain, 0.0)


def _tier_value(problem: Problem, canonical: Canonical, chosen: npt.NDArray[np.uint8], tier: int) -> float:
    rows = np.flatnonzero(chosen)
    worth = canonical.value[rows] * canonical.gain[canonical.activity[rows]]
    if problem.activities.tier is None:
        return fsum(worth.tolist())
    return fsum(worth[np.asarray(problem.activities.tier)[canonical.activity[rows]] == tier].tolist())


def _hold_tier(problem: Problem, canonical: Canonical, served: TierResult) -> Canonical:
    """Add the rule that a tier already served keeps the value it reached."""
    is_tier = np.asarray(problem.activities.tier) == served.tier
    at_least = served.value - 1e-9 * (1.0 + abs(served.value))
    held = canonical.rules.with_value_held(
        f"{HELD_TIER} {served.tier}", np.where(is_tier, canonical.gain, 0.0), at_least
    )
    return replace(canonical, rules=held)


def _sample_start(canonical: Canonical, gain: Floats, run: Run) -> tuple[Floats, Floats | None]:
    """Prices and curvature from samples of the customers, each one larger than the one before."""
    multipliers = np.zeros(len(canonical.rules))
    if canonical.n_customers < SAMPLE_FROM or not len(canonical.rules):
        return multipliers, None
    one_in = canonical.n_customers // SAMPLE_CUSTOMERS
    metric = None
    while one_in >= SAMPLE_STEP // 2 and not run.is_over():
        part = canonical.sample(one_in)
        metric = None if metric is None else metric * (part.n_customers / canonical.n_customers)
        function = DualFunction(part.rules, gain, LocalStep(part, run.threads), part.rules.limit)
        accuracy = max(run.gap_target / 20.0, 1e-5 if one_in > SAMPLE_STEP else 0.0)
        found = minimise_dual(function, multipliers, accuracy, 150, lambda bound: run.is_over(), metric)
        multipliers = found.multipliers
        one_in //= SAMPLE_STEP
        metric = curvature(function, multipliers) * (canonical.n_customers / part.n_customers)
    return multipliers, metric


def _lowest_objective(canonical: Canonical, gain: Floats) -> float:
    """A number below the value of every plan, whatever it chooses."""
    worst = float(np.minimum(0.0, canonical.value).sum()) * float(gain.max(initial=0.0))
    return worst - 1.0 - 1e-6 * abs(worst)


def _solve_dual(canonical: Canonical, gain: Floats, step: BlockStep, run: Run) -> DualResult:
    start, metric = _sample_start(canonical, gain, run)
    function = DualFunction(canonical.rules, gain, step, canonical.rules.kept_limit)
    has_soft = bool(np.isfinite(canonical.rules.soft_price).any())
    floor = -np.inf if has_soft else _lowest_objective(canonical, gain)
    dual = minimise_dual(
        function,
        start,
        max(run.gap_target / 20.0, 1e-8),
        MOST_CALLS,
        lambda bound: run.is_over() or bound < floor,
        metric,
    )
    run.iterations += dual.iterations
    return dual


def _solve_stage(
    canonical: Canonical,
    gain: Floats,
    run: Run,
    factory: StepFactory | None,
    start: Candidate | None,
    with_greedy: bool,
    known_clash: tuple[str, ...],
) -> Stage:
    local = LocalStep(canonical, run.threads)
    step = local if factory is None else factory(canonical)
    stage = _optimise(canonical, gain, step, local, run, start, with_greedy, FIRST_ROUNDS)
    clashing: list[str] = [*known_clash]
    tries = FIRST_ROUNDS
    while stage.candidate.hard_excess > 0.0 and not run.is_over():
        rows = clashing_rows(stage.canonical.rules, step, run.is_over)
        if not rows.any() and stage.has_no_plan:
            rows = clashing_rows_whole(stage.canonical, run.seconds_left)
        if not rows.any():
            if tries == SEARCH_ROUNDS or stage.has_no_plan:
                break
            tries = SEARCH_ROUNDS  # no clash proven: the plan is only hard to find, so search longer
            stage = _optimise(canonical, gain, step, local, run, stage.candidate, with_greedy, tries)
            continue
        clashing += [name for name, row in zip(canonical.rules.names, rows, strict=True) if row]
        price = (
            10.0 * float(np.abs(canonical.value).max(initial=1.0)) * max(1.0, float(canonical.gain.max(initial=1.0)))
        )
        canonical = replace(stage.canonical, rules=stage.canonical.rules.softened(rows, price))
        local = LocalStep(canonical, run.threads)
        step = local if factory is None else factory(canonical)
        stage = _optimise(canonical, gain, step, local, run, None, with_greedy, tries)
    return replace(stage, clashing=tuple(clashing))


def _optimise(
    canonical: Canonical,
    gain: Floats,
    step: BlockStep,
    local: LocalStep,
    run: Run,
    start: Candidate | None,
    with_greedy: bool,
    rounds_if_broken: int,
) -> Stage:
    dual = _solve_dual(canonical, gain, step, run)
    prices = canonical.rules.prices(dual.multipliers, gain)
    first = local.plan(prices)
    contacts = max(int(first.sum()), 1)
    typical = max(float(np.abs(canonical.value[first > 0]).sum()) / contacts, 1e-6)
    search = PlanSearch(canonical, gain, typical, run.is_over)
    greedy = _greedy(search, run) if with_greedy else None
    known = None if start is None else search.candidate(start.chosen)
    endgame = Endgame(search, prices, first, dual.bound, dual.multipliers, run.seconds_left)
    bound, has_no_plan = dual.bound, False

    def is_enough(best: Candidate) -> bool:
        run.history.append((run.elapsed(), bound, best.objective if best.hard_excess == 0.0 else -np.inf))
        is_closed = best.hard_excess == 0.0 and relative_gap(bound, best.objective) <= run.gap_target
        return is_closed or run.is_over()

    is_impossible = not np.isfinite(canonical.rules.soft_price).any() and bound < _lowest_objective(canonical, gain)
    rounds = 1 if is_impossible or endgame.is_small else rounds_if_broken
    best = known
    if not (is_impossible or endgame.is_small or run.is_over()):
        around = endgame.around_prices(0.25 * run.gap_target * abs(bound))
        best = around if around is not None and around.is_better_than(known) else known
    if best is None or not is_enough(best):
        best = find_plan(search, dual.multipliers, first, min(rounds, GOOD_ROUNDS), rounds, is_enough, best)
    if greedy is not None and greedy.is_better_than(best):
        best = greedy
    assert best is not None
    if is_impossible or run.is_over():
        return Stage(best, dual, (), canonical, greedy, False)
    if endgame.is_tiny or (endgame.is_small and best.hard_excess > 0.0):
        whole, bound, has_no_plan = endgame.solve_whole(best, run.gap_target)
        endgame.bound = bound
        best = whole or best
    if not (has_no_plan or is_enough(best)):
        best = endgame.start(best)
    if not (has_no_plan or is_enough(best)):
        best, bound = endgame.close(best, run.gap_target)
    if not (has_no_plan or is_enough(best)):
        best = endgame.improve(best, is_enough, LEAST_PROGRESS * run.gap_target * abs(bound))
        best, bound = endgame.close(best, run.gap_target)
    return Stage(best, replace(dual, bound=bound), (), canonical, greedy, has_no_plan)


def _greedy(search: PlanSearch, run: Run) -> Candidate:
    began, cpu_began = time.perf_counter(), time.process_time()
    plan = greedy_plan(search)
    run.greedy_seconds += time.perf_counter() - began
    run.greedy_cpu_seconds += time.process_time() - cpu_began
    return plan
