"""All campaigns of the night together: who gets which campaign on which channel, with a proven bound; the rest get their reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from conf.campaigns import Campaign
from conf.channels import Channel, load_channels
from conf.policy import Policy
from conf.settings import AllocationSettings
from jobs.targeting.reasons import Reason
from models.allocation import Activities, Conflict, Pairs, Plan, Problem, Rule, RuleKind, solve

HIGHEST_CHANCE = 0.95
NOT_CHOSEN = -1


@dataclass(frozen=True)
class Question:
    """The night's problem with the way back to the targets: pair p is target `target[p]` on channel `channel_of[p]`."""

    problem: Problem
    target: np.ndarray
    channel_of: np.ndarray
    channels: list[Channel]
    campaigns: list[Campaign]

    @property
    def n_pairs(self) -> int:
        """Number of target and channel pairs that are allowed."""
        return len(self.target)


@dataclass(frozen=True)
class Allocation:
    """For every target: channel index chosen (or NOT_CHOSEN), value in yuan, and why it was not chosen (0 = no reason)."""

    channels: list[Channel]
    chosen_channel: np.ndarray
    value_yuan: np.ndarray
    reasons: np.ndarray
    plan: Plan | None


def expected_values(
    targets: pa.Table, campaigns: Mapping[str, Campaign], channels: Sequence[Channel], policy: Policy
) -> np.ndarray:
    """Value in yuan of each target on each channel: chance of an accept x (margin - gift) - cost of the contact.

    The chance is the calibrated score x the channel's multiplier x the customer's preference, at most 0.95; channels
    the campaign does not use get NaN.
    """
    score = targets["score"].to_numpy()
    campaign_of = np.asarray(targets["campaign_id"].to_pylist(), dtype=object)
    values = np.full((targets.num_rows, len(channels)), np.nan)
    for position, channel in enumerate(channels):
        preference = targets[f"preference_{channel.channel_code}"].to_numpy(zero_copy_only=False).astype(float)
        preference = np.where(np.isnan(preference), policy.preference.neutral, preference)
        liking = policy.preference.floor + np.clip(preference, 0.0, 1.0)
        chance = np.minimum(HIGHEST_CHANCE, score * channel.response_multiplier * liking)
        for campaign in campaigns.values():
            if channel.channel_code not in campaign.channel_codes:
                continue
            rows = campaign_of == campaign.campaign_id
            offer = campaign.offer(campaign.task_of(channel.channel_code).offer_id)
            values[rows, position] = chance[rows] * (offer.margin_yuan - offer.cost_yuan) - channel.cost_yuan
    return values


def open_matrix(open_channels: np.ndarray, channels: Sequence[Channel]) -> np.ndarray:
    """Whether each channel (column) is open to each target (row)."""
    return np.stack([(open_channels >> channel.bit) & 1 == 1 for channel in channels], axis=1)


def build_question(
    targets: pa.Table, campaigns: Mapping[str, Campaign], values: np.ndarray, policy: Policy, contact_day: date,
    budget_left: Mapping[str, float],
) -> Question:  # fmt: skip
    """State the night's problem: contactable targets x open channels, capacities, budgets, staff hours, caps."""
    channels, listed = list(load_channels().values()), list(campaigns.values())
    is_candidate = targets["all_reasons"].to_numpy() == 0
    allowed = open_matrix(targets["open_channels"].to_numpy(), channels) & is_candidate[:, None] & ~np.isnan(values)
    target, channel_of = np.nonzero(allowed)
    positions = {campaign.campaign_id: place for place, campaign in enumerate(listed)}
    campaign_of = np.asarray([positions[name] for name in targets["campaign_id"].to_pylist()], dtype=np.int64)
    customers, customer_of = np.unique(
        np.asarray(targets["subscription_id"].to_pylist(), dtype=object), return_inverse=True
    )
    problem = Problem(
        n_customers=len(customers),
        activities=_activities(listed, channels, contact_day),
        pairs=Pairs(
            customer=customer_of[target].astype(np.int64),
            activity=(campaign_of[target] * len(channels) + channel_of).astype(np.int64),
            value=values[target, channel_of],
        ),
        rules=[*_customer_rules(targets, customer_of, policy), *_rules(listed, channels, policy, budget_left)],
        conflicts=_conflicts(listed),
        one_channel_per_campaign=True,
    )
    return Question(problem, target, channel_of, channels, listed)


def _activities(campaigns: Sequence[Campaign], channels: Sequence[Channel], contact_day: date) -> Activities:
    """Campaign c on channel k is activity c x channels + k, all on the one contact day."""
    both = [(campaign, channel) for campaign in campaigns for channel in channels]
    return Activities(
        name=[campaign.task_id(channel.channel_code) for campaign, channel in both],
        day=np.full(len(both), contact_day.toordinal(), dtype=np.int32),
        channel=[channel.channel_code for _, channel in both],
        products=[frozenset([campaign.product_id]) for campaign, _ in both],
        campaign=[campaign.campaign_id for campaign, _ in both],
        cost=np.asarray([channel.cost_yuan for _, channel in both]),
        staff_hours=np.asarray([channel.staff_minutes / 60.0 for _, channel in both]),
    )


def _customer_rules(targets: pa.Table, customer_of: np.ndarray, policy: Policy) -> list[Rule]:
    """Contacts of one customer: of the day, and with those of the month so far; product and campaign follow from the conflicts."""
    used = np.zeros(int(customer_of.max(initial=-1)) + 1, dtype=np.int64)
    used[customer_of] = targets["month_contact_cnt"].to_numpy()
    caps = policy.caps
    rules = [Rule(RuleKind.MAX_CONTACTS_PER_CUSTOMER, caps.cap_customer_day, name="cap_customer_day")]
    if caps.cap_customer_day > 1:
        used = np.minimum(used, caps.cap_customer_month)
        rules.append(
            Rule(RuleKind.MAX_CONTACTS_PER_CUSTOMER, caps.cap_customer_month, name="cap_customer_month", used=used)
        )
    return rules


def _rules(
    campaigns: Sequence[Campaign], channels: Sequence[Channel], policy: Policy, budget_left: Mapping[str, float]
) -> list[Rule]:
    price = policy.allocation.soft_minimum_price_yuan
    rules = []
    for channel in channels:
        code = channel.channel_code
        rules.append(Rule(RuleKind.MAX_CONTACTS, channel.capacity_per_day, channels=[code], name=f"capacity_{code}"))
        if channel.minimum_per_day:
            rules.append(
                Rule(
                    RuleKind.MIN_CONTACTS,
                    channel.minimum_per_day,
                    channels=[code],
                    soft_price=price,
                    name=f"minimum_{code}",
                )
            )
    for code, hours in policy.staff.staff_hours_per_day.items():
        rules.append(Rule(RuleKind.MAX_STAFF_HOURS, hours, channels=[code], name=f"staff_hours_{code}"))
    for campaign in campaigns:
        left = budget_left[campaign.campaign_id]
        only = [campaign.campaign_id]
        rules.append(Rule(RuleKind.BUDGET, left, campaigns=only, name=f"budget_{campaign.campaign_id}"))
        if campaign.minimum_per_night:
            name = f"minimum_{campaign.campaign_id}"
            rules.append(
                Rule(RuleKind.MIN_CONTACTS, campaign.minimum_per_night, campaigns=only, soft_price=price, name=name)
            )
    return rules


def _conflicts(campaigns: Sequence[Campaign]) -> list[Conflict]:
    """One product, one campaign a night: what RECENT_CAMPAIGN says for later nights holds within the night too."""
    return [
        Conflict(
            campaigns_a=[one.campaign_id],
            campaigns_b=[other.campaign_id],
            name=f"{one.campaign_id}-{other.campaign_id}",
        )
        for place, one in enumerate(campaigns)
        for other in campaigns[place + 1 :]
        if one.product_id == other.product_id
    ]


def budget_left(campaign: Campaign, spent_yuan: float) -> float:
    """What the campaign may spend tonight: the rest of its total, at most its budget of one night."""
    return max(0.0, min(campaign.budget.per_night_yuan, campaign.budget.total_yuan - spent_yuan))


def allocate(
    targets: pa.Table, campaigns: Mapping[str, Campaign], policy: Policy, contact_day: date,
    left: Mapping[str, float], settings: AllocationSettings, threads: int = 1,
) -> Allocation:  # fmt: skip
    """Choose contacts for the contactable targets and give every other contactable target its reason."""
    channels = list(load_channels().values())
    values = expected_values(targets, campaigns, channels, policy)
    question = build_question(targets, campaigns, values, policy, contact_day, left)
    plan = None
    chosen_pairs = np.zeros(0, dtype=np.int64)
    if question.n_pairs:
        plan = solve(question.problem, settings.gap_target, settings.time_limit_seconds, threads)
        chosen_pairs = plan.chosen
    chosen = np.full(targets.num_rows, NOT_CHOSEN, dtype=np.int64)
    chosen[question.target[chosen_pairs]] = question.channel_of[chosen_pairs]
    return Allocation(
        channels,
        chosen,
        _value_of(targets, values, chosen, channels),
        _why_not(targets, question, chosen, left, policy),
        plan,
    )


def _value_of(targets: pa.Table, values: np.ndarray, chosen: np.ndarray, channels: Sequence[Channel]) -> np.ndarray:
    """Value of the chosen channel, else of the best open one; NaN without an open channel."""
    opened = open_matrix(targets["open_channels"].to_numpy(), channels) & ~np.isnan(values)
    best = np.where(opened, values, -np.inf).max(axis=1, initial=-np.inf)
    best[np.isinf(best)] = np.nan
    rows = np.flatnonzero(chosen != NOT_CHOSEN)
    best[rows] = values[rows, chosen[rows]]
    return best


def _why_not(
    targets: pa.Table, question: Question, chosen: np.ndarray, left: Mapping[str, float], policy: Policy
) -> np.ndarray:
    """Reason bit of every contactable target that was not chosen: conflict, then value, capacity, budget."""
    is_out = (targets["all_reasons"].to_numpy() == 0) & (chosen == NOT_CHOSEN)
    customers = np.asarray(targets["subscription_id"].to_pylist(), dtype=object)
    served = set(customers[chosen != NOT_CHOSEN].tolist())
    has_other = np.fromiter((name in served for name in customers), dtype=bool, count=len(customers))
    value = question.problem.pairs.value
    is_worth = np.zeros(len(chosen), dtype=bool)
    np.logical_or.at(is_worth, question.target[value > 0], True)
    has_room = _has_room(targets, question, chosen, policy)
    room_for = np.zeros(len(chosen), dtype=bool)
    np.logical_or.at(room_for, question.target[(value > 0) & has_room[question.channel_of]], True)
    is_poor = _is_out_of_budget(targets, question, chosen, left)
    reasons = np.zeros(len(chosen), dtype=np.int64)
    ladder = [
        (has_other, Reason.NOT_CHOSEN_CONFLICT), (~is_worth, Reason.NOT_CHOSEN_VALUE), (~room_for, Reason.NOT_CHOSEN_CAPACITY),
        (is_poor, Reason.NOT_CHOSEN_BUDGET), (np.ones(len(chosen), dtype=bool), Reason.NOT_CHOSEN_VALUE),
    ]  # fmt: skip
    for condition, reason in ladder:
        reasons[is_out & condition & (reasons == 0)] = reason.mask
    return reasons


def _has_room(targets: pa.Table, question: Question, chosen: np.ndarray, policy: Policy) -> np.ndarray:
    """Whether each channel could have done one more contact (capacity and staff hours)."""
    used = np.bincount(chosen[chosen != NOT_CHOSEN], minlength=len(question.channels))
    room = []
    for channel, count in zip(question.channels, used, strict=True):
        hours = policy.staff.staff_hours_per_day.get(channel.channel_code)
        fits_hours = hours is None or (count + 1) * channel.staff_minutes / 60.0 <= hours + 1e-9
        room.append(count < channel.capacity_per_day and fits_hours)
    return np.asarray(room)


def _is_out_of_budget(
    targets: pa.Table, question: Question, chosen: np.ndarray, left: Mapping[str, float]
) -> np.ndarray:
    """Whether the campaign of each target has no money left for its cheapest channel."""
    campaign_of = np.asarray(targets["campaign_id"].to_pylist(), dtype=object)
    is_poor = np.zeros(len(chosen), dtype=bool)
    for campaign in question.campaigns:
        rows = campaign_of == campaign.campaign_id
        costs = [question.channels[place].cost_yuan for place in chosen[rows & (chosen != NOT_CHOSEN)]]
        cheapest = min(load_channels()[code].cost_yuan for code in campaign.channel_codes)
        is_poor[rows] = left[campaign.campaign_id] - sum(costs) < cheapest
    return is_poor
