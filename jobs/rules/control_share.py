"""Share of a campaign that is held back: targeting draws with it, evaluation checks the split against it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

TABLE = "gold.control_share"


def control_share(share: float, minimum: int, targeted: int) -> float:
    """Share that gives at least `minimum` members among `targeted`, never more than half."""
    if targeted <= 0:
        return share
    return min(0.5, max(share, minimum / targeted))


def share_in_force(
    rows: Iterable[Mapping[str, Any]], campaign_id: str, business_date: date
) -> Mapping[str, Any] | None:
    """The row of gold.control_share with which a campaign drew on a night: the newest up to it; None before its first night."""
    known = (row for row in rows if row["campaign_id"] == campaign_id and row["business_date"] <= business_date)
    return max(known, key=lambda row: row["business_date"], default=None)


def held_back_share(row: Mapping[str, Any]) -> float:
    """Share of the contactable a night holds back in all: for this campaign, and beside it for every campaign."""
    return 1 - (1 - float(row["global_share"])) * (1 - float(row["control_share"]))
