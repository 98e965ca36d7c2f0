"""Prices of the rules: the exact Lagrangian dual, minimised by a proximal bundle method.

Each evaluation gives a true upper bound of every plan, so the best one seen is the proven bound whatever the method
does. Method: Kiwiel's proximal bundle (Mathematical Programming 46, 1990) in prices per contact.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from models.allocation.canonical import CouplingRules
from models.allocation.evaluate import BlockStep, Evaluation, in_fixed_order
from models.allocation.fixed_order import made_definite
from models.allocation.problem import Floats
from models.allocation.quadratic import solve_step

MOST_CUTS = 120
CURVATURE_STEP = 0.02


@dataclass
class DualResult:
    """Best multipliers found, the bound they prove and the use of each rule at them."""

    multipliers: Floats
    bound: float
    use: Floats
    iterations: int
    unproven: int
    is_closed: bool = False


class DualFunction:
    """The bound as a function of the multipliers: customers' best worth at the prices plus multipliers x bounds."""

    def __init__(self, rules: CouplingRules, gain: Floats, step: BlockStep, limit: Floats) -> None:
        self.rules, self.gain, self.step, self.limit = rules, gain, step, limit
        self.calls = 0

    def __call__(self, multipliers: Floats) -> tuple[float, Floats, Evaluation]:
        """Return (proven bound, use of each rule by the customers' best plans, sums)."""
        self.calls += 1
        evaluation = in_fixed_order(self.step(self.rules.prices(multipliers, self.gain)))
        terms = multipliers * self.rules.sign * self.limit
        margin = 1e-13 * float(np.abs(terms).sum())
        bound = evaluation.bound + float(terms.sum()) + margin
        return bound, self.rules.use(evaluation.stats), evaluation


@dataclass
class _Cuts:
    """Linear pieces of the dual seen so far, in scaled prices."""

    points: list[Floats] = field(default_factory=list)
    slopes: list[Floats] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def add(self, point: Floats, value: float, slope: Floats) -> None:
        self.points.append(point)
        self.slopes.append(slope)
        self.values.append(value)
        self.weights.append(0.0)

    def heights(self, centre: Floats) -> Floats:
        slopes, points = np.array(self.slopes), np.array(self.points)
        return np.array(self.values) + (slopes * (centre - points)).sum(axis=1)

    def drop_idle(self, most: int) -> None:
        if len(self.points) <= most:
            return
        keep = np.sort(np.argsort(-np.array(self.weights[:-1]), kind="stable")[: most - 1]).tolist()
        keep.append(len(self.points) - 1)
        for name in ("points", "slopes", "values", "weights"):
            setattr(self, name, [getattr(self, name)[k] for k in keep])


def minimise_dual(
    function: DualFunction,
    start: Floats,
    accuracy: float,
    most_calls: int,
    should_stop: Callable[[float], bool] = lambda bound: False,
    metric: Floats | None = None,
) -> DualResult:
    """Lower the bound until its model promises less than `accuracy` (relative), or calls or patience run out.

    `start` holds m multipliers >= 0; soft rules keep theirs at most at the soft price. `metric` (m, m) is the
    curvature of the bound in scaled prices, when a sample of the customers has shown it.
    """
    rules = function.rules
    scale = rules.scale
    top = np.where(np.isfinite(rules.soft_price), rules.soft_price * scale, np.inf)
    centre = np.clip(start * scale, 0.0, top)
    best, use, evaluation = function(centre / scale)
    result = DualResult(centre / scale, best, use, 1, evaluation.unproven)
    if len(rules) == 0:
        result.is_closed = True
        return result
    cuts = _Cuts()
    slope = rules.sign * (function.limit - use) / scale
    cuts.add(centre, best, slope)
    typical = _typical_price(evaluation, top)
    shape = np.eye(len(centre)) if metric is None else metric
    step = typical / max(float(np.abs(slope).max()), 1e-12) if metric is None else 1.0
    null_run = widened = 0
    while result.iterations < most_calls:
        heights = cuts.heights(centre)
        # The size of the step problem's numbers: what is known of the bound, or what a step along the slope would win.
        hoped = step * float((slope * slope).sum()) if metric is None else 0.0
        unit = max(1e-9, 1e-6 * abs(best), float(np.abs(heights - best).max()) * 1e-3, 1e-3 * hoped)
        move, theta, weights = solve_step(
            shape / (step * unit),
            np.array(cuts.slopes) / unit,
            (heights - best) / unit,
            -centre,
            top - centre,
        )
        cuts.weights = weights.tolist()
        promised = -theta * unit
        if promised <= accuracy * max(1.0, abs(best)):
            # A short step can hide what a longer one would still find: close only when long steps promise nothing.
            widened += 1
            step *= 10.0
            if widened > 7:
                result.is_closed = True
                break
            continue
        widened = 0
        trial = np.clip(centre + move, 0.0, top)
        value, use, evaluation = function(trial / scale)
        result.iterations += 1
        slope = rules.sign * (function.limit - use) / scale
        error = best - (value + float((slope * (centre - trial)).sum()))
        cuts.add(trial, value, slope)
        if best - value >= 0.1 * promised:
            if best - value >= 0.5 * promised or null_run < 0:
                step *= 2.0
            centre, best = trial, value
            result.multipliers, result.bound, result.use = trial / scale, value, use
            result.unproven = evaluation.unproven
            null_run = 0
        else:
            null_run += 1
            if error > promised and null_run >= 2:
                step *= 0.6
        cuts.drop_idle(MOST_CUTS)
        if should_stop(best):
            break
    return result


def curvature(function: DualFunction, multipliers: Floats) -> Floats:
    """Curvature (m, m) of the bound around some multipliers, in scaled prices, from one small step along each price."""
    rules = function.rules
    _, centre_use, evaluation = function(multipliers)
    stride = CURVATURE_STEP * _typical_price(evaluation, np.full(len(rules), np.inf))
    found = np.zeros((len(rules), len(rules)))
    for r in range(len(rules)):
        moved = multipliers.copy()
        moved[r] += stride / rules.scale[r]
        found[r] = rules.sign * (centre_use - function(moved)[1]) / rules.scale / stride
    return made_definite(0.5 * (found + found.T), 1e-3)  # type: ignore[no-any-return]


def _typical_price(evaluation: Evaluation, top: Floats) -> float:
    """What a contact is worth at the start: the length of a first step."""
    contacts = float(evaluation.stats[0].sum())
    if contacts and evaluation.worth > 0.0:
        return evaluation.worth / contacts
    ceilings = top[np.isfinite(top) & (top > 0.0)]
    return 0.1 * float(ceilings.min()) if len(ceilings) else 1.0
