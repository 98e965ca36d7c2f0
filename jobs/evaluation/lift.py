"""Lift: what the contact itself did, treated customers against the control group, with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate with its lower and upper bound."""

    value: float
    low: float
    high: float

    def contains(self, truth: float) -> bool:
        """Whether the interval covers a value."""
        return self.low <= truth <= self.high


def wilson(successes: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson score interval of one rate; it stays inside 0..1 and works with zero successes.

    Raises ValueError for an empty group or more successes than trials.
    """
    from scipy.stats import binomtest

    if trials <= 0 or not 0 <= successes <= trials:
        raise ValueError(f"rate of {successes} in {trials}: wanted 0 <= successes <= trials and trials > 0")
    bounds = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return Interval(successes / trials, float(bounds.low), float(bounds.high))


def newcombe(
    treated_orders: int, treated: int, control_orders: int, control: int, confidence: float = CONFIDENCE
) -> Interval:
    """Difference of two rates, treated less control, with Newcombe's hybrid score interval (1998, method 10).

    Chosen because control groups are small and base rates low, where the plain normal interval is too short.
    """
    first = wilson(treated_orders, treated, confidence)
    second = wilson(control_orders, control, confidence)
    difference = first.value - second.value
    below = math.hypot(first.value - first.low, second.high - second.value)
    above = math.hypot(first.high - first.value, second.value - second.low)
    return Interval(difference, difference - below, difference + above)


def sample_ratio_p_value(control: int, total: int, expected_share: float) -> float | None:
    """How likely a control group of this size is by chance, given the share drawn; null when not testable."""
    from scipy.stats import chisquare

    expected = total * expected_share
    if not 0 < expected < total:
        return None
    return float(chisquare([control, total - control], [expected, total - expected]).pvalue)


def same_share_p_value(first: int, first_total: int, second: int, second_total: int) -> float | None:
    """How likely two shares differ at least this much by chance (Fisher's exact test, so that small groups may be judged).

    Null when a group is empty: then there is nothing to compare.
    """
    if not first_total or not second_total:
        return None
    from scipy.stats import fisher_exact

    table = [[first, first_total - first], [second, second_total - second]]
    return float(fisher_exact(table).pvalue)
