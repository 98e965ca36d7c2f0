"""Generated cases of the bench: the transport case and the large case, the same for whoever repeats the draws."""

from dataclasses import replace

import numpy as np

from models.allocation.canonical import canonicalise
from models.allocation.evaluate import LocalStep, in_fixed_order
from models.allocation.problem import Activities, Conflict, Floats, LinearRule, Pairs, Problem, RuleKind

TRANSPORT_COSTS = (0.05, 0.1, 0.3, 0.6, 1.0, 1.5)
TRANSPORT_CAPACITY_PERCENT = (30, 20, 15, 10, 5, 2)
LARGE_CHANNELS = ("text message", "email", "direct mail", "call center")
LARGE_SHARES = (0.40, 0.35, 0.15, 0.10)
LARGE_COSTS = (0.035, 0.01, 0.9, 9.1)
LARGE_WINDOWS = ((1, 29), (30, 58), (59, 87), (88, 117))
LARGE_ACTIVITIES = 175
LARGE_ELIGIBLE = 26
LARGE_PATTERNS = 400
LARGE_PRODUCTS = 12
LAGS = (
    ("call center", "call center", 90),
    ("direct mail", "direct mail", 80),
    ("text message", "text message", 90),
    ("email", "email", 90),
    ("call center", "direct mail", 70),
    ("direct mail", "call center", 80),
    ("email", "text message", 70),
    ("text message", "email", 70),
)


def transport_case(n_customers: int = 1_000_000) -> Problem:
    """Customers x 6 channels, one contact each, a capacity per channel.

    Draws, in this order, from default_rng(7): base beta(1.2, 12) by customer, effect gamma(2, 0.5) and value
    lognormal(2.5, 0.8) by customer and channel; profit = base x effect x value - cost.
    """
    rng = np.random.default_rng(7)
    n_channels = len(TRANSPORT_COSTS)
    cost = np.array(TRANSPORT_COSTS)
    base = rng.beta(1.2, 12, n_customers)
    effect = rng.gamma(2, 0.5, (n_customers, n_channels))
    value = rng.lognormal(2.5, 0.8, (n_customers, n_channels))
    profit = base[:, None] * effect * value - cost
    channels = [f"channel {c + 1}" for c in range(n_channels)]
    rules = [
        LinearRule(RuleKind.MAX_CONTACTS, percent * n_customers // 100, channels=[channel], name=f"capacity {channel}")
        for channel, percent in zip(channels, TRANSPORT_CAPACITY_PERCENT, strict=True)
    ]
    rules.append(LinearRule(RuleKind.MAX_CONTACTS_PER_CUSTOMER, 1, name="one channel a customer"))
    return Problem(
        n_customers=n_customers,
        activities=Activities(
            name=channels,
            day=np.ones(n_channels, dtype=np.int32),
            channel=channels,
            products=[frozenset()] * n_channels,
            cost=cost,
        ),
        pairs=Pairs(
            customer=np.repeat(np.arange(n_customers, dtype=np.int32), n_channels),
            activity=np.tile(np.arange(n_channels, dtype=np.int32), n_customers),
            value=profit.ravel(),
        ),
        rules=rules,
    )


def _large_activities(rng: np.random.Generator) -> Activities:
    channel = rng.choice(len(LARGE_CHANNELS), LARGE_ACTIVITIES, p=LARGE_SHARES)
    day = rng.integers(1, 118, LARGE_ACTIVITIES).astype(np.int32)
    n_products = rng.integers(1, 3, LARGE_ACTIVITIES)
    products = [
        frozenset(str(product + 1) for product in rng.choice(LARGE_PRODUCTS, size, replace=False))
        for size in n_products
    ]
    return Activities(
        name=[str(a + 1) for a in range(LARGE_ACTIVITIES)],
        day=day,
        channel=[LARGE_CHANNELS[c] for c in channel],
        products=products,
        cost=np.array(LARGE_COSTS)[channel],
    )


def _large_pairs(rng: np.random.Generator, n_customers: int, cost: Floats) -> Pairs:
    is_eligible = rng.random((LARGE_PATTERNS, LARGE_ACTIVITIES)) < LARGE_ELIGIBLE / LARGE_ACTIVITIES
    pattern = rng.integers(0, LARGE_PATTERNS, n_customers)
    size = is_eligible.sum(axis=1)
    flat = np.nonzero(is_eligible)[1].astype(np.int32)
    begin = np.concatenate([[0], np.cumsum(size)])
    customer = np.repeat(np.arange(n_customers, dtype=np.int32), size[pattern])
    ends = np.cumsum(size[pattern])
    activity = flat[np.arange(ends[-1]) + np.repeat(begin[pattern] - (ends - size[pattern]), size[pattern])]
    base = rng.beta(1.2, 40, n_customers)
    response = base[customer] * rng.gamma(2, 0.5, len(customer))
    value = response * rng.lognormal(4, 0.8, len(customer)) - cost[activity]
    return Pairs(customer=customer, activity=activity, value=value, response=response)


def _large_rules(problem: Problem) -> list[LinearRule]:
    """Bounds from what the plan without coupling rules uses: 60 % and 10 % of contacts, half of the call budget."""
    canonical = canonicalise(problem)
    prices = (canonical.gain, np.zeros(canonical.n_activities), np.zeros(canonical.n_activities))
    contacts = in_fixed_order(LocalStep(canonical, 2)(prices)).stats[0]
    activities = problem.activities
    channel, day, cost = np.array(activities.channel), np.asarray(activities.day), np.asarray(activities.cost)
    rules = []
    for name in LARGE_CHANNELS:
        for first, last in LARGE_WINDOWS:
            used = float(contacts[(channel == name) & (day >= first) & (day <= last)].sum())
            window = LinearRule(RuleKind.MAX_CONTACTS, 0.0, first_day=first, last_day=last, channels=[name])
            label = f"{name}, days {first}-{last}"
            rules.append(replace(window, bound=float(np.floor(0.6 * used)), name=f"at most: {label}"))
            least = float(np.ceil(0.1 * used))
            rules.append(replace(window, kind=RuleKind.MIN_CONTACTS, bound=least, name=f"at least: {label}"))
    for product in range(1, LARGE_PRODUCTS + 1):
        has_product = np.array([str(product) in products for products in activities.products])
        spent = float((contacts * cost)[has_product & (channel == "call center")].sum())
        rules.append(
            LinearRule(
                RuleKind.BUDGET,
                0.5 * spent,
                channels=["call center"],
                products=[str(product)],
                name=f"call center budget, product {product}",
            )
        )
    return rules


def large_case(n_customers: int = 1_000_000) -> Problem:
    """Customers x 175 activities, about 26 allowed pairs a customer, 32 contact bounds and 12 budgets.

    Draws, in this order, from default_rng(11): by activity the channel, the day (1-117), the number of products and
    the products; the 400 x 175 eligibility patterns (each activity with chance 26/175); by customer the pattern and
    base beta(1.2, 40); by pair the effect gamma(2, 0.5) and then lognormal(4, 0.8). response = base x effect,
    profit = response x lognormal - cost. The last 29-day window also takes day 117.
    """
    rng = np.random.default_rng(11)
    activities = _large_activities(rng)
    pairs = _large_pairs(rng, n_customers, np.asarray(activities.cost))
    contact_rule = LinearRule(RuleKind.MAX_CONTACTS_PER_CUSTOMER, 3, name="at most 3 contacts a customer")
    problem = Problem(
        n_customers=n_customers,
        activities=activities,
        pairs=pairs,
        rules=[contact_rule],
        conflicts=[Conflict(channels_a=[a], channels_b=[b], lag_days=lag) for a, b, lag in LAGS],
    )
    return replace(problem, rules=[*_large_rules(problem), contact_rule])
