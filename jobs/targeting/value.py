"""What a contact is worth: chance that it arrives x chance of a yes x (margin - gift) - expected cost, learnt where there are answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from conf.campaigns import Campaign
from conf.channels import Channel, load_channels
from conf.policy import Policy
from conf.responses import load_response_rules
from jobs.targeting.positions import positions

if TYPE_CHECKING:
    from jobs.lakehouse.lake import Lake

AFFINITY = "gold.product_channel_affinity"
Counts = tuple[float, float]
NONE_YET: Counts = (0.0, 0.0)


@dataclass(frozen=True)
class Evidence:
    """What contacts so far have shown; without any, the beliefs of conf/channels.yaml and the campaigns hold.

    results: by channel, contacts whose outcome is known and those of them that arrived; answers: by product and channel,
    contacts with a final answer and those of them that said yes (campaigns that keep a product are not in them).
    """

    results: Mapping[str, Counts] = field(default_factory=dict)
    answers: Mapping[tuple[str, str], Counts] = field(default_factory=dict)

    def reach(self, channel: Channel) -> float:
        """Chance that a contact on the channel arrives."""
        return channel.reach.after(*self.results.get(channel.channel_code, NONE_YET))

    def use(self, channel: Channel) -> float:
        """Contacts that one row of the channel is expected to use of capacity, staff hours and budget."""
        return channel.use_of_row(self.reach(channel))

    def correction(self, product_id: str, channel: Channel, believed: float) -> float:
        """Factor from the believed mean chance of a yes to the one answers show; 1 without answers, more telling with each.

        The belief weighs as many contacts as `affinity.prior_contacts` of conf/responses.yaml.
        """
        contacted, accepted = self.answers.get((product_id, channel.channel_code), NONE_YET)
        weight = load_response_rules().affinity.prior_contacts
        return (accepted + weight * believed) / ((contacted + weight) * believed) if believed > 0 else 1.0


def evidence_of(rows: Iterable[Mapping[str, Any]]) -> Evidence:
    """Turn rows of gold.product_channel_affinity of one night into evidence; reach is the channel's, whatever the product."""
    results: dict[str, Counts] = {}
    answers: dict[tuple[str, str], Counts] = {}
    for row in rows:
        resulted, reached = results.get(row["channel_code"], NONE_YET)
        results[row["channel_code"]] = (resulted + (row["resulted_cnt"] or 0), reached + (row["reached_cnt"] or 0))
        answers[row["product_id"], row["channel_code"]] = (row["contacted_cnt"], row["accepted_cnt"])
    return Evidence(results, answers)


def read_evidence(lake: Lake, business_date: date) -> Evidence:
    """Evidence as known on the night, and note the chance that a contact arrives on each channel."""
    columns = ["product_id", "channel_code", "resulted_cnt", "reached_cnt", "contacted_cnt", "accepted_cnt"]
    rows = lake.arrow(AFFINITY, filters=[("snapshot_date", "=", business_date)], columns=columns)
    evidence = evidence_of(rows.to_pylist())
    for code, channel in load_channels().items():
        lake.metric("allocate", "", f"reach.{code}", evidence.reach(channel))
    return evidence


def expected_values(
    targets: pa.Table,
    campaigns: Mapping[str, Campaign],
    channels: Sequence[Channel],
    policy: Policy,
    evidence: Evidence,
    sales: np.ndarray | None = None,
) -> np.ndarray:
    """Value in yuan of each target (row) on each channel (column); channels the campaign does not use get NaN.

    Expected sales x (margin - gift) - cost of the contacts expected (of a passive channel only those who come).
    `sales` are those of `expected_sales`, where they are known already.
    """
    values = expected_sales(targets, campaigns, channels, policy, evidence) if sales is None else sales.copy()
    for campaign, rows in _rows_by_campaign(targets, campaigns):
        for position, channel in enumerate(channels):
            if channel.channel_code not in campaign.channel_codes:
                continue
            offer = campaign.offer(campaign.task_of(channel.channel_code).offer_id)
            gain = values[rows, position] * (offer.margin_yuan - offer.cost_yuan)
            values[rows, position] = gain - evidence.use(channel) * channel.cost_yuan
    return values


def expected_sales(
    targets: pa.Table,
    campaigns: Mapping[str, Campaign],
    channels: Sequence[Channel],
    policy: Policy,
    evidence: Evidence,
) -> np.ndarray:
    """Sales expected of each target (row) on each channel (column): reach x chance of a yes; NaN on channels not used."""
    numbers = ["score", "is_model_selected", *(f"preference_{channel.channel_code}" for channel in channels)]
    sales = np.full((targets.num_rows, len(channels)), np.nan)
    for campaign, rows in _rows_by_campaign(targets, campaigns):
        own = targets.select(numbers).take(pa.array(rows))
        for position, channel in enumerate(channels):
            if channel.channel_code not in campaign.channel_codes or not len(rows):
                continue
            sales[rows, position] = evidence.reach(channel) * chances(own, campaign, channel, policy, evidence)
    return sales


def _rows_by_campaign(targets: pa.Table, campaigns: Mapping[str, Campaign]) -> Iterator[tuple[Campaign, np.ndarray]]:
    """Each campaign with the rows of its targets."""
    campaign_of = positions(targets["campaign_id"], list(campaigns))
    for place, campaign in enumerate(campaigns.values()):
        yield campaign, np.flatnonzero(campaign_of == place)


def chances(own: pa.Table, campaign: Campaign, channel: Channel, policy: Policy, evidence: Evidence) -> np.ndarray:
    """Chance that each target of one campaign says yes (and would not have without it) once it arrived, at most score.highest_chance.

    Base: the calibrated score, or the campaign's base rate, x the channel's multiplier x the customer's preference. What
    answers have shown corrects it. A score of leaving becomes P(leaves) x the share the offer keeps, which no answer tells.
    """
    highest = policy.score.highest_chance
    score, multiplier = own["score"].to_numpy(), channel.response_multiplier
    liking = _liking(own, channel, policy)
    believed = score * multiplier * liking
    if campaign.keeps_product:
        is_leaving = own["is_model_selected"].to_numpy(zero_copy_only=False).astype(bool)
        kept = np.minimum(highest, _kept_share(campaign, channel) * liking)
        return np.where(is_leaving, score * kept, np.minimum(highest, believed))
    shown = evidence.correction(campaign.product_id, channel, float(believed.mean()))
    return np.minimum(highest, believed * shown)


def _kept_share(campaign: Campaign, channel: Channel) -> float:
    """Share of those about to leave whom the offer keeps on the channel: measured on one, carried over by the multipliers."""
    rule = campaign.value
    if rule.kept_share is None or rule.kept_share_channel is None:
        return 1.0
    return rule.kept_share * channel.response_multiplier / load_channels()[rule.kept_share_channel].response_multiplier


def _liking(own: pa.Table, channel: Channel, policy: Policy) -> np.ndarray:
    """How much better or worse than usual the customer answers on the channel; 1 where nothing is known and neutral is 0.5."""
    preference = own[f"preference_{channel.channel_code}"].to_numpy(zero_copy_only=False).astype(float)
    preference = np.where(np.isnan(preference), policy.preference.neutral, preference)
    return policy.preference.floor + np.clip(preference, 0.0, 1.0)
