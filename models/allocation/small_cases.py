"""Generated cases that are small and tight: generalised assignment, many small capacities, budgets that bind to the yuan."""

from collections.abc import Callable
from functools import partial

import numpy as np

from models.allocation.problem import Activities, LinearRule, Pairs, Problem, RuleKind

ASSIGNMENT_CUSTOMERS = 1600
ONE_CONTACT = LinearRule(RuleKind.MAX_CONTACTS_PER_CUSTOMER, 1, name="one contact a customer")


def assignment_case(kind: str, agents: int) -> Problem:
    """Generalised assignment of the literature's type D or E: 1,600 customers, each to exactly one of the agents.

    Draws from default_rng(1), customers x agents. D: load integers 1-100, noise integers -10 to 10, cost 111 - load + noise.
    E: load floor(1 - 10 ln u), cost floor(1000 / load - 10 e), at least 1. Capacity of an agent: 0.8 x its loads / agents.
    """
    rng, shape = np.random.default_rng(1), (ASSIGNMENT_CUSTOMERS, agents)
    if kind == "D":
        load = rng.integers(1, 101, shape).astype(float)
        cost = 111 - load + rng.integers(-10, 11, shape)
    else:
        load = np.floor(1 - 10 * np.log(1 - rng.random(shape) * 0.99999))
        cost = np.maximum(np.floor(1000 / load - 10 * rng.random(shape)), 1)
    room = np.floor(0.8 * load.sum(axis=0) / agents)
    customer, activity = np.divmod(np.arange(load.size), agents)
    rules = [
        LinearRule(RuleKind.MAX_SALES, float(room[agent]), channels=[f"agent {agent}"], name=f"room of agent {agent}")
        for agent in range(agents)
    ]
    rules.append(LinearRule(RuleKind.MIN_CONTACTS, ASSIGNMENT_CUSTOMERS, name="everybody"))
    pairs = Pairs(customer.astype(np.int32), activity.astype(np.int32), -cost.ravel().astype(float), load.ravel())
    return Problem(ASSIGNMENT_CUSTOMERS, _plain_activities(agents, "agent"), pairs, [*rules, ONE_CONTACT])


def capacities_case(customers: int = 3000, activities: int = 300, pairs_a_customer: int = 10) -> Problem:
    """Three hundred small capacities, drawn 1 to 11, over ten allowed pairs a customer; values lognormal(1, 0.8)."""
    rng = np.random.default_rng(1)
    customer = np.repeat(np.arange(customers), pairs_a_customer)
    activity = np.concatenate([rng.choice(activities, pairs_a_customer, replace=False) for _ in range(customers)])
    order = np.lexsort((activity, customer))
    value = rng.lognormal(1, 0.8, len(customer))
    most = int(2 * customers * 0.6 / activities)
    rules = [
        LinearRule(RuleKind.MAX_CONTACTS, int(rng.integers(1, most)), channels=[f"hall {a}"], name=f"room of hall {a}")
        for a in range(activities)
    ]
    pairs = Pairs(customer[order].astype(np.int32), activity[order].astype(np.int32), value, None)
    return Problem(customers, _plain_activities(activities, "hall"), pairs, [*rules, ONE_CONTACT])


def budgets_case(customers: int = 1000, campaigns: int = 5, channels: int = 5, pairs_a_customer: int = 5) -> Problem:
    """A budget a campaign that binds to the yuan: 5,000 pairs whose money is the contact's cost and the gift times the response.

    Draws, in this order, from default_rng(1): the pairs of each customer, response beta(1.2, 12), cost 0.03-1.50 yuan, gift
    3-10 yuan, value of a yes 20-40 yuan; three tenths of what all worthwhile pairs would take, a capacity of 15 % a channel.
    """
    rng, activities = np.random.default_rng(1), campaigns * channels
    allowed = np.zeros((customers, activities), bool)
    for row in allowed:
        row[rng.choice(activities, pairs_a_customer, replace=False)] = True
    customer, activity = np.nonzero(allowed)
    response = np.round(rng.beta(1.2, 12, len(customer)), 6)
    cost = np.round(rng.uniform(0.03, 1.5, activities), 2)
    gift = np.repeat(np.round(rng.uniform(3, 10, campaigns), 0), channels)
    money = cost[activity] + gift[activity] * response
    value = response * np.repeat(rng.uniform(20, 40, campaigns), channels)[activity] - money
    rules = [
        LinearRule(
            RuleKind.BUDGET,
            round(float(money[(activity // channels == c) & (value > 0)].sum()) * 0.3 / pairs_a_customer * 1.5, 2),
            campaigns=[f"campaign {c}"],
            name=f"budget of campaign {c}",
        )
        for c in range(campaigns)
    ]
    rules += [
        LinearRule(RuleKind.MAX_CONTACTS, int(customers * 0.15), channels=[f"channel {c}"], name=f"room of channel {c}")
        for c in range(channels)
    ]
    described = Activities(
        [f"activity {a}" for a in range(activities)],
        np.ones(activities, dtype=np.int32),
        [f"channel {a % channels}" for a in range(activities)],
        [frozenset({f"product {a // channels}"}) for a in range(activities)],
        campaign=[f"campaign {a // channels}" for a in range(activities)],
        cost=cost,
        cost_per_sale=gift,
    )
    pairs = Pairs(customer.astype(np.int32), activity.astype(np.int32), value, response)
    return Problem(customers, described, pairs, [*rules, ONE_CONTACT])


def _plain_activities(count: int, word: str) -> Activities:
    names = [f"{word} {number}" for number in range(count)]
    return Activities(names, np.ones(count, dtype=np.int32), names, [frozenset()] * count)


SMALL_CASES: dict[str, Callable[[], Problem]] = {
    **{f"assignment_{kind}{agents}": partial(assignment_case, kind, agents) for kind in "DE" for agents in (20, 80)},
    "capacities": capacities_case,
    "budgets": budgets_case,
}
