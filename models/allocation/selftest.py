"""Thousands of tiny random problems with every rule type, each held against HiGHS or against every subset of pairs."""

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from models.allocation.check import check_plan
from models.allocation.families import FAMILIES
from models.allocation.problem import Activities, Conflict, LinearRule, Pairs, Problem, RuleKind
from models.allocation.reference import solve_with_highs
from models.allocation.solver import solve

OPTIMAL, BELOW, NOT_FOUND = "optimal", "below the optimum", "plan not found"
CHANNELS = ("sms", "email", "call")
PRODUCTS = ("p1", "p2", "p3")
CAMPAIGNS = ("spring", "summer")
OFFERS = ("gift", "rebate", "trial")


def random_problem(rng: np.random.Generator, most_customers: int = 6, most_activities: int = 6) -> Problem:
    """Draw a tiny problem: few customers, ties, negative values, all rule kinds, soft and hard, windows and filters."""
    n, a = int(rng.integers(1, most_customers + 1)), int(rng.integers(1, most_activities + 1))
    activities = Activities(
        name=[f"a{k}" for k in range(a)],
        day=rng.integers(1, 31, a).astype(np.int32),
        channel=[CHANNELS[k] for k in rng.integers(0, 3, a)],
        products=[frozenset(rng.choice(PRODUCTS, int(rng.integers(1, 3)), replace=False).tolist()) for _ in range(a)],
        campaign=[CAMPAIGNS[k] for k in rng.integers(0, 2, a)],
        offer=[OFFERS[k] for k in rng.integers(0, 3, a)],
        cost=np.round(rng.choice([0.0, 0.5, 1.0, 2.5], a), 2),
        staff_hours=np.round(rng.choice([0.0, 0.25, 0.5], a), 2),
        weight=np.round(rng.uniform(0.5, 2.0, a), 2) if rng.random() < 0.2 else None,
    )
    is_pair = rng.random((n, a)) < rng.uniform(0.4, 1.0)
    customer, activity = np.nonzero(is_pair)
    size = len(customer)
    value = rng.integers(-3, 10, size).astype(float) if rng.random() < 0.5 else np.round(rng.normal(3, 4, size), 3)
    pairs = Pairs(
        customer=customer.astype(np.int32),
        activity=activity.astype(np.int32),
        value=value,
        response=np.round(rng.beta(2, 5, size), 3),
    )
    problem = Problem(
        n_customers=n,
        activities=activities,
        pairs=pairs,
        conflicts=_random_conflicts(rng),
        one_channel_per_campaign=bool(rng.random() < 0.3),
        exclusive_offers=[["gift", "rebate"]] if rng.random() < 0.3 else [],
    )
    return replace(problem, rules=_random_rules(rng, problem))


def _some(rng: np.random.Generator, names: tuple[str, ...]) -> list[str] | None:
    if rng.random() < 0.5:
        return None
    return [str(name) for name in rng.choice(names, int(rng.integers(1, len(names) + 1)), replace=False)]


def _random_conflicts(rng: np.random.Generator) -> list[Conflict]:
    return [
        Conflict(
            channels_a=_some(rng, CHANNELS),
            products_a=_some(rng, PRODUCTS),
            channels_b=_some(rng, CHANNELS),
            products_b=_some(rng, PRODUCTS),
            lag_days=None if rng.random() < 0.2 else int(rng.integers(0, 25)),
            campaigns_a=_some(rng, CAMPAIGNS) if rng.random() < 0.3 else None,
            campaigns_b=_some(rng, CAMPAIGNS) if rng.random() < 0.3 else None,
            name=f"c{k}",
        )
        for k in range(int(rng.integers(0, 3)))
    ]


def _random_rules(rng: np.random.Generator, problem: Problem) -> list[LinearRule]:
    """Bounds near what a random plan uses, so that most rules bind and few sets of rules are impossible."""
    kinds = list(RuleKind)
    rules = []
    is_used = rng.random(len(problem.pairs)) < 0.35
    for k in range(int(rng.integers(0, 6))):
        kind = kinds[int(rng.integers(0, len(kinds)))]
        first = int(rng.integers(1, 20)) if rng.random() < 0.4 else None
        rule = LinearRule(
            kind=kind,
            bound=0.0,
            first_day=first,
            last_day=None if first is None else first + int(rng.integers(0, 20)),
            channels=_some(rng, CHANNELS),
            products=_some(rng, PRODUCTS),
            campaigns=_some(rng, CAMPAIGNS) if rng.random() < 0.3 else None,
            name=f"r{k}",
        )
        rules.append(_with_bound(rng, rule, problem, is_used))
    return rules


def _with_bound(
    rng: np.random.Generator, rule: LinearRule, problem: Problem, is_used: npt.NDArray[np.bool_]
) -> LinearRule:
    from models.allocation import check

    kind = RuleKind(rule.kind)
    if kind.is_per_customer:
        used = rng.integers(0, 3, problem.n_customers) if rng.random() < 0.4 else None
        return replace(rule, bound=float(rng.integers(0, 4)), used=used)
    total: float = sum(
        check._counts(problem, rule, p)
        for p in np.flatnonzero(is_used).tolist()
        if check._speaks_of(rule, problem.activities, int(problem.pairs.activity[p]))
    )
    factor = rng.uniform(0.2, 0.9) if kind.is_minimum else rng.uniform(0.5, 1.3)
    bound = max(0.0, round(float(total) * float(factor), 3))
    return replace(rule, bound=bound, soft_price=round(float(rng.uniform(0.5, 8)), 2) if rng.random() < 0.35 else None)


def best_subset(problem: Problem) -> float:
    """Best objective over every subset of the pairs (at most 12 pairs), -inf when no subset keeps the hard rules."""
    size = len(problem.pairs)
    worth = np.asarray(problem.pairs.value, dtype=np.float64)
    if problem.activities.weight is not None:
        worth = worth * np.asarray(problem.activities.weight)[problem.pairs.activity]
    price = {rule.name: rule.soft_price for rule in problem.rules if rule.soft_price is not None}
    best = -np.inf
    for mask in range(1 << size):
        chosen = [p for p in range(size) if mask >> p & 1]
        value = float(worth[chosen].sum())
        if value <= best:
            continue
        broken = check_plan(problem, chosen)
        if all(violation.rule in price for violation in broken):
            best = max(best, value - sum(price[v.rule] * v.amount for v in broken))
    return best


@dataclass
class SelfTest:
    """What a run of the self-test found; `failures` is empty when the optimiser kept every promise.

    `counts` says how often each outcome came, `by_family` the same for each family.
    """

    tried: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    by_family: dict[str, Counter[str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    below: list[str] = field(default_factory=list)
    largest_gap: float = 0.0

    def note(self, family: str, outcome: str) -> None:
        """Count one outcome of one family."""
        self.counts[outcome] += 1
        self.by_family.setdefault(family, Counter())[outcome] += 1

    @property
    def optimal_share(self) -> float:
        """Optimal plans in all problems that have a plan."""
        solvable = sum(self.counts[word] for word in (OPTIMAL, BELOW, NOT_FOUND))
        return self.counts[OPTIMAL] / solvable if solvable else 1.0


def compare(problem: Problem, label: str, found: SelfTest, family: str = "mixed") -> None:
    """Solve one problem and hold plan, bound, gap and clash against the exact optimum."""
    plan = solve(problem, gap_target=1e-6, time_limit_seconds=10.0, threads=1)
    exact = solve_with_highs(problem)
    found.tried += 1
    tolerance = 1e-6 * max(1.0, abs(exact.objective) if np.isfinite(exact.objective) else 1.0)
    if exact.chosen is None:
        found.note(family, "impossible, named" if plan.clashing_rules else "impossible, not named")
        if plan.is_feasible:
            found.failures.append(f"{label}: HiGHS finds no plan, the optimiser claims one")
        return
    if plan.clashing_rules:
        found.failures.append(f"{label}: named {plan.clashing_rules}, yet a plan exists")
        return
    if plan.bound < exact.objective - tolerance:
        found.failures.append(f"{label}: bound {plan.bound} below the optimum {exact.objective}")
    if not plan.is_feasible:
        found.note(family, NOT_FOUND)
        found.failures.append(f"{label}: no plan found, yet one exists worth {exact.objective}")
        return
    soft = {rule.name for rule in problem.rules if rule.soft_price is not None}
    broken = [v for v in check_plan(problem, plan.chosen) if v.rule not in soft]
    if broken:
        found.failures.append(f"{label}: plan breaks {broken}")
    if plan.objective > exact.objective + tolerance:
        found.failures.append(f"{label}: objective {plan.objective} above the optimum {exact.objective}")
    is_best = plan.objective >= exact.objective - tolerance
    found.note(family, OPTIMAL if is_best else BELOW)
    if not is_best:
        found.below.append(f"{label}: {plan.objective} of {exact.objective}")
    found.largest_gap = max(found.largest_gap, exact.objective - plan.objective)


def run_selftest(instances: int, seed: int = 1) -> SelfTest:
    """Compare so many problems of all families with HiGHS; every eleventh small enough also with every subset."""
    found = SelfTest()
    makers = [("mixed", random_problem), *FAMILIES.items()]
    for k in range(instances):
        family, make = makers[k % len(makers)]
        label = f"{family}, seed {seed}, instance {k}"
        problem = make(np.random.default_rng([seed, k]))
        compare(problem, label, found, family)
        if k % 11 == 0 and len(problem.pairs) <= 10:
            _compare_with_subsets(problem, label, found)
    return found


def _compare_with_subsets(problem: Problem, label: str, found: SelfTest) -> None:
    exact, best = solve_with_highs(problem).objective, best_subset(problem)
    found.counts["checked on every subset"] += 1
    if np.isfinite(best) != np.isfinite(exact) or (np.isfinite(best) and abs(best - exact) > 1e-6 * max(1, abs(best))):
        found.failures.append(f"{label}: every subset gives {best}, HiGHS {exact}")
