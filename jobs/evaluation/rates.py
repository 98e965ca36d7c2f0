"""Rates of a campaign: the funnel and its two success rates, and the words for a cell that cannot be judged yet."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

NOT_YET_MATURE = "not yet mature"
MATURE = "mature"
FUNNEL_STEPS = ("targeted", "contactable", "chosen", "contacted", "accepted", "effective")


def ratio(part: float | None, whole: float | None) -> float | None:
    """Share of a whole, 0..1; null when either is unknown or the whole is empty (an empty group has no rate)."""
    if part is None or not whole:
        return None
    return part / whole


def product(*factors: float | None) -> float | None:
    """Product of rates; null as soon as one is unknown."""
    result = 1.0
    for factor in factors:
        if factor is None:
            return None
        result *= factor
    return result


@dataclass(frozen=True)
class Funnel:
    """Customers left at each step: target group, contactable, chosen by the plan, contacted, accepted, effective.

    A step that cannot be judged yet is None. `use_known` are the accepted whose month of use has passed, all of them when
    not given. Raises ValueError when a later step holds more than an earlier one.
    """

    targeted: int
    contacted: int
    contactable: int | None = None
    chosen: int | None = None
    accepted: int | None = None
    effective: int | None = None
    use_known: int | None = None

    def __post_init__(self) -> None:
        known = [(step, getattr(self, step)) for step in FUNNEL_STEPS if getattr(self, step) is not None]
        for (wide, more), (narrow, fewer) in itertools.pairwise(known):
            if fewer > more:
                raise ValueError(f"funnel: {narrow} {fewer} is more than {wide} {more}; a step can only lose customers")

    @property
    def contactable_rate(self) -> float | None:
        """Contactable of targeted."""
        return ratio(self.contactable, self.targeted)

    @property
    def contact_rate(self) -> float | None:
        """Really marketed to, of targeted."""
        return ratio(self.contacted, self.targeted)

    @property
    def success_rate_target(self) -> float | None:
        """Rate 1: accepted of targeted."""
        return ratio(self.accepted, self.targeted)

    @property
    def success_rate_contacted(self) -> float | None:
        """Rate 2: accepted of contacted."""
        return ratio(self.accepted, self.contacted)

    @property
    def effective_rate(self) -> float | None:
        """Effective of the accepted whose month of use has passed."""
        return ratio(self.effective, self.accepted if self.use_known is None else self.use_known)

    @property
    def overall_rate(self) -> float | None:
        """Total success rate: the product of the steps, which is effective of targeted."""
        return product(self.contact_rate, self.success_rate_contacted, self.effective_rate)


def has_mature(members: int, still_open: int) -> bool:
    """Whether a group can be judged: the window of some member has passed, or nobody's is open."""
    return not still_open or members > still_open


def funnel_of(counts: Mapping) -> tuple[Funnel, bool, bool]:
    """The funnel over the members whose window has passed, and whether acceptance and effectiveness can be judged.

    `open_cnt` members wait for the end of their window, `open_effective_cnt` accepted ones for the end of their month of
    use; they are left out of both sides of a rate. A step nobody has reached the end of is None, never a low number.
    """
    still_open = counts.get("open_cnt", 0)
    is_mature = has_mature(counts.get("listed_cnt", counts["targeted_cnt"]), still_open)
    accepted = counts["accepted_cnt"] - counts.get("open_accepted_cnt", 0)
    use_known = accepted - counts.get("open_effective_cnt", 0)
    is_effective_mature = is_mature and has_mature(accepted, accepted - use_known)
    contactable, chosen = counts.get("contactable_cnt"), counts.get("chosen_cnt")
    funnel = Funnel(
        targeted=counts["targeted_cnt"] - still_open,
        contactable=None if contactable is None else contactable - still_open,
        chosen=None if chosen is None else chosen - still_open,
        contacted=counts["contacted_cnt"] - counts.get("open_contacted_cnt", 0),
        accepted=accepted if is_mature else None,
        effective=counts.get("effective_cnt") if is_effective_mature else None,
        use_known=use_known,
    )
    return funnel, is_mature, is_effective_mature


def maturity_text(is_mature: bool, still_open: int = 0) -> str:
    """What a reader sees beside a value: mature, over how many it does not speak yet, or why there is none."""
    if not is_mature:
        return NOT_YET_MATURE
    return f"{MATURE}, {still_open} still open" if still_open else MATURE


def percent(rate: float | None, digits: int = 2) -> str:
    """A rate as people read it, 0.564 -> 56.40%; without a value the words for it."""
    return NOT_YET_MATURE if rate is None else f"{100 * rate:.{digits}f}%"
