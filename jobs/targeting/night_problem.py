"""States the night's problem for the optimiser: every rule the lists must keep, and what each contact would use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import floor

import numpy as np
import pyarrow as pa

from conf.campaigns import Campaign
from conf.channels import Channel, load_channels
from conf.policy import Policy
from jobs.targeting.positions import positions, ranks
from jobs.targeting.value import Evidence, expected_sales
from models.allocation import Activities, Conflict, LinearRule, Pairs, Problem, RuleKind


@dataclass(frozen=True)
class NightProblem:
    """The night's problem with the way back to the targets: pair p is target `target[p]` on channel `channel_of[p]`.

    `use[k]`: contacts that a row on channel k is expected to use of its capacity, staff hours and the campaign's money.
    `cost_yuan[p]`: money pair p is expected to take of its campaign's budget, gift included.
    """

    problem: Problem
    target: np.ndarray
    channel_of: np.ndarray
    channels: list[Channel]
    campaigns: list[Campaign]
    use: np.ndarray
    cost_yuan: np.ndarray

    @property
    def n_pairs(self) -> int:
        """Number of target and channel pairs that are allowed."""
        return len(self.target)


def open_matrix(open_channels: np.ndarray, channels: Sequence[Channel]) -> np.ndarray:
    """Whether each channel (column) is open to each target (row)."""
    return np.stack([(open_channels >> channel.bit) & 1 == 1 for channel in channels], axis=1)


def build_problem(
    targets: pa.Table,
    campaigns: Mapping[str, Campaign],
    values: np.ndarray,
    policy: Policy,
    contact_day: date,
    budget_left: Mapping[str, float],
    evidence: Evidence,
    sales: np.ndarray | None = None,
) -> NightProblem:
    """State the night's problem: contactable targets x open channels, capacities, budgets, staff hours, caps.

    `sales` are those of `expected_sales`, where they are known already.
    """
    channels, listed = list(load_channels().values()), list(campaigns.values())
    use = np.asarray([evidence.use(channel) for channel in channels])
    is_candidate = targets["all_reasons"].to_numpy() == 0
    allowed = open_matrix(targets["open_channels"].to_numpy(), channels) & is_candidate[:, None] & ~np.isnan(values)
    target, channel_of = np.nonzero(allowed)
    campaign_of = positions(targets["campaign_id"], [campaign.campaign_id for campaign in listed])
    n_customers, customer_of = ranks(targets["subscription_id"])
    activities = _activities(listed, channels, use, contact_day)
    activity = (campaign_of[target] * len(channels) + channel_of).astype(np.int64)
    if sales is None:
        sales = expected_sales(targets, campaigns, channels, policy, evidence)
    sales = sales[target, channel_of]
    problem = Problem(
        n_customers=n_customers,
        activities=activities,
        pairs=Pairs(customer_of[target], activity, values[target, channel_of], sales),
        rules=[*_customer_rules(targets, customer_of, policy), *_rules(listed, channels, use, policy, budget_left)],
        conflicts=_conflicts(listed),
        one_channel_per_campaign=True,
    )
    cost_yuan = np.asarray(activities.cost)[activity] + np.asarray(activities.cost_per_sale)[activity] * sales
    return NightProblem(problem, target, channel_of, channels, listed, use, cost_yuan)


def _activities(
    campaigns: Sequence[Campaign], channels: Sequence[Channel], use: np.ndarray, contact_day: date
) -> Activities:
    """Campaign c on channel k is activity c x channels + k, all on the one contact day; cost and hours are those expected."""
    both = [(campaign, channel) for campaign in campaigns for channel in channels]
    return Activities(
        name=[campaign.task_id(channel.channel_code) for campaign, channel in both],
        day=np.full(len(both), contact_day.toordinal(), dtype=np.int32),
        channel=[channel.channel_code for _, channel in both],
        products=[frozenset([campaign.product_id]) for campaign, _ in both],
        campaign=[campaign.campaign_id for campaign, _ in both],
        cost=np.asarray([channel.cost_yuan for _, channel in both]) * np.tile(use, len(campaigns)),
        staff_hours=np.asarray([channel.staff_minutes / 60.0 for _, channel in both]) * np.tile(use, len(campaigns)),
        tier=np.repeat(tiers_of(campaigns), len(channels)),
        weight=np.repeat([campaign.weight for campaign in campaigns], len(channels)),
        cost_per_sale=np.asarray([_gift_yuan(campaign, channel) for campaign, channel in both]),
    )


def _gift_yuan(campaign: Campaign, channel: Channel) -> float:
    """Cost of the gift of one sale on the channel, 0 on a channel the campaign does not use."""
    if channel.channel_code not in campaign.channel_codes:
        return 0.0
    return campaign.offer(campaign.task_of(channel.channel_code).offer_id).cost_yuan


def tiers_of(campaigns: Sequence[Campaign]) -> np.ndarray:
    """Order in which the optimiser serves campaigns: those with `binding: strict` by priority, then all others together."""
    strict = sorted({campaign.priority for campaign in campaigns if campaign.binding == "strict"})
    tiers = [strict.index(campaign.priority) if campaign.binding == "strict" else len(strict) for campaign in campaigns]
    return np.asarray(tiers, dtype=np.int32)


def _customer_rules(targets: pa.Table, customer_of: np.ndarray, policy: Policy) -> list[LinearRule]:
    """Contacts of one customer: of the day, and with those of the month so far; product and campaign follow from the conflicts."""
    used = np.zeros(int(customer_of.max(initial=-1)) + 1, dtype=np.int64)
    used[customer_of] = targets["month_contact_cnt"].to_numpy()
    caps = policy.caps
    rules = [LinearRule(RuleKind.MAX_CONTACTS_PER_CUSTOMER, caps.cap_customer_day, name="cap_customer_day")]
    if caps.cap_customer_day > 1:
        used = np.minimum(used, caps.cap_customer_month)
        rules.append(
            LinearRule(
                RuleKind.MAX_CONTACTS_PER_CUSTOMER, caps.cap_customer_month, name="cap_customer_month", used=used
            )
        )
    return rules


def rows_within(capacity: float, use: float) -> int:
    """Rows a channel may list so that the contacts expected of them fit its capacity."""
    return floor(capacity / use + 1e-9)


def _rules(
    campaigns: Sequence[Campaign],
    channels: Sequence[Channel],
    use: np.ndarray,
    policy: Policy,
    budget_left: Mapping[str, float],
) -> list[LinearRule]:
    price = policy.allocation.soft_minimum_price_yuan
    rules = []
    for channel, used in zip(channels, use, strict=True):
        code = channel.channel_code
        rows = rows_within(channel.capacity_per_day, float(used))
        rules.append(LinearRule(RuleKind.MAX_CONTACTS, rows, channels=[code], name=f"capacity_{code}"))
        if channel.minimum_per_day:
            rules.append(
                LinearRule(
                    RuleKind.MIN_CONTACTS,
                    channel.minimum_per_day,
                    channels=[code],
                    soft_price=price,
                    name=f"minimum_{code}",
                )
            )
    for code, hours in policy.staff.staff_hours_per_day.items():
        rules.append(LinearRule(RuleKind.MAX_STAFF_HOURS, hours, channels=[code], name=f"staff_hours_{code}"))
    for campaign in campaigns:
        left = budget_left[campaign.campaign_id]
        only = [campaign.campaign_id]
        rules.append(LinearRule(RuleKind.BUDGET, left, campaigns=only, name=f"budget_{campaign.campaign_id}"))
        if campaign.minimum_per_night:
            name = f"minimum_{campaign.campaign_id}"
            rules.append(
                LinearRule(
                    RuleKind.MIN_CONTACTS, campaign.minimum_per_night, campaigns=only, soft_price=price, name=name
                )
            )
        rules += _sales_rules(campaign, price)
    return rules


def _sales_rules(campaign: Campaign, price: float) -> list[LinearRule]:
    """Sales expected of one night: the least is wished at the price of a minimum, the most is kept."""
    only, sales = [campaign.campaign_id], campaign.sales_per_night
    rules = []
    if sales.minimum:
        name = f"minimum_sales_{campaign.campaign_id}"
        rules.append(LinearRule(RuleKind.MIN_SALES, sales.minimum, campaigns=only, soft_price=price, name=name))
    if sales.maximum is not None:
        rules.append(
            LinearRule(RuleKind.MAX_SALES, sales.maximum, campaigns=only, name=f"maximum_sales_{campaign.campaign_id}")
        )
    return rules


def _conflicts(campaigns: Sequence[Campaign]) -> list[Conflict]:
    """What no customer gets together in one night: two campaigns of one product, and those that name each other in `conflicts`.

    That one product is one campaign is what RECENT_CAMPAIGN says for later nights; a named conflict's lag over nights is
    CAMPAIGN_EXCLUSION's.
    """
    return [
        Conflict(
            campaigns_a=[one.campaign_id],
            campaigns_b=[other.campaign_id],
            name=f"{one.campaign_id}-{other.campaign_id}",
        )
        for place, one in enumerate(campaigns)
        for other in campaigns[place + 1 :]
        if one.product_id == other.product_id or one.conflicts_with(other) or other.conflicts_with(one)
    ]


def budget_left(campaign: Campaign, spent_yuan: float) -> float:
    """What the campaign may spend tonight: the rest of its total, at most its budget of one night."""
    return max(0.0, min(campaign.budget.per_night_yuan, campaign.budget.total_yuan - spent_yuan))
