"""Which activities a rule or a conflict speaks about, and what each contact counts for in it."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from models.allocation.problem import Activities, Conflict, Floats, LinearRule, Problem, RuleKind

Mask = npt.NDArray[np.bool_]


def _is_named(values: Iterable[str], wanted: Iterable[str] | None, size: int) -> Mask:
    if wanted is None:
        return np.ones(size, dtype=bool)
    names = frozenset(wanted)
    return np.fromiter((value in names for value in values), dtype=bool, count=size)


def _shares_product(activities: Activities, wanted: Iterable[str] | None) -> Mask:
    size = len(activities)
    if wanted is None:
        return np.ones(size, dtype=bool)
    names = frozenset(wanted)
    return np.fromiter((not names.isdisjoint(products) for products in activities.products), dtype=bool, count=size)


def covered_activities(rule: LinearRule, activities: Activities) -> Mask:
    """Say which of the a activities a rule covers: day in the window, channel, product, campaign and offer named."""
    day = np.asarray(activities.day)
    size = len(activities)
    is_covered = _is_named(activities.channel, rule.channels, size) & _shares_product(activities, rule.products)
    if rule.first_day is not None:
        is_covered &= day >= rule.first_day
    if rule.last_day is not None:
        is_covered &= day <= rule.last_day
    if rule.campaigns is not None:
        is_covered &= _is_named(activities.campaign or (), rule.campaigns, size)
    if rule.offers is not None:
        is_covered &= _is_named(activities.offer or (), rule.offers, size)
    return is_covered


def unit_per_contact(kind: RuleKind, activities: Activities) -> Floats:
    """Say what one contact of each activity counts for in a rule of this kind (sales and value count per pair)."""
    if kind in (RuleKind.BUDGET, RuleKind.MIN_SPEND):
        return np.asarray(activities.cost, dtype=np.float64)
    if kind in (RuleKind.MIN_STAFF_HOURS, RuleKind.MAX_STAFF_HOURS):
        return np.asarray(activities.staff_hours, dtype=np.float64)
    return np.ones(len(activities))


def _side(activities: Activities, channels: object, products: object, campaigns: object, offers: object) -> Mask:
    size = len(activities)
    side = _is_named(activities.channel, channels, size) & _shares_product(activities, products)  # type: ignore[arg-type]
    if campaigns is not None:
        side &= _is_named(activities.campaign or (), campaigns, size)  # type: ignore[arg-type]
    if offers is not None:
        side &= _is_named(activities.offer or (), offers, size)  # type: ignore[arg-type]
    return side


def _conflict_pairs(conflict: Conflict, activities: Activities) -> Mask:
    side_a = _side(activities, conflict.channels_a, conflict.products_a, conflict.campaigns_a, conflict.offers_a)
    side_b = _side(activities, conflict.channels_b, conflict.products_b, conflict.campaigns_b, conflict.offers_b)
    both = side_a[:, None] & side_b[None, :]
    if conflict.lag_days is None:
        return both
    day = np.asarray(activities.day, dtype=np.int64)
    days_after = day[None, :] - day[:, None]
    return both & (days_after >= 0) & (days_after < conflict.lag_days)


def _exclusive(labels: list[int], same: list[int]) -> Mask:
    """Pairs of activities of the same group (label >= 0) that differ in `same`."""
    group, kind = np.asarray(labels), np.asarray(same)
    return (group[:, None] == group[None, :]) & (group[:, None] >= 0) & (kind[:, None] != kind[None, :])


def _codes(values: Iterable[str]) -> list[int]:
    seen: dict[str, int] = {}
    return [seen.setdefault(value, len(seen)) for value in values]


def conflict_matrix(problem: Problem) -> npt.NDArray[np.uint8]:
    """Build the symmetric a x a table of activities that no customer may get together.

    Holds the lag conflicts, one channel per campaign, and groups of mutually exclusive offers.
    """
    activities = problem.activities
    size = len(activities)
    excluded = np.zeros((size, size), dtype=bool)
    for conflict in problem.conflicts:
        excluded |= _conflict_pairs(conflict, activities)
    if problem.one_channel_per_campaign:
        excluded |= _exclusive(_codes(activities.campaign or ()), _codes(activities.channel))
    for group in problem.exclusive_offers:
        names = frozenset(group)
        labels = [0 if offer in names else -1 for offer in activities.offer or ()]
        excluded |= _exclusive(labels, _codes(activities.offer or ()))
    excluded |= excluded.T
    np.fill_diagonal(excluded, False)
    return excluded.astype(np.uint8)
