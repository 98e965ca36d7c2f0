"""Share of a campaign that is held back: targeting draws with it, evaluation checks the split against it."""

from __future__ import annotations


def control_share(share: float, minimum: int, targeted: int) -> float:
    """Share that gives at least `minimum` members among `targeted`, never more than half."""
    if targeted <= 0:
        return share
    return min(0.5, max(share, minimum / targeted))
