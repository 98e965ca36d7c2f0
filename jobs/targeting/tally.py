"""The identity of the decision log: for each campaign, targeted = rows of its lists + the counts of every first reason."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa

from conf.errors import ClosedLoopError


class IdentityBroken(ClosedLoopError):
    """Targeted is not exported plus excluded: the decision log lost or doubled somebody."""


def counts_by_reason(decisions: pa.Table) -> Counter[tuple[str, str]]:
    """Rows of each campaign by first reason, with EXPORTED and RECOMMENDED for those who have none."""
    pairs = zip(
        decisions["campaign_id"].to_pylist(),
        decisions["first_reason"].to_pylist(),
        decisions["verdict"].to_pylist(),
        strict=True,
    )
    return Counter((campaign_id, reason or verdict) for campaign_id, reason, verdict in pairs)


def require_tally(decisions: pa.Table, contacts: pa.Table) -> None:
    """Raise IdentityBroken unless, for each campaign, targeted = rows of the lists + first-reason counts, each target once."""
    targeted = Counter(decisions["campaign_id"].to_pylist())
    excluded: Counter[str] = Counter()
    for (campaign_id, key), count in counts_by_reason(decisions).items():
        excluded[campaign_id] += 0 if key in ("EXPORTED", "RECOMMENDED") else count
    listed = Counter(contacts["campaign_id"].to_pylist())
    for campaign_id, count in targeted.items():
        if count != listed[campaign_id] + excluded[campaign_id]:
            raise IdentityBroken(
                f"{campaign_id}: targeted {count}, listed {listed[campaign_id]} + excluded {excluded[campaign_id]}"
            )
    pairs = set(zip(decisions["campaign_id"].to_pylist(), decisions["subscription_id"].to_pylist(), strict=True))
    if len(pairs) != decisions.num_rows or set(listed) - set(targeted):
        raise IdentityBroken(f"{decisions.num_rows} decisions for {len(pairs)} targets, lists of {sorted(listed)}")
