"""The referee: reads the problem as stated and a plan, and lists every rule the plan breaks.

Shares nothing with the solver but the problem's own words: plain loops over the chosen pairs, no canonical arrays, no
prices, sums by math.fsum.
"""

from collections import defaultdict
from itertools import combinations
from math import fsum

from models.allocation.problem import Activities, Conflict, LinearRule, Problem, Violation

ROUNDING = 1e-9


def check_plan(problem: Problem, chosen: object) -> list[Violation]:
    """List every broken rule of a plan (row numbers of `problem.pairs`); an empty list means the plan is allowed.

    Amounts are in the unit of the rule; sums may exceed a bound by rounding only (1e-9 of the bound).
    """
    pairs = [int(p) for p in chosen]  # type: ignore[attr-defined]
    broken = _broken_choice(problem, pairs)
    if broken:
        return broken
    by_activity: dict[int, list[int]] = defaultdict(list)
    for p in pairs:
        by_activity[int(problem.pairs.activity[p])].append(p)
    found: list[Violation] = []
    for position, rule in enumerate(problem.rules):
        name = rule.name or f"{rule.kind!s}#{position}"
        spoken = [p for a, rows in by_activity.items() if _speaks_of(rule, problem.activities, a) for p in rows]
        if str(rule.kind) == "MAX_CONTACTS_PER_CUSTOMER":
            found += _broken_customer_rule(problem, rule, name, spoken)
        else:
            found += _broken_rule(problem, rule, name, spoken)
    return found + _broken_together(problem, pairs)


def _broken_choice(problem: Problem, pairs: list[int]) -> list[Violation]:
    total = len(problem.pairs.customer)
    unknown = [p for p in pairs if not 0 <= p < total]
    if unknown:
        return [Violation("chosen: unknown pair", total - 1, unknown[0], len(unknown))]
    repeated = len(pairs) - len(set(pairs))
    return [Violation("chosen: pair twice", 1, 2, repeated)] if repeated else []


def _names(activities: Activities, a: int) -> tuple[str, frozenset[str], str | None, str | None]:
    campaign = None if activities.campaign is None else activities.campaign[a]
    offer = None if activities.offer is None else activities.offer[a]
    return activities.channel[a], frozenset(activities.products[a]), campaign, offer


def _speaks_of(rule: LinearRule, activities: Activities, a: int) -> bool:
    channel, products, campaign, offer = _names(activities, a)
    if rule.first_day is not None and int(activities.day[a]) < rule.first_day:
        return False
    if rule.last_day is not None and int(activities.day[a]) > rule.last_day:
        return False
    return _matches((channel, products, campaign, offer), (rule.channels, rule.products, rule.campaigns, rule.offers))


def _matches(own: tuple[str, frozenset[str], str | None, str | None], wanted: tuple[object, ...]) -> bool:
    channels, products, campaigns, offers = (None if names is None else set(names) for names in wanted)  # type: ignore[call-overload]
    if channels is not None and own[0] not in channels:
        return False
    if products is not None and not (own[1] & products):
        return False
    if campaigns is not None and own[2] not in campaigns:
        return False
    return offers is None or own[3] in offers


def _counts(problem: Problem, rule: LinearRule, p: int) -> float:
    activities, a = problem.activities, int(problem.pairs.activity[p])
    kind = str(rule.kind)
    if kind in ("BUDGET", "MIN_SPEND"):
        gift = 0.0 if activities.cost_per_sale is None else float(activities.cost_per_sale[a])
        return float(activities.cost[a]) + (gift * float(problem.pairs.response[p]) if gift else 0.0)  # type: ignore[index]
    if kind in ("MIN_STAFF_HOURS", "MAX_STAFF_HOURS"):
        return float(activities.staff_hours[a])  # type: ignore[index]
    if kind in ("MIN_SALES", "MAX_SALES"):
        return float(problem.pairs.response[p])  # type: ignore[index]
    if kind == "MIN_VALUE":
        weight = 1.0 if activities.weight is None else float(activities.weight[a])
        return float(problem.pairs.value[p]) * weight
    return 1.0


def _broken_rule(problem: Problem, rule: LinearRule, name: str, pairs: list[int]) -> list[Violation]:
    is_count = str(rule.kind) in ("MIN_CONTACTS", "MAX_CONTACTS")
    total = float(len(pairs)) if is_count else fsum(_counts(problem, rule, p) for p in pairs)
    bound = float(rule.bound)
    amount = bound - total if str(rule.kind).startswith("MIN_") else total - bound
    return [Violation(name, bound, total, amount)] if amount > ROUNDING * max(1.0, abs(bound)) else []


def _broken_customer_rule(problem: Problem, rule: LinearRule, name: str, pairs: list[int]) -> list[Violation]:
    contacts: dict[int, int] = defaultdict(int)
    for p in pairs:
        contacts[int(problem.pairs.customer[p])] += 1
    found = []
    for customer, count in sorted(contacts.items()):
        used = 0 if rule.used is None else int(rule.used[customer])
        # A customer already past the bound before the plan is broken only by a further contact.
        if count + used > rule.bound + ROUNDING:
            amount = count - max(0.0, rule.bound - used)
            found.append(Violation(f"{name} (customer {customer})", float(rule.bound), float(count + used), amount))
    return found


def _forbids(conflict: Conflict, activities: Activities, a: int, b: int) -> bool:
    side_a = (conflict.channels_a, conflict.products_a, conflict.campaigns_a, conflict.offers_a)
    side_b = (conflict.channels_b, conflict.products_b, conflict.campaigns_b, conflict.offers_b)
    if not (_matches(_names(activities, a), side_a) and _matches(_names(activities, b), side_b)):
        return False
    days = int(activities.day[b]) - int(activities.day[a])
    return conflict.lag_days is None or 0 <= days < conflict.lag_days


def _reason_apart(problem: Problem, a: int, b: int) -> str | None:
    activities = problem.activities
    for position, conflict in enumerate(problem.conflicts):
        if _forbids(conflict, activities, a, b) or _forbids(conflict, activities, b, a):
            return f"conflict {conflict.name or position}"
    channel_a, _, campaign_a, offer_a = _names(activities, a)
    channel_b, _, campaign_b, offer_b = _names(activities, b)
    if problem.one_channel_per_campaign and campaign_a == campaign_b and channel_a != channel_b:
        return f"one channel per campaign ({campaign_a})"
    for group in problem.exclusive_offers:
        if offer_a != offer_b and {offer_a, offer_b} <= set(group):
            return "exclusive offers"
    return None


def _broken_together(problem: Problem, pairs: list[int]) -> list[Violation]:
    by_customer: dict[int, list[int]] = defaultdict(list)
    for p in pairs:
        by_customer[int(problem.pairs.customer[p])].append(int(problem.pairs.activity[p]))
    reasons: dict[tuple[int, int], str | None] = {}
    found = []
    for customer, activities in sorted(by_customer.items()):
        for a, b in combinations(sorted(activities), 2):
            if (a, b) not in reasons:
                reasons[a, b] = _reason_apart(problem, a, b)
            if reasons[a, b]:
                found.append(Violation(f"{reasons[a, b]} (customer {customer}: {a}, {b})", 1.0, 2.0, 1.0))
    return found
