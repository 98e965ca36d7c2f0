"""What the optimiser is asked: activities, allowed pairs, rules and conflicts, refused by name when they are wrong."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]


class InvalidProblem(ValueError):
    """The input is refused; the message names the place, what was wanted and what was found."""

    def __init__(self, place: str, wanted: str, found: object) -> None:
        super().__init__(f"{place}: wanted {wanted}, found {found}")
        self.place = place
        self.wanted = wanted
        self.found = found


class RuleKind(StrEnum):
    """The published names of the rule types, as the rule tables of the business use them."""

    MIN_CONTACTS = "MIN_CONTACTS"
    MAX_CONTACTS = "MAX_CONTACTS"
    BUDGET = "BUDGET"
    MIN_SPEND = "MIN_SPEND"
    MIN_SALES = "MIN_SALES"
    MAX_SALES = "MAX_SALES"
    MIN_STAFF_HOURS = "MIN_STAFF_HOURS"
    MAX_STAFF_HOURS = "MAX_STAFF_HOURS"
    MIN_VALUE = "MIN_VALUE"
    MAX_CONTACTS_PER_CUSTOMER = "MAX_CONTACTS_PER_CUSTOMER"

    @property
    def is_minimum(self) -> bool:
        """True when the rule asks for at least its bound."""
        return self.value.startswith("MIN_")

    @property
    def is_per_customer(self) -> bool:
        """True when the rule holds for each customer apart and not for the whole plan."""
        return self is RuleKind.MAX_CONTACTS_PER_CUSTOMER


@dataclass(frozen=True)
class Activities:
    """The things that can be sent: one row is an offer on a channel on a day.

    All fields have length a. `day` is a whole day number, `cost` is money per contact and `cost_per_sale` money per
    expected sale (a gift), both counted by budgets, `staff_hours` hours per contact, `tier` a strict priority (0 is served first), `weight` multiplies the value of every pair of the activity.
    """

    name: Sequence[str]
    day: Ints
    channel: Sequence[str]
    products: Sequence[frozenset[str]]
    campaign: Sequence[str] | None = None
    offer: Sequence[str] | None = None
    cost: Floats | None = None
    staff_hours: Floats | None = None
    tier: Ints | None = None
    weight: Floats | None = None
    cost_per_sale: Floats | None = None

    def __len__(self) -> int:
        return len(self.name)


@dataclass(frozen=True)
class Pairs:
    """Who may get what: row p allows activity `activity[p]` for customer `customer[p]` (both count from 0).

    `value` is the expected profit of the contact, `response` the expected number of sales (0 when not given).
    """

    customer: npt.NDArray[np.integer]
    activity: npt.NDArray[np.integer]
    value: Floats
    response: Floats | None = None

    def __len__(self) -> int:
        return len(self.customer)


@dataclass(frozen=True)
class LinearRule:
    """One line of the rule table: a bound on the activities whose day, channel, product and campaign match.

    A filter left out (None) means ALL; days are inclusive; products match when one is shared. `soft_price` is the
    price of one unit of violation and makes the rule soft. `used` (n customers, only for per-customer rules) is
    what each customer already had, so that `bound - used[i]` is left for customer i.
    """

    kind: RuleKind | str
    bound: float
    first_day: int | None = None
    last_day: int | None = None
    channels: Iterable[str] | None = None
    products: Iterable[str] | None = None
    campaigns: Iterable[str] | None = None
    soft_price: float | None = None
    name: str = ""
    used: npt.NDArray[np.integer] | None = None
    offers: Iterable[str] | None = None


@dataclass(frozen=True)
class Conflict:
    """Activities a and b of one customer exclude each other when `0 <= day(b) - day(a) < lag_days`, a other than b.

    A filter left out (None) means ALL; `lag_days=None` means never together, whatever the days.
    """

    channels_a: Iterable[str] | None = None
    products_a: Iterable[str] | None = None
    channels_b: Iterable[str] | None = None
    products_b: Iterable[str] | None = None
    lag_days: int | None = None
    campaigns_a: Iterable[str] | None = None
    campaigns_b: Iterable[str] | None = None
    offers_a: Iterable[str] | None = None
    offers_b: Iterable[str] | None = None
    name: str = ""


@dataclass(frozen=True)
class Problem:
    """The whole question: n customers, activities, allowed pairs, rules and conflicts.

    `one_channel_per_campaign` keeps every customer on one channel in each campaign; `exclusive_offers` lists groups
    of offers of which a customer gets at most one offer; `customer_id` (n distinct values) decides ties only.
    """

    n_customers: int
    activities: Activities
    pairs: Pairs
    rules: Sequence[LinearRule] = ()
    conflicts: Sequence[Conflict] = ()
    one_channel_per_campaign: bool = False
    exclusive_offers: Sequence[Iterable[str]] = ()
    customer_id: npt.NDArray[Any] | None = None


@dataclass(frozen=True)
class Violation:
    """A rule that the plan does not keep: `amount` in the unit of the rule (contacts, money, sales, hours)."""

    rule: str
    bound: float
    achieved: float
    amount: float


@dataclass(frozen=True)
class TierResult:
    """What one strict tier reached once all tiers before it were held at their values.

    `bound` is an upper bound of the value of this tier and those before it together, among plans that hold them.
    """

    tier: int
    value: float
    bound: float


@dataclass(frozen=True)
class Plan:
    """The chosen pairs and how good they are proven to be.

    `chosen` indexes the rows of `Pairs`, ascending. `objective` is value less the price of soft violations and
    `bound` a proven upper bound of it; `gap = (bound - objective) / |bound|`. `shadow_prices` says what one more unit
    of each rule's bound is worth. `seconds` and `cpu_seconds` leave out compilation and the greedy plan
    beside; memory is the process's peak in bytes. `greedy_violations` names what greedy breaks.
    """

    chosen: npt.NDArray[np.int64]
    objective: float
    value: float
    bound: float
    gap: float
    greedy_objective: float
    greedy_violations: dict[str, float]
    shadow_prices: dict[str, float]
    violations: dict[str, float]
    violation_list: tuple[Violation, ...]
    clashing_rules: tuple[str, ...]
    is_feasible: bool
    status: str
    seconds: float
    cpu_seconds: float
    greedy_seconds: float
    peak_memory_bytes: int
    iterations: int
    exact_customers: bool
    history: tuple[tuple[float, float, float], ...] = ()
    tiers: tuple[TierResult, ...] = field(default=())


def rule_name(rule: LinearRule, position: int) -> str:
    """Name a rule as its owner did, or by kind and position when it came without a name."""
    return rule.name or f"{RuleKind(rule.kind).value}#{position}"
