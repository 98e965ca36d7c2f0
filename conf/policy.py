"""Contact policy: caps, stop rules, control group, sending window (conf/policy.yaml)."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Annotated, get_args

from pydantic import Field, field_validator

from conf.channels import ChannelClass
from conf.reading import ROOT, Strict, load

POLICY_FILE = ROOT / "conf" / "policy.yaml"


class Caps(Strict):
    """How many contacts one subscription may get in a calendar month: 3-2-2-5 by default."""

    cap_product_month: int = Field(ge=0)
    cap_campaign_month: int = Field(ge=0)
    cap_campaign_channel_month: int = Field(ge=0)
    cap_customer_month: int = Field(ge=0)
    cap_customer_day: int = Field(ge=1)
    count_failed: bool


class ContactableRules(Strict):
    """What a line must be known to be before anybody is contacted on it."""

    user_types: tuple[str, ...] = Field(min_length=1)
    msisdn_classes: tuple[str, ...] = Field(min_length=1)


class StopRules(Strict):
    """What an accept, a refusal and a CONSIDER close, and for how long (days, months)."""

    accept_days: int = Field(ge=0)
    refuse_months: int = Field(ge=0)
    consider_days: int = Field(ge=0)
    follow_up_from_days: int = Field(ge=0)
    follow_up_to_days: int = Field(ge=0)
    follow_up_channel: str


class SuppressRules(Strict):
    """Days between campaigns for one product."""

    recent_days: int = Field(ge=0)


class ControlRules(Strict):
    """Share of everybody who is never contacted, and the salt of the stable hash."""

    global_share: float = Field(ge=0, le=0.5)
    salt: str = Field(min_length=8)


class SendingRules(Strict):
    """When a contact may happen, and the words by which a text says how to refuse."""

    window_start: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    window_end: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    blackout_dates: tuple[date, ...] = ()
    opt_out_words: tuple[str, ...] = Field(min_length=1)


class ListRules(Strict):
    """Grey-list reasons that forbid proactive contact but leave passive channels open."""

    grey_passive_only_reasons: tuple[str, ...]


class ScoreRules(Strict):
    """How old a score may be, in days."""

    max_age_days: int = Field(ge=0)


class PreferenceRules(Strict):
    """How a customer's channel preference (0..1) scales the value of a contact."""

    floor: float = Field(ge=0)
    neutral: float = Field(ge=0, le=1)


class AllocationRules(Strict):
    """Price in yuan of one row short of a channel's wished minimum."""

    soft_minimum_price_yuan: float = Field(ge=0)


class StaffRules(Strict):
    """Staff hours a day by channel; a channel not named has no staff limit."""

    staff_hours_per_day: dict[str, float]


class ContactRules(Strict):
    """By class: nights in which a late result may still come, and attempts that may fail in a wave (null: no limit)."""

    late_result_nights: dict[ChannelClass, Annotated[int, Field(ge=0)]]
    attempts: dict[ChannelClass, Annotated[int, Field(ge=1)] | None]

    @field_validator("late_result_nights", "attempts")
    @classmethod
    def _names_every_class(cls, value: dict) -> dict:
        missing = set(get_args(ChannelClass)) - set(value)
        if missing:
            raise ValueError(f"a number for every class, found none for {', '.join(sorted(missing))}")
        return value


class Policy(Strict):
    """The whole contact policy of one version."""

    version: str
    caps: Caps
    contactable: ContactableRules
    stop: StopRules
    suppress: SuppressRules
    control: ControlRules
    sending: SendingRules
    lists: ListRules
    score: ScoreRules
    preference: PreferenceRules
    allocation: AllocationRules
    staff: StaffRules
    contacts: ContactRules


@cache
def load_policy() -> Policy:
    """The contact policy."""
    return load(Policy, POLICY_FILE)
