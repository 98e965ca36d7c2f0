"""The problem in canonical order and plain arrays: customers by id, each customer's pairs by activity."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from models.allocation import fixed_order, kernels
from models.allocation.coverage import conflict_matrix, covered_activities, unit_per_contact
from models.allocation.problem import Floats, InvalidProblem, Problem, RuleKind, rule_name

CUSTOMERS_PER_BLOCK = 2048
# A sum may pass its bound by rounding: half of what the checker allows, so that a rule met to the cent counts as kept.
KEPT_WITHIN = 5e-10
_SALES = (RuleKind.MIN_SALES, RuleKind.MAX_SALES)


@dataclass(frozen=True)
class CouplingRules:
    """The m rules that couple customers, as rows: sign * use <= sign * bound.

    `per_contact`, `per_sale`, `per_value` (m, a) turn contacts, sales and value of each activity into use of the rule.
    `limit` is the bound a plan must keep, rounded to whole contacts for hard counts; `soft_price` is inf when hard.
    `stated` is the bound as its owner wrote it. A rule whose contacts all cost the same is counted in contacts, `unit` of the rule's own measure each.
    """

    names: tuple[str, ...]
    sign: Floats
    limit: Floats
    stated: Floats
    unit: Floats
    is_counted: npt.NDArray[np.bool_]
    soft_price: Floats
    per_contact: Floats
    per_sale: Floats
    per_value: Floats
    scale: Floats

    def __len__(self) -> int:
        return len(self.names)

    @property
    def kept_limit(self) -> Floats:
        """The limits a plan may use and still counts as keeping its rules: sums may pass their bound by rounding."""
        may_round = ~self.is_counted & np.isinf(self.soft_price)
        return self.limit + self.sign * np.where(may_round, KEPT_WITHIN * np.maximum(1.0, np.abs(self.limit)), 0.0)

    def softened(self, rows: npt.NDArray[np.bool_], price_per_contact: float) -> "CouplingRules":
        """The same rules with the given rows soft at a price per contact, held to their stated bounds."""
        price = np.where(rows, price_per_contact / self.scale, self.soft_price)
        return replace(self, soft_price=price, limit=np.where(rows, self.stated, self.limit))

    def with_value_held(self, name: str, per_value: Floats, at_least: float) -> "CouplingRules":
        """The same rules and one more: the value of the activities in `per_value` (a) stays at least at a number."""
        fields = {
            "sign": -1.0,
            "limit": at_least,
            "stated": at_least,
            "unit": 1.0,
            "is_counted": False,
            "soft_price": np.inf,
            "scale": max(float(self.scale.max(initial=1.0)), 1.0),
        }
        rows = {key: np.append(getattr(self, key), value) for key, value in fields.items()}
        nothing = np.zeros_like(per_value)
        return CouplingRules(
            names=(*self.names, name),
            per_contact=np.vstack([self.per_contact, nothing]),
            per_sale=np.vstack([self.per_sale, nothing]),
            per_value=np.vstack([self.per_value, per_value]),
            **rows,
        )

    def prices(self, multipliers: Floats, gain: Floats) -> tuple[Floats, Floats, Floats]:
        """Turn m multipliers into (gain, price, sales price) of each activity."""
        signed = (multipliers * self.sign)[:, None]
        # Sums row by row: those of a linear-algebra library differ between builds and threads.
        per_value, per_contact, per_sale = (
            (signed * per).sum(axis=0) for per in (self.per_value, self.per_contact, self.per_sale)
        )
        return gain - per_value, per_contact, per_sale

    def use(self, stats: Floats) -> Floats:
        """Turn (3, a) sums of contacts, sales and value into the use of each rule."""
        parts = zip((self.per_contact, self.per_sale, self.per_value), stats, strict=True)
        contacts, sales, value = (fixed_order.times(per, sums) for per, sums in parts)
        return contacts + sales + value


@dataclass(frozen=True)
class Canonical:
    """Arrays of a problem in canonical order; `order[k]` is the caller's row of canonical pair k (None: the same)."""

    n_customers: int
    order: npt.NDArray[np.int64] | None
    start: npt.NDArray[np.int64]
    activity: npt.NDArray[np.int32]
    value: Floats
    response: Floats
    conflict: npt.NDArray[np.uint8]
    caps: tuple[npt.NDArray[Any], ...]
    gain: Floats
    rules: CouplingRules

    @property
    def n_pairs(self) -> int:
        """Number of allowed pairs."""
        return len(self.activity)

    @property
    def n_activities(self) -> int:
        """Number of activities."""
        return len(self.gain)

    @property
    def n_blocks(self) -> int:
        """Number of fixed blocks of customers over which sums are taken."""
        return -(-self.n_customers // CUSTOMERS_PER_BLOCK)

    def sample(self, one_in: int) -> "Canonical":
        """Every customer of a fixed scattered choice of about one in `one_in`, with bounds cut by the same share."""
        rank = np.arange(self.n_customers, dtype=np.uint64)
        scattered = (rank * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)
        chosen = np.flatnonzero(scattered % np.uint64(one_in) == 0)
        pairs, start = kernels.pairs_of(chosen, self.start)
        share = len(pairs) / max(self.n_pairs, 1)
        rules = replace(self.rules, limit=self.rules.limit * share, stated=self.rules.stated * share)
        used = self.caps[4][chosen] if len(self.caps[4]) else self.caps[4]
        return replace(
            self,
            n_customers=len(chosen),
            order=None,
            start=start,
            activity=self.activity[pairs],
            value=self.value[pairs],
            response=self.response[pairs],
            caps=(*self.caps[:4], used, self.caps[5]),
            rules=rules,
        )

    @cached_property
    def table(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], Floats, Floats]:
        """The four pair columns the kernels read."""
        return self.start, self.activity, self.value, self.response


def _plain(values: npt.ArrayLike, kind: type) -> npt.NDArray[Any]:
    """The values as one contiguous writeable array of the kind the compiled loops know; a copy only when needed."""
    return np.require(values, dtype=kind, requirements=["C", "W"])


def _ranks(problem: Problem) -> npt.NDArray[np.int64]:
    ranks = np.arange(problem.n_customers, dtype=np.int64)
    if problem.customer_id is None:
        return ranks
    by_id = np.argsort(np.asarray(problem.customer_id), kind="stable")
    found = np.empty_like(ranks)
    found[by_id] = ranks
    return found


def _sorted_pairs(problem: Problem, rank: npt.NDArray[np.int64]) -> npt.NDArray[np.int64] | None:
    customer, activity = _plain(problem.pairs.customer, np.int32), _plain(problem.pairs.activity, np.int32)
    code = int(kernels.order_is_canonical(customer, rank, activity))
    if code == 0:
        return None
    order = np.arange(len(customer))
    repeat = code - 2
    if code == 1:
        order = kernels.counting_order(customer, rank, activity, problem.n_customers, len(problem.activities))
        repeat = int(kernels.first_repeat(order, customer, activity))
    if repeat >= 0:
        first, second = int(order[repeat - 1]), int(order[repeat])
        found = f"customer {customer[second]}, activity {activity[second]} also at pairs[{first}]"
        raise InvalidProblem(f"pairs[{second}]", "each pair once", found)
    return order


def _caps(problem: Problem, rank: npt.NDArray[np.int64]) -> tuple[npt.NDArray[Any], ...]:
    """Per-customer rules as (start by activity, rules, bound, covers everything, used by customer and rule, day)."""
    size = len(problem.activities)
    rules = [rule for rule in problem.rules if RuleKind(rule.kind).is_per_customer]
    covers = np.array([covered_activities(rule, problem.activities) for rule in rules], dtype=bool).reshape(
        len(rules), size
    )
    start = np.concatenate([[0], np.cumsum(covers.sum(axis=0))]).astype(np.int64)
    listed = np.nonzero(covers.T)[1].astype(np.int64)
    bound = np.array([np.floor(rule.bound + 1e-9) for rule in rules], dtype=np.int64)
    used = np.zeros((0, len(rules)), dtype=np.int64)
    if any(rule.used is not None for rule in rules):
        used = np.zeros((problem.n_customers, len(rules)), dtype=np.int64)
        for position, rule in enumerate(rules):
            if rule.used is not None:
                used[rank, position] = rule.used
    day = np.asarray(problem.activities.day, dtype=np.int64)
    return start, listed, bound, np.asarray(covers.all(axis=1)), used, day


def _contact_unit(kind: RuleKind, is_soft: bool, coefficients: Floats) -> float:
    """What every covered contact counts in a hard rule when all count the same, else 0."""
    units = np.unique(coefficients[coefficients > 0])
    is_counted = not is_soft and kind not in (*_SALES, RuleKind.MIN_VALUE) and len(units) == 1
    return float(units[0]) if is_counted else 0.0


def _whole_contacts(kind: RuleKind, contacts: float) -> float:
    """Tighten a bound on contacts to the whole number that means the same."""
    slack = KEPT_WITHIN * max(1.0, abs(contacts))
    return float(np.ceil(contacts - slack) if kind.is_minimum else np.floor(contacts + slack))


def coupling_rules(problem: Problem, mean_response: float, mean_value: float) -> CouplingRules:
    """Build the rows of the rules that couple customers; the scale makes one unit of each about one contact."""
    size = len(problem.activities)
    picked = [
        (rule_name(rule, position), RuleKind(rule.kind), rule)
        for position, rule in enumerate(problem.rules)
        if not RuleKind(rule.kind).is_per_customer
    ]
    per = np.zeros((3, len(picked), size))
    limit, scale, unit = np.zeros(len(picked)), np.ones(len(picked)), np.ones(len(picked))
    is_counted = np.zeros(len(picked), dtype=bool)
    weight = problem.activities.weight
    gain = np.ones(size) if weight is None else np.asarray(weight, dtype=np.float64)
    for row, (_, kind, rule) in enumerate(picked):
        covers = covered_activities(rule, problem.activities)
        part = 1 if kind in _SALES else 2 if kind is RuleKind.MIN_VALUE else 0
        per[part, row] = np.where(covers, gain if part == 2 else unit_per_contact(kind, problem.activities), 0.0)
        limit[row] = float(rule.bound)
        if kind in (RuleKind.BUDGET, RuleKind.MIN_SPEND) and problem.activities.cost_per_sale is not None:
            per[1, row] = np.where(covers, np.asarray(problem.activities.cost_per_sale, dtype=np.float64), 0.0)
        contact_unit = _contact_unit(kind, rule.soft_price is not None, per[part, row])
        if contact_unit and not per[1, row].any():
            is_counted[row], unit[row] = True, contact_unit
            per[part, row] = (per[part, row] > 0).astype(np.float64)
            limit[row] = _whole_contacts(kind, limit[row] / contact_unit)
        counts = per[0, row] + per[1, row] * mean_response + per[2, row] * mean_value
        positive = counts[counts > 0]
        scale[row] = max(float(positive.mean()), 1e-12) if len(positive) else 1.0
    return CouplingRules(
        names=tuple(name for name, _, _ in picked),
        sign=np.array([-1.0 if kind.is_minimum else 1.0 for _, kind, _ in picked]),
        limit=limit,
        stated=np.array([float(rule.bound) for _, _, rule in picked]) / unit,
        unit=unit,
        is_counted=is_counted,
        soft_price=np.array([np.inf if rule.soft_price is None else rule.soft_price for _, _, rule in picked]),
        per_contact=per[0],
        per_sale=per[1],
        per_value=per[2],
        scale=scale,
    )


def canonicalise(problem: Problem) -> Canonical:
    """Put a valid problem into canonical arrays; raises InvalidProblem for a pair given twice."""
    pairs = problem.pairs
    rank = _ranks(problem)
    order = _sorted_pairs(problem, rank)
    take = slice(None) if order is None else order
    value = _plain(_plain(pairs.value, np.float64)[take], np.float64)
    given = pairs.response if pairs.response is not None else np.zeros(len(value))
    response = _plain(_plain(given, np.float64)[take], np.float64)
    mean_response = float(response.mean()) if len(response) else 1.0
    mean_value = float(np.abs(value).mean()) if len(value) else 1.0
    weight = problem.activities.weight
    return Canonical(
        n_customers=problem.n_customers,
        order=order,
        start=kernels.row_starts(_plain(pairs.customer, np.int32), rank, problem.n_customers),
        activity=_plain(_plain(pairs.activity, np.int32)[take], np.int32),
        value=value,
        response=response,
        conflict=conflict_matrix(problem),
        caps=_caps(problem, rank),
        gain=np.ones(len(problem.activities)) if weight is None else np.asarray(weight, dtype=np.float64),
        rules=coupling_rules(problem, mean_response or 1.0, mean_value or 1.0),
    )
