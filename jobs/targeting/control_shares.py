"""Shares of the control groups of a night: as fixed on a campaign's first night, fixed now for a campaign that has none yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from conf.campaigns import Campaign
from conf.policy import Policy
from conf.tables import table_of
from jobs.lakehouse.schema import arrow_schema
from jobs.rules.control_share import TABLE, control_share, share_in_force

if TYPE_CHECKING:
    from jobs.lakehouse.tables import Tables

Rows = list[dict[str, Any]]


def asked_share(campaign: Campaign, policy: Policy) -> float:
    """Share the campaign's file asks for, else the policy's."""
    return policy.control.share if campaign.control_share is None else campaign.control_share


def fixed_shares(lake: Tables, business_date: date) -> Rows:
    """Shares fixed on earlier nights (rows of gold.control_share)."""
    return lake.arrow(TABLE, filters=[("business_date", "<", business_date)]).to_pylist()


def standing_share(fixed: Rows, campaign: Campaign, policy: Policy, business_date: date) -> float | None:
    """Share fixed for what the campaign asks for; None when it is to be fixed tonight, as it is new or asks for another share."""
    row = share_in_force(fixed, campaign.campaign_id, business_date - timedelta(days=1))
    is_standing = row is not None and row["asked_share"] == asked_share(campaign, policy)
    return row["control_share"] if row is not None and is_standing else None


def shares_of_night(
    fixed: Rows,
    campaigns: Mapping[str, Campaign],
    policy: Policy,
    business_date: date,
    count: Callable[[list[str]], Mapping[str, int]],
) -> dict[str, float]:
    """Share of each campaign tonight; `count` gives the targeted of campaigns whose share is to be fixed, when a minimum asks."""
    standing = {name: standing_share(fixed, c, policy, business_date) for name, c in campaigns.items()}
    new = [name for name, share in standing.items() if share is None]
    minimum = policy.control.minimum
    targeted = count(new) if new and minimum else {}
    return {
        name: control_share(asked_share(campaigns[name], policy), minimum, targeted.get(name, 0))
        if share is None
        else share
        for name, share in standing.items()
    }


def raised_campaigns(fixed: Rows, shares: Mapping[str, float]) -> list[str]:
    """Campaigns whose share was smaller on an earlier night: whom they drew into no group then stays out of it."""
    return sorted({row["campaign_id"] for row in fixed if row["control_share"] < shares.get(row["campaign_id"], 0.0)})


def rows_to_fix(
    fixed: Rows, targets: pa.Table, campaigns: Mapping[str, Campaign], policy: Policy, business_date: date
) -> pa.Table:
    """Rows of gold.control_share to keep: campaigns that selected somebody tonight and whose share was fixed tonight."""
    counted = targets.group_by("campaign_id").aggregate([("control_share", "min"), ("control_share", "count")])
    rows = [
        {
            "campaign_id": found["campaign_id"],
            "control_share": found["control_share_min"],
            "asked_share": asked_share(campaigns[found["campaign_id"]], policy),
            "global_share": policy.control.global_share,
            "targeted_cnt": found["control_share_count"],
            "business_date": business_date,
        }
        for found in counted.to_pylist()
        if standing_share(fixed, campaigns[found["campaign_id"]], policy, business_date) is None
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema(table_of(TABLE)))
