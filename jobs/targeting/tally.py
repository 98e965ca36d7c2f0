"""The identity of the decision log: for each campaign, targeted = rows of its lists + the counts of every first reason."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from conf.errors import ClosedLoopError


class IdentityBroken(ClosedLoopError):
    """Targeted is not exported plus excluded: the decision log lost or doubled somebody."""


def counts_by_reason(decisions: pa.Table) -> Counter[tuple[str, str]]:
    """Rows of each campaign by first reason, with EXPORTED and RECOMMENDED for those who have none."""
    key = pc.coalesce(decisions["first_reason"], decisions["verdict"])
    counted = pa.table({"campaign_id": decisions["campaign_id"], "key": key}).group_by(["campaign_id", "key"])
    rows = counted.aggregate([([], "count_all")]).to_pylist()
    return Counter({(row["campaign_id"], row["key"]): row["count_all"] for row in rows})


def require_tally(decisions: pa.Table, contacts: pa.Table) -> None:
    """Raise IdentityBroken unless, for each campaign, targeted = rows of the lists + first-reason counts, each target once."""
    targeted, excluded = Counter[str](), Counter[str]()
    for (campaign_id, key), count in counts_by_reason(decisions).items():
        targeted[campaign_id] += count
        excluded[campaign_id] += 0 if key in ("EXPORTED", "RECOMMENDED") else count
    listed = Counter({each["values"]: each["counts"] for each in contacts["campaign_id"].value_counts().to_pylist()})
    for campaign_id, count in targeted.items():
        if count != listed[campaign_id] + excluded[campaign_id]:
            raise IdentityBroken(
                f"{campaign_id}: targeted {count}, listed {listed[campaign_id]} + excluded {excluded[campaign_id]}"
            )
    pairs = decisions.group_by(["campaign_id", "subscription_id"]).aggregate([]).num_rows
    if pairs != decisions.num_rows or set(listed) - set(targeted):
        raise IdentityBroken(f"{decisions.num_rows} decisions for {pairs} targets, lists of {sorted(listed)}")
