"""The nine channels: class, capacity, cost and export layout (conf/channels.yaml)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from conf.reading import ROOT, Strict, load, remembered
from conf.view import require_abilities

CHANNELS_FILE = ROOT / "conf" / "channels.yaml"

ChannelClass = Literal["BROADCAST", "ACTIVE", "PASSIVE"]


class Reach(Strict):
    """Belief about a channel before its results tell: share of contacts that arrive, and the contacts this belief is worth."""

    share: float = Field(gt=0, le=1)
    weight_contacts: float = Field(gt=0)

    def after(self, resulted: float, reached: float) -> float:
        """Chance that a contact arrives once `reached` of `resulted` contacts did."""
        return (reached + self.weight_contacts * self.share) / (resulted + self.weight_contacts)


class Channel(Strict):
    """One channel: how it meets the customer, what a contact made costs (yuan, staff minutes) and how many a day it can make.

    `bit` is its place in the channel_verdicts bit set; `minimum_per_day` is a soft wish to the optimiser, in rows listed;
    texts of an `is_text` channel reach the customer unasked and must say how to refuse (MIIT order 31 of 2015).
    """

    channel_code: str = Field(pattern=r"^[A-Z][A-Z0-9_]{0,23}$")
    """The channel's code, in lists, results and campaigns."""
    bit: int = Field(ge=0, le=62)
    name: str
    """Name in the operator's language."""
    title: str
    """Name in English, for reports."""
    channel_class: ChannelClass
    """BROADCAST and ACTIVE go to the customer, PASSIVE waits for the customer to come."""
    cost_yuan: float = Field(ge=0)
    """Cost of one contact made."""
    staff_minutes: float = Field(ge=0)
    """Minutes of people for one contact made."""
    capacity_per_day: int = Field(ge=0)
    """Contacts the channel can make in a day."""
    minimum_per_day: int = Field(ge=0)
    response_multiplier: float = Field(gt=0)
    """Turns the calibrated 30-day propensity into the chance of a yes on this channel."""
    reach: Reach
    """Belief about how many contacts arrive, before results tell."""
    requires: tuple[str, ...] = ()
    """What the customer's device must be able to do."""
    needs_account_manager: bool = False
    """Only customers who have an account manager."""
    is_protected_channel: bool = False
    """Red-list customers may be met here."""
    is_text: bool = False
    export_layout: str
    """Layout of its lists, a file of conf/exports."""

    @property
    def is_passive(self) -> bool:
        """Whether the channel waits for the customer and only shows a recommendation."""
        return self.channel_class == "PASSIVE"

    @property
    def is_bulk(self) -> bool:
        """Whether the channel sends by the million, so that a list needs a time for each row."""
        return self.channel_class == "BROADCAST"

    def use_of_row(self, reach: float) -> float:
        """Contacts a listed row uses of capacity, staff and money: of a passive channel only those who come."""
        return reach if self.is_passive else 1.0


class Channels(Strict):
    """All channels."""

    channels: tuple[Channel, ...]

    @model_validator(mode="after")
    def _codes_and_bits_are_distinct(self) -> Channels:
        for field in ("channel_code", "bit"):
            values = [getattr(channel, field) for channel in self.channels]
            if len(set(values)) != len(values):
                raise ValueError(f"every {field} once, found {values}")
        for channel in self.channels:
            if channel.minimum_per_day > channel.capacity_per_day:
                raise ValueError(f"{channel.channel_code}: minimum_per_day at most capacity_per_day")
        return self


@remembered
def load_channels() -> dict[str, Channel]:
    """All channels by channel_code, in the order of their bits."""
    channels = sorted(load(Channels, CHANNELS_FILE).channels, key=lambda channel: channel.bit)
    for channel in channels:
        require_abilities(CHANNELS_FILE, f"{channel.channel_code}.requires", channel.requires)
    return {channel.channel_code: channel for channel in channels}
