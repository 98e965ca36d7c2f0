"""Contact policy: caps, stop rules, control group, sending window (conf/policy.yaml)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from conf.channels import ChannelClass, load_channels
from conf.reading import ROOT, Strict, load, remembered, require_known
from conf.tables import table_of

POLICY_FILE = ROOT / "conf" / "policy.yaml"

Goal = Literal["ACQUIRE", "ACTIVATE", "RETAIN", "GROW"]


class Caps(Strict):
    """How many contacts one subscription may get in a calendar month: 3-2-2-5 by default."""

    cap_product_month: int = Field(ge=0)
    cap_campaign_month: int = Field(ge=0)
    cap_campaign_channel_month: int = Field(ge=0)
    cap_customer_month: int = Field(ge=0)
    cap_customer_day: int = Field(ge=1)
    count_failed: bool


class ContactableRules(Strict):
    """What a line must be known to be before anybody is contacted on it; a goal of a campaign may name statuses of its own."""

    statuses: tuple[str, ...] = Field(min_length=1)
    statuses_by_goal: dict[Goal, tuple[str, ...]] = {}
    user_types: tuple[str, ...] = Field(min_length=1)
    msisdn_classes: tuple[str, ...] = Field(min_length=1)

    def statuses_for(self, goal: str | None) -> tuple[str, ...]:
        """Subscription statuses in which a campaign of this goal may contact (rule 2.3); no goal = those of every campaign."""
        return next((own for name, own in self.statuses_by_goal.items() if name == goal), self.statuses)


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
    """Who is held back: of a campaign's selected, of everybody, and by which salt of the stable hash."""

    share: float = Field(ge=0, le=0.5)
    """Share of those a campaign selects, when it names none of its own."""
    minimum: int = Field(ge=0)
    """People a campaign holds back at least, by a larger share of a small list."""
    global_share: float = Field(ge=0, le=0.5)
    """Share of everybody whom no campaign ever contacts."""
    salt: str = Field(min_length=8)


class SendingRules(Strict):
    """When a contact may happen, in slots of how many minutes bulk lists are sent, and the words by which a text says how to refuse."""

    window_start: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    window_end: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    slot_minutes: int = Field(ge=1, le=720)
    blackout_dates: tuple[date, ...] = ()
    opt_out_words: tuple[str, ...] = Field(min_length=1)

    @property
    def window_seconds(self) -> int:
        """Length of the sending window."""
        return 60 * (_minutes(self.window_end) - _minutes(self.window_start))

    @property
    def slots(self) -> list[tuple[str, str]]:
        """Start and end of each slot of the window, in order, as HH:MM."""
        starts = range(_minutes(self.window_start), _minutes(self.window_end), self.slot_minutes)
        return [(_clock(start), _clock(start + self.slot_minutes)) for start in starts]

    @model_validator(mode="after")
    def _window_is_whole_slots(self) -> SendingRules:
        if self.window_seconds <= 0 or self.window_seconds % (60 * self.slot_minutes):
            raise ValueError(
                f"window {self.window_start}-{self.window_end}: a whole number of slots of slot_minutes ({self.slot_minutes})"
            )
        return self


def _minutes(clock: str) -> int:
    return 60 * int(clock[:2]) + int(clock[3:])


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


class ListRules(Strict):
    """Grey-list reasons that forbid proactive contact but leave passive channels open."""

    grey_passive_only_reasons: tuple[str, ...]


class ScoreRules(Strict):
    """How old a score may be, in days, and the highest chance of a yes anybody is believed to give."""

    max_age_days: int = Field(ge=0)
    highest_chance: float = Field(gt=0, lt=1)


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
    def _names_every_class(cls, value: dict[str, Any]) -> dict[str, Any]:
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


@remembered
def load_policy() -> Policy:
    """The contact policy; every code in it is one its column may hold, every channel one of conf/channels.yaml."""
    policy = load(Policy, POLICY_FILE)
    _require_known_words(policy)
    return policy


def _require_known_words(policy: Policy) -> None:
    rules, view = policy.contactable, table_of("gold.customer_360")
    coded = {
        "contactable.statuses": (rules.statuses, "subscription_status"),
        **{
            f"contactable.statuses_by_goal.{goal}": (own, "subscription_status")
            for goal, own in rules.statuses_by_goal.items()
        },
        "contactable.user_types": (rules.user_types, "user_type"),
        "contactable.msisdn_classes": (rules.msisdn_classes, "msisdn_class"),
    }
    for key, (words, column) in coded.items():
        for word in words:
            require_known(POLICY_FILE, key, word, view.column(column).codes)
    require_known(POLICY_FILE, "stop.follow_up_channel", policy.stop.follow_up_channel, load_channels())
    for channel in policy.staff.staff_hours_per_day:
        require_known(POLICY_FILE, "staff.staff_hours_per_day", channel, load_channels())
