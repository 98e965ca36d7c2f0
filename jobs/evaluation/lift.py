"""Lift: what the contact itself did, treated customers against the control group, with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

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


def normal_quantile(confidence: float) -> float:
    """Two-sided normal quantile, 1.96 for 95 %."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(successes: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson score interval of one rate; it stays inside 0..1 and works with zero successes.

    Raises ValueError for an empty group or more successes than trials.
    """
    if trials <= 0 or not 0 <= successes <= trials:
        raise ValueError(f"rate of {successes} in {trials}: wanted 0 <= successes <= trials and trials > 0")
    z = normal_quantile(confidence)
    rate = successes / trials
    denominator = 1 + z * z / trials
    centre = (rate + z * z / (2 * trials)) / denominator
    half = z * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials)) / denominator
    return Interval(rate, max(0.0, centre - half), min(1.0, centre + half))


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
    variance = total * expected_share * (1 - expected_share)
    if variance <= 0:
        return None
    z = (control - total * expected_share) / math.sqrt(variance)
    return math.erfc(abs(z) / math.sqrt(2))


def same_share_p_value(first: int, first_total: int, second: int, second_total: int) -> float | None:
    """How likely two shares differ at least this much by chance (Fisher's exact test, so that small groups may be judged).

    Null when a group is empty: then there is nothing to compare.
    """
    if not first_total or not second_total:
        return None
    from scipy.stats import fisher_exact

    table = [[first, first_total - first], [second, second_total - second]]
    return float(fisher_exact(table).pvalue)
