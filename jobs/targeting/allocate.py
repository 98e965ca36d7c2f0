"""All campaigns of the night together: who gets which campaign on which channel, with a proven bound; the rest get their reason."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from conf.campaigns import Campaign
from conf.channels import Channel, load_channels
from conf.policy import Policy
from conf.settings import AllocationSettings
from jobs.rules.exclusion_reasons import Reason, in_order
from jobs.targeting.night_problem import NightProblem, build_problem, open_matrix, rows_within
from jobs.targeting.positions import positions, ranks
from jobs.targeting.value import Evidence, expected_sales, expected_values
from models.allocation import Plan, solve

NOT_CHOSEN = -1


@dataclass(frozen=True)
class Allocation:
    """For every target: channel index chosen (or NOT_CHOSEN), value in yuan, and why it was not chosen (0 = no reason)."""

    channels: list[Channel]
    chosen_channel: np.ndarray
    value_yuan: np.ndarray
    reasons: np.ndarray
    plan: Plan | None


def allocate(
    targets: pa.Table,
    campaigns: Mapping[str, Campaign],
    policy: Policy,
    contact_day: date,
    left: Mapping[str, float],
    settings: AllocationSettings,
    evidence: Evidence,
) -> Allocation:
    """Choose contacts for the contactable targets and give every other contactable target its reason."""
    channels = list(load_channels().values())
    sales = expected_sales(targets, campaigns, channels, policy, evidence)
    values = expected_values(targets, campaigns, channels, policy, evidence, sales)
    question = build_problem(targets, campaigns, values, policy, contact_day, left, evidence, sales)
    plan = None
    chosen_pairs = np.zeros(0, dtype=np.int64)
    if question.n_pairs:
        threads = settings.threads or len(os.sched_getaffinity(0))
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
    targets: pa.Table, question: NightProblem, chosen: np.ndarray, left: Mapping[str, float], policy: Policy
) -> np.ndarray:
    """Reason bit of every contactable target that was not chosen, by the first reason of conf/exclusions.yaml that holds; else value."""
    is_out = (targets["all_reasons"].to_numpy() == 0) & (chosen == NOT_CHOSEN)
    n_customers, customer_of = ranks(targets["subscription_id"])
    is_served = np.zeros(n_customers, dtype=bool)
    is_served[customer_of[chosen != NOT_CHOSEN]] = True
    has_other = is_served[customer_of]
    value = np.asarray(question.problem.pairs.value)
    is_worth = np.zeros(len(chosen), dtype=bool)
    is_worth[question.target[value > 0]] = True
    has_room = _has_room(targets, question, chosen, policy)
    room_for = np.zeros(len(chosen), dtype=bool)
    room_for[question.target[(value > 0) & has_room[question.channel_of]]] = True
    is_poor = _is_out_of_budget(targets, question, chosen, left)
    reasons = np.zeros(len(chosen), dtype=np.int64)
    conditions = {
        Reason.NOT_CHOSEN_CONFLICT: has_other,
        Reason.NOT_CHOSEN_VALUE: ~is_worth,
        Reason.NOT_CHOSEN_CAPACITY: ~room_for,
        Reason.NOT_CHOSEN_BUDGET: is_poor,
    }
    for reason in (reason for reason in in_order() if reason in conditions):
        reasons[is_out & conditions[reason] & (reasons == 0)] = reason.mask
    reasons[is_out & (reasons == 0)] = Reason.NOT_CHOSEN_VALUE.mask
    return reasons


def _has_room(targets: pa.Table, question: NightProblem, chosen: np.ndarray, policy: Policy) -> np.ndarray:
    """Whether each channel could have listed one more row (capacity and staff hours, by the contacts expected)."""
    listed = np.bincount(chosen[chosen != NOT_CHOSEN], minlength=len(question.channels))
    room = []
    for channel, use, count in zip(question.channels, question.use, listed, strict=True):
        hours = policy.staff.staff_hours_per_day.get(channel.channel_code)
        fits_hours = hours is None or (count + 1) * use * channel.staff_minutes / 60.0 <= hours + 1e-9
        room.append(count < rows_within(channel.capacity_per_day, use) and fits_hours)
    return np.asarray(room)


def _is_out_of_budget(
    targets: pa.Table, question: NightProblem, chosen: np.ndarray, left: Mapping[str, float]
) -> np.ndarray:
    """Whether the campaign of each target has no money left for the cheapest of its open channels, gift expected included."""
    campaign_of = positions(targets["campaign_id"], [campaign.campaign_id for campaign in question.campaigns])
    cheapest = np.full(len(chosen), np.inf)
    np.minimum.at(cheapest, question.target, question.cost_yuan)
    is_chosen = chosen[question.target] == question.channel_of
    charged, charged_to = question.cost_yuan[is_chosen], campaign_of[question.target[is_chosen]]
    is_poor = np.zeros(len(chosen), dtype=bool)
    for place, campaign in enumerate(question.campaigns):
        rows = campaign_of == place
        spent = charged[charged_to == place].sum()
        is_poor[rows] = left[campaign.campaign_id] - spent < cheapest[rows]
    return is_poor
