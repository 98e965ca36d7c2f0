"""Why somebody is not contacted: every reason, its bit in campaign_decision.all_reasons, and the order in which the first one counts."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import reduce
from operator import or_


class Reason(Enum):
    """A reason with its bit, which never changes, and its step in the order of suppression (domain rules, end of section 5).

    Members stand in the order in which the first reason is reported; new ones take the next free bit.
    """

    NOT_LIVE = (0, 1)
    TEST_NUMBER = (1, 1)
    INVALID_MSISDN = (2, 1)
    LIST_BLACK = (3, 2)
    DND_SYSTEM = (4, 3)
    COMPLAINT_A = (5, 3)
    COMPLAINT_B = (6, 3)
    LIST_RED = (7, 4)
    LIST_GREY = (8, 4)
    DND_CHANNEL = (9, 5)
    DND_PRODUCT = (10, 5)
    SENSITIVE_CHANNEL = (11, 5)
    COMPLAINT_C = (12, 5)
    COMPLAINT_D = (13, 5)
    ALREADY_OWNS = (14, 6)
    RESP_ACCEPTED = (15, 7)
    RESP_REFUSED = (16, 7)
    RECENT_CAMPAIGN = (17, 8)
    CAMPAIGN_EXCLUSION = (18, 8)  # set operations the campaign itself asks for
    WAVE_NOT_DUE = (19, 8)  # the last contact of this campaign may still be answered
    WAVES_FINISHED = (20, 8)
    DEVICE_INCAPABLE = (21, 9)
    NO_ACCOUNT_MANAGER = (22, 9)
    CONTROL_GROUP = (23, 10)
    CAP_CUSTOMER = (24, 11)
    CAP_PRODUCT = (25, 11)
    CAP_CAMPAIGN = (26, 11)
    CAP_CAMPAIGN_CHANNEL = (27, 11)
    BLACKOUT_DATE = (32, 12)  # proactive channels can do nothing on the contact day
    NOT_CHOSEN_CONFLICT = (28, 12)  # another campaign took the customer's contact of the day
    NOT_CHOSEN_VALUE = (29, 12)  # no open channel is worth its cost
    NOT_CHOSEN_BUDGET = (30, 12)
    NOT_CHOSEN_CAPACITY = (31, 12)  # CHANNEL_CAPACITY of the domain rules

    @property
    def bit(self) -> int:
        """Place in the bit set, from 0."""
        return self.value[0]

    @property
    def mask(self) -> int:
        """The bit set of this reason alone."""
        return 1 << self.bit

    @property
    def step(self) -> int:
        """Step of the order of suppression, 1 to 12."""
        return self.value[1]


# What gold.suppression may hold; any other text there closes as DND does for its scope.
SUPPRESSION_REASONS = (
    Reason.LIST_BLACK, Reason.DND_SYSTEM, Reason.COMPLAINT_A, Reason.COMPLAINT_B, Reason.LIST_RED, Reason.LIST_GREY,
    Reason.DND_CHANNEL, Reason.DND_PRODUCT, Reason.SENSITIVE_CHANNEL, Reason.COMPLAINT_C, Reason.COMPLAINT_D,
)  # fmt: skip

# Nothing stood in the way but the plan itself: contactable, and a level of the funnel of their own. NOT_CHOSEN_CAPACITY is not
# among them: a channel that is full suppresses (domain rules, CHANNEL_CAPACITY).
LEFT_OUT_BY_PLAN = (Reason.NOT_CHOSEN_CONFLICT, Reason.NOT_CHOSEN_VALUE, Reason.NOT_CHOSEN_BUDGET)
SUPPRESSING = tuple(reason for reason in Reason if reason not in LEFT_OUT_BY_PLAN)
# Beside these a customer was due all the same: only the draw or the allocation kept the campaign from him. Both arms of a
# lift take their members by this one set, so that they enter on the same nights.
DUE_ALL_THE_SAME = (Reason.CONTROL_GROUP, *LEFT_OUT_BY_PLAN, Reason.NOT_CHOSEN_CAPACITY)


def mask_of(reasons: Iterable[Reason]) -> int:
    """The bit set of these reasons."""
    return reduce(or_, (reason.mask for reason in reasons), 0)


def reasons_of(bits: int) -> list[Reason]:
    """The reasons of a bit set in the order in which the first one counts."""
    return [reason for reason in Reason if bits & reason.mask]


def first_reason(bits: int) -> Reason | None:
    """The reason that is reported, or None for an empty set."""
    return next(iter(reasons_of(bits)), None)
