"""Why somebody is not contacted, as the rules give it; order, bits and words of the reasons stand in conf/exclusions.yaml."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, EnumMeta
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from conf.exclusions import Exclusion, load_exclusions


class _Reasons(EnumMeta):
    if TYPE_CHECKING:

        def __getattr__(cls, name: str) -> Reason: ...


class Reason(Enum, metaclass=_Reasons):
    """A reason of conf/exclusions.yaml by its name."""

    vars().update({name: name for name in load_exclusions()})

    @property
    def rule(self) -> Exclusion:
        """What conf/exclusions.yaml says of it."""
        return load_exclusions()[self.name]

    @property
    def mask(self) -> int:
        """The bit set of this reason alone."""
        return 1 << self.rule.bit


def in_order() -> list[Reason]:
    """All reasons in the order in which the first one counts."""
    return [Reason[name] for name in load_exclusions()]


def protecting() -> list[Reason]:
    """What gold.suppression may hold; any other text there closes as DND does for its scope."""
    return [reason for reason in in_order() if reason.rule.protects]


def left_out_by_plan() -> list[Reason]:
    """Reasons of contactable customers whom the plan left out."""
    return [reason for reason in in_order() if reason.rule.left_out_by == "PLAN"]


def suppressing() -> list[Reason]:
    """Reasons of customers who are not contactable."""
    return [reason for reason in in_order() if reason.rule.left_out_by == "RULE"]


def due_all_the_same() -> list[Reason]:
    """Reasons beside which a customer was due: only the draw or the plan kept the campaign from him."""
    return [reason for reason in in_order() if reason.rule.is_due]


def up_to(last: Reason) -> list[Reason]:
    """The reasons that count before `last`, and it."""
    order = in_order()
    return order[: order.index(last) + 1]


def mask_of(reasons: Iterable[Reason]) -> int:
    """The bit set of these reasons."""
    return reduce(or_, (reason.mask for reason in reasons), 0)


def reasons_of(bits: int) -> list[Reason]:
    """The reasons of a bit set in the order in which the first one counts."""
    return [reason for reason in in_order() if bits & reason.mask]


def first_reason(bits: int) -> Reason | None:
    """The reason that is reported, or None for an empty set."""
    return next(iter(reasons_of(bits)), None)
