"""The door: bad input is refused here, with the place, what was wanted and what was found."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.allocation.problem import Activities, InvalidProblem, LinearRule, Pairs, Problem, RuleKind, rule_name

_COST_KINDS = (RuleKind.BUDGET, RuleKind.MIN_SPEND)
_HOUR_KINDS = (RuleKind.MIN_STAFF_HOURS, RuleKind.MAX_STAFF_HOURS)
_SALES_KINDS = (RuleKind.MIN_SALES, RuleKind.MAX_SALES)


def require_valid(problem: Problem) -> None:
    """Refuse a problem that cannot mean anything: NaN, negative capacity, unknown activity, repeated names.

    Raises InvalidProblem naming the pair index, activity or rule. Duplicate pairs are refused while they are sorted.
    """
    if problem.n_customers < 0:
        raise InvalidProblem("n_customers", "0 or more", problem.n_customers)
    _require_activities(problem.activities)
    _require_pairs(problem.pairs, problem.n_customers, len(problem.activities))
    names = [rule_name(rule, position) for position, rule in enumerate(problem.rules)]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise InvalidProblem("rules", "a different name for each rule", f"{repeated[0]!r} twice")
    for name, rule in zip(names, problem.rules, strict=True):
        _require_rule(name, rule, problem)
    _require_conflicts(problem)
    _require_customer_id(problem)


def _require_length(place: str, values: Sequence[object] | npt.NDArray[np.generic] | None, wanted: int) -> None:
    if values is not None and len(values) != wanted:
        raise InvalidProblem(place, f"{wanted} entries", f"{len(values)}")


def _require_finite(place: str, values: npt.NDArray[np.generic] | None, at_least: float = -np.inf) -> None:
    if values is None:
        return
    numbers = np.asarray(values, dtype=np.float64)
    is_bad = ~(np.isfinite(numbers) & (numbers >= at_least))
    if is_bad.any():
        position = int(np.argmax(is_bad))
        wanted = "a finite number" if at_least == -np.inf else f"a finite number of at least {at_least:g}"
        raise InvalidProblem(f"{place}[{position}]", wanted, numbers[position])


def _require_activities(activities: Activities) -> None:
    size = len(activities)
    for name in (
        "day",
        "channel",
        "products",
        "campaign",
        "offer",
        "cost",
        "staff_hours",
        "tier",
        "weight",
        "cost_per_sale",
    ):
        _require_length(f"activities.{name}", getattr(activities, name), size)
    for name in ("cost", "staff_hours", "weight", "cost_per_sale"):
        _require_finite(f"activities.{name}", getattr(activities, name), at_least=0.0)
    for name in ("day", "tier"):
        _require_finite(f"activities.{name}", getattr(activities, name))
    for position, products in enumerate(activities.products):
        if isinstance(products, str):
            raise InvalidProblem(f"activities.products[{position}]", "a set of names", f"the text {products!r}")


def _require_index(place: str, values: npt.NDArray[np.integer], size: int, noun: str) -> None:
    if not np.issubdtype(np.asarray(values).dtype, np.integer):
        raise InvalidProblem(place, "whole numbers", str(np.asarray(values).dtype))
    if len(values) and (values.min() < 0 or values.max() >= size):
        position = int(np.argmax((values < 0) | (values >= size)))
        raise InvalidProblem(f"{place}[{position}]", f"a known {noun}, 0 to {size - 1}", int(values[position]))


def _require_pairs(pairs: Pairs, n_customers: int, n_activities: int) -> None:
    for name in ("activity", "value", "response"):
        _require_length(f"pairs.{name}", getattr(pairs, name), len(pairs))
    _require_index("pairs.customer", pairs.customer, n_customers, "customer")
    _require_index("pairs.activity", pairs.activity, n_activities, "activity")
    _require_finite("pairs.value", pairs.value)
    _require_finite("pairs.response", pairs.response, at_least=0.0)


def _require_rule(name: str, rule: LinearRule, problem: Problem) -> None:
    place = f"rule {name!r}"
    try:
        kind = RuleKind(rule.kind)
    except ValueError:
        raise InvalidProblem(place, f"a kind of {[str(k) for k in RuleKind]}", rule.kind) from None
    if not np.isfinite(rule.bound) or (rule.bound < 0 and kind is not RuleKind.MIN_VALUE):
        raise InvalidProblem(place, "a bound that is finite and not negative", rule.bound)
    if rule.soft_price is not None and not (np.isfinite(rule.soft_price) and rule.soft_price >= 0):
        raise InvalidProblem(place, "a soft price that is finite and not negative", rule.soft_price)
    _require_filters(place, rule)
    _require_columns(place, kind, rule, problem)
    _require_per_customer(place, kind, rule, problem.n_customers)


def _require_filters(place: str, rule: LinearRule) -> None:
    for name in ("channels", "products", "campaigns", "offers"):
        if isinstance(getattr(rule, name), str):
            raise InvalidProblem(f"{place} {name}", "a set of names", f"the text {getattr(rule, name)!r}")
    if rule.first_day is not None and rule.last_day is not None and rule.first_day > rule.last_day:
        raise InvalidProblem(place, "first_day not after last_day", f"{rule.first_day} to {rule.last_day}")


def _require_columns(place: str, kind: RuleKind, rule: LinearRule, problem: Problem) -> None:
    activities = problem.activities
    pays_gifts = kind in _COST_KINDS and activities.cost_per_sale is not None
    needs = [
        ("activities.cost", kind in _COST_KINDS, activities.cost),
        ("activities.staff_hours", kind in _HOUR_KINDS, activities.staff_hours),
        ("pairs.response", kind in _SALES_KINDS or pays_gifts, problem.pairs.response),
        ("activities.campaign", rule.campaigns is not None, activities.campaign),
        ("activities.offer", rule.offers is not None, activities.offer),
    ]
    for column, is_needed, values in needs:
        if is_needed and values is None:
            raise InvalidProblem(place, f"{column} to be given", "nothing")


def _require_per_customer(place: str, kind: RuleKind, rule: LinearRule, n_customers: int) -> None:
    if kind.is_per_customer and rule.soft_price is not None:
        raise InvalidProblem(place, "a hard rule (per-customer rules have no price)", rule.soft_price)
    if rule.used is None:
        return
    if not kind.is_per_customer:
        raise InvalidProblem(place, "`used` only on a per-customer rule", str(kind))
    _require_length(f"{place} used", rule.used, n_customers)
    _require_finite(f"{place} used", np.asarray(rule.used), at_least=0.0)


def _require_conflicts(problem: Problem) -> None:
    activities = problem.activities
    for position, conflict in enumerate(problem.conflicts):
        place = f"conflict {conflict.name or position!r}"
        if conflict.lag_days is not None and conflict.lag_days < 0:
            raise InvalidProblem(place, "a lag of 0 days or more", conflict.lag_days)
        for side in ("channels", "products", "campaigns", "offers"):
            for letter in "ab":
                if isinstance(getattr(conflict, f"{side}_{letter}"), str):
                    raise InvalidProblem(f"{place} {side}_{letter}", "a set of names", "a text")
        if (conflict.campaigns_a or conflict.campaigns_b) and activities.campaign is None:
            raise InvalidProblem(place, "activities.campaign to be given", "nothing")
        if (conflict.offers_a or conflict.offers_b) and activities.offer is None:
            raise InvalidProblem(place, "activities.offer to be given", "nothing")
    if problem.one_channel_per_campaign and activities.campaign is None:
        raise InvalidProblem("one_channel_per_campaign", "activities.campaign to be given", "nothing")
    if problem.exclusive_offers and activities.offer is None:
        raise InvalidProblem("exclusive_offers", "activities.offer to be given", "nothing")


def _require_customer_id(problem: Problem) -> None:
    if problem.customer_id is None:
        return
    _require_length("customer_id", problem.customer_id, problem.n_customers)
    if len(np.unique(problem.customer_id)) != problem.n_customers:
        raise InvalidProblem("customer_id", "a different id for each customer", "a repeated id")
