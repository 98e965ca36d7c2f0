"""Families of tiny problems for the self-test: each stresses one shape of rule that real nights and tight budgets have."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from models.allocation.problem import Activities, Conflict, Floats, LinearRule, Pairs, Problem, RuleKind

Rng = np.random.Generator
CHANNELS = ("sms", "email", "call", "store")


def _base(rng: Rng, most: tuple[int, int] = (8, 5), whole: bool = True, low: int = 0) -> Problem:
    """Customers x activities, one channel an activity by turns, round values and costs, most pairs allowed."""
    n, a = int(rng.integers(2, most[0] + 1)), int(rng.integers(2, most[1] + 1))
    customer, activity = np.nonzero(rng.random((n, a)) < rng.uniform(0.6, 1.0))
    size = len(customer)
    value = rng.integers(low, 13, size).astype(float) if whole else np.round(rng.gamma(2, 3, size) + low, 2)
    return Problem(
        n_customers=n,
        activities=Activities(
            name=[f"a{k}" for k in range(a)],
            day=rng.integers(1, 31, a).astype(np.int32),
            channel=[CHANNELS[k % 4] for k in range(a)],
            products=[frozenset([f"p{k % 3}"]) for k in range(a)],
            campaign=[f"c{k // 2}" for k in range(a)],
            offer=[f"o{k % 3}" for k in range(a)],
            cost=rng.integers(1, 9, a).astype(float),
            staff_hours=np.round(rng.choice([0.1, 0.25, 0.3], a), 2),
        ),
        pairs=Pairs(
            customer.astype(np.int32), activity.astype(np.int32), value, np.round(rng.uniform(0.05, 0.9, size), 2)
        ),
    )


def _some_plan(rng: Rng, problem: Problem, share: float = 0.5) -> npt.NDArray[np.int64]:
    """A random plan of at most one contact a customer, so that bounds taken from it can be met."""
    customer = np.asarray(problem.pairs.customer)
    rows = rng.permutation(len(customer))
    first = np.unique(customer[rows], return_index=True)[1]
    picked = rows[first]
    return np.sort(picked[rng.random(len(picked)) < share])


def _one_contact() -> LinearRule:
    return LinearRule(RuleKind.MAX_CONTACTS_PER_CUSTOMER, 1, name="one contact")


def _with(problem: Problem, rules: Sequence[LinearRule], **fields: object) -> Problem:
    return replace(problem, rules=list(rules), **fields)  # type: ignore[arg-type]


def _cost(problem: Problem) -> Floats:
    return np.asarray(problem.activities.cost)[problem.pairs.activity]


def knapsack(rng: Rng) -> Problem:
    """One budget over whole costs: the classic knapsack, where the last yuan decides."""
    problem = _base(rng, (10, 4))
    total = float(_cost(problem).sum())
    return _with(problem, [LinearRule(RuleKind.BUDGET, float(int(total * rng.uniform(0.1, 0.6))), name="budget")])


def budget_to_the_cent(rng: Rng) -> Problem:
    """Budgets by channel that one plan uses to the cent."""
    problem = _base(rng, whole=False)
    prices = np.round(rng.uniform(0.01, 3.0, len(problem.activities)), 2)
    problem = replace(problem, activities=replace(problem.activities, cost=prices))
    plan = _some_plan(rng, problem)
    rules = [
        LinearRule(kind, _of_plan(problem, plan, _cost(problem), channel), channels=[channel], name=f"{kind} {channel}")
        for channel in sorted(set(problem.activities.channel))[:2]
        for kind in (RuleKind.BUDGET, RuleKind.MIN_SPEND)
    ]
    return _with(problem, [*rules, _one_contact()])


def _of_plan(problem: Problem, plan: npt.NDArray[np.int64], counts: Floats, channel: str | None) -> float:
    is_covered = np.array([channel in (None, name) for name in problem.activities.channel])
    rows = plan[is_covered[np.asarray(problem.pairs.activity)[plan]]]
    return round(float(counts[rows].sum()), 6)


def band_of_contacts(rng: Rng) -> Problem:
    """Minimum equal to maximum contacts on each channel."""
    problem = _base(rng, low=-4)
    plan = _some_plan(rng, problem)
    ones = np.ones(len(problem.pairs))
    return _with(problem, [*_bands(problem, plan, ones, RuleKind.MIN_CONTACTS, RuleKind.MAX_CONTACTS), _one_contact()])


def _bands(
    problem: Problem, plan: npt.NDArray[np.int64], counts: Floats, low: RuleKind, high: RuleKind
) -> list[LinearRule]:
    rules = []
    for channel in sorted(set(problem.activities.channel)):
        bound = _of_plan(problem, plan, counts, channel)
        rules += [LinearRule(kind, bound, channels=[channel], name=f"{kind} {channel}") for kind in (low, high)]
    return rules


def band_of_sales(rng: Rng) -> Problem:
    """Minimum equal to maximum expected sales in all, met by one plan exactly."""
    problem = _base(rng, (7, 4))
    sales = _of_plan(problem, _some_plan(rng, problem), np.asarray(problem.pairs.response), None)
    rules = [LinearRule(RuleKind.MIN_SALES, sales, name="least"), LinearRule(RuleKind.MAX_SALES, sales, name="most")]
    return _with(problem, [*rules, _one_contact()])


def capacities(rng: Rng) -> Problem:
    """A capacity on every channel and one contact a customer, with many ties."""
    problem = _base(rng, (10, 5))
    rules = [
        LinearRule(RuleKind.MAX_CONTACTS, int(rng.integers(0, 4)), channels=[channel], name=channel)
        for channel in sorted(set(problem.activities.channel))
    ]
    return _with(problem, [*rules, _one_contact()])


def generalised_assignment(rng: Rng) -> Problem:
    """Type D: everybody served once at falling cost for rising use, a maximum of use on each channel."""
    problem = _base(rng, (9, 4))
    use = rng.integers(1, 100, len(problem.pairs)).astype(float)
    value = -(111.0 - use + rng.integers(-10, 11, len(use)))
    problem = replace(problem, pairs=replace(problem.pairs, value=value, response=use))
    plan = _some_plan(rng, problem, 1.0)
    rules = [
        LinearRule(RuleKind.MAX_SALES, _of_plan(problem, plan, use, channel), channels=[channel], name=channel)
        for channel in sorted(set(problem.activities.channel))
    ]
    return _with(problem, [*rules, LinearRule(RuleKind.MIN_CONTACTS, len(plan), name="everybody"), _one_contact()])


def lags(rng: Rng) -> Problem:
    """Several contacts a customer, kept apart by lags, under a capacity and a budget."""
    problem = _base(rng, (6, 6))
    conflicts = [
        Conflict(channels_a=[a], channels_b=[b], lag_days=int(rng.integers(1, 20)))
        for a, b in (("sms", "sms"), ("sms", "call"), ("email", "sms"))
    ]
    rules = [
        LinearRule(RuleKind.MAX_CONTACTS, int(rng.integers(1, 9)), name="most"),
        LinearRule(RuleKind.BUDGET, float(rng.integers(4, 40)), name="budget"),
        LinearRule(RuleKind.MAX_CONTACTS_PER_CUSTOMER, int(rng.integers(1, 4)), name="contacts"),
    ]
    return _with(problem, rules, conflicts=conflicts)


def soft_rules(rng: Rng) -> Problem:
    """Only soft rules, some of them against each other."""
    problem = _base(rng, low=-3)

    def price() -> float:
        return float(rng.integers(1, 8))

    rules = [
        LinearRule(RuleKind.MIN_CONTACTS, int(rng.integers(1, 8)), name="least", soft_price=price()),
        LinearRule(RuleKind.MAX_CONTACTS, int(rng.integers(0, 5)), channels=["sms"], name="sms", soft_price=price()),
        LinearRule(RuleKind.BUDGET, float(rng.integers(2, 30)), name="budget", soft_price=price()),
        LinearRule(RuleKind.MIN_SALES, float(rng.integers(1, 4)), name="sales", soft_price=price()),
    ]
    return _with(problem, [*rules, _one_contact()])


def value_floors(rng: Rng) -> Problem:
    """A least value for a campaign, as a strict tier leaves it behind, beside a budget."""
    problem = _base(rng)
    plan = _some_plan(rng, problem)
    own = np.array([name == "c0" for name in problem.activities.campaign or ()])[problem.pairs.activity]
    floor = round(float(np.asarray(problem.pairs.value)[plan][own[plan]].sum()), 6)
    rules = [
        LinearRule(RuleKind.MIN_VALUE, floor, campaigns=["c0"], name="floor"),
        LinearRule(RuleKind.BUDGET, float(_cost(problem)[plan].sum()), name="budget"),
    ]
    return _with(problem, [*rules, _one_contact()])


def staff_hours(rng: Rng) -> Problem:
    """Hours of staff in tenths and quarters, a least and a most."""
    problem = _base(rng)
    hours = np.asarray(problem.activities.staff_hours)[problem.pairs.activity]
    total = _of_plan(problem, _some_plan(rng, problem), hours, None)
    rules = [
        LinearRule(RuleKind.MAX_STAFF_HOURS, total, name="most"),
        LinearRule(RuleKind.MIN_STAFF_HOURS, round(total * 0.7, 2), name="least"),
    ]
    return _with(problem, [*rules, LinearRule(RuleKind.MAX_CONTACTS_PER_CUSTOMER, 2, name="two")])


def campaigns_and_offers(rng: Rng) -> Problem:
    """One channel in a campaign, offers that exclude each other, a budget with gifts paid on a sale."""
    problem = _base(rng, (6, 6))
    gift = rng.integers(0, 20, len(problem.activities)).astype(float)
    problem = replace(problem, activities=replace(problem.activities, cost_per_sale=gift))
    spent = _cost(problem) + gift[problem.pairs.activity] * np.asarray(problem.pairs.response)
    budget = _of_plan(problem, _some_plan(rng, problem), spent, None)
    rules = [LinearRule(RuleKind.BUDGET, budget, name="budget"), LinearRule(RuleKind.MAX_CONTACTS, 6, name="most")]
    return _with(problem, rules, one_channel_per_campaign=True, exclusive_offers=[["o0", "o1"]])


def used_contacts(rng: Rng) -> Problem:
    """Contacts already used by each customer, in windows of days, beside capacities."""
    problem = _base(rng, (7, 6))
    used = rng.integers(0, 3, problem.n_customers)
    rules = [
        LinearRule(RuleKind.MAX_CONTACTS_PER_CUSTOMER, 2, first_day=1, last_day=15, name="early", used=used),
        LinearRule(RuleKind.MAX_CONTACTS_PER_CUSTOMER, 3, name="all", used=used),
        LinearRule(RuleKind.MAX_CONTACTS, int(rng.integers(1, 8)), name="most"),
    ]
    return _with(problem, rules)


def losses(rng: Rng) -> Problem:
    """Only losses, and minimums that must be served all the same."""
    problem = _base(rng, low=-12)
    value = -np.abs(np.asarray(problem.pairs.value)) - 1.0
    problem = replace(problem, pairs=replace(problem.pairs, value=value))
    plan = _some_plan(rng, problem)
    rules = [
        LinearRule(RuleKind.MIN_SPEND, float(_cost(problem)[plan].sum()), name="spend"),
        LinearRule(RuleKind.MIN_CONTACTS, len(plan), name="contacts"),
    ]
    return _with(problem, [*rules, _one_contact()])


def budget_per_offer(rng: Rng) -> Problem:
    """A budget and a least number of contacts on every offer, with one budget for all: many rules on few pairs."""
    problem = _base(rng, (10, 6))
    plan = _some_plan(rng, problem, 0.7)
    offers = np.array(problem.activities.offer)[problem.pairs.activity]
    rules = [LinearRule(RuleKind.BUDGET, float(_cost(problem)[plan].sum()), name="all")]
    for offer in sorted(set(offers[plan].tolist())):
        rows = plan[offers[plan] == offer]
        rules.append(
            LinearRule(RuleKind.BUDGET, float(_cost(problem)[rows].sum()), offers=[offer], name=f"budget {offer}")
        )
        rules.append(LinearRule(RuleKind.MIN_CONTACTS, len(rows) // 2, offers=[offer], name=f"least {offer}"))
    return _with(problem, [*rules, _one_contact()])


def tight_and_perhaps_impossible(rng: Rng) -> Problem:
    """Bands that no plan was taken from: about half of them cannot be met, and a claim of clash must be true."""
    problem = _base(rng, (6, 4))
    least = int(rng.integers(1, problem.n_customers + 2))
    rules = [
        LinearRule(RuleKind.MIN_CONTACTS, least, name="least"),
        LinearRule(RuleKind.BUDGET, float(rng.integers(1, 1 + 4 * least)), name="budget"),
        LinearRule(RuleKind.MIN_SALES, round(0.45 * least, 2), name="sales"),
    ]
    return _with(problem, [*rules, _one_contact()])


FAMILIES: dict[str, Callable[[Rng], Problem]] = {
    make.__name__.replace("_", " "): make
    for make in (
        knapsack,
        budget_to_the_cent,
        band_of_contacts,
        band_of_sales,
        capacities,
        generalised_assignment,
        lags,
        soft_rules,
        value_floors,
        staff_hours,
        campaigns_and_offers,
        used_contacts,
        losses,
        budget_per_offer,
        tight_and_perhaps_impossible,
    )
}
