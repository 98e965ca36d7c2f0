"""Numbers and rows of the segments and judgements (conf/segments/*.yaml), typed and checked."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from conf.reading import ROOT, Strict, load, remembered

FOLDER = ROOT / "conf" / "segments"
Share = Field(ge=0, le=1)

PayAbility = Literal["HIGH", "MID", "LOW"]
ValueOrientation = Literal["INSENSITIVE", "ECONOMICAL", "THRIFTY"]
FashionOrientation = Literal["LEAD", "FOLLOW", "CONSERVATIVE"]
LearningAbility = Literal["HIGH", "LOW"]


class PayRule(Strict):
    """Quantiles of the mean bill within a city, and the handset class that raises the level."""

    mid_from: float = Share
    high_from: float = Share
    top_price_class: str


class ValueWeights(Strict):
    """Parts of the price-sensitivity score; they add up to 1."""

    discount_rank: float = Share
    plan_changes: float = Share
    balance_enquiries: float = Share
    promotions: float = Share

    @model_validator(mode="after")
    def _add_up(self) -> ValueWeights:
        total = self.discount_rank + self.plan_changes + self.balance_enquiries + self.promotions
        if abs(total - 1) > 1e-9:
            raise ValueError(f"weights that add up to 1, found {total}")
        return self


class FullAt(Strict):
    """Count at which a part of the score is full."""

    plan_changes: int = Field(ge=1)
    balance_enquiries: int = Field(ge=1)
    promotions: int = Field(ge=1)


class ValueRule(Strict):
    """Price-sensitivity score and its cuts."""

    economical_from: float = Share
    thrifty_from: float = Share
    weights: ValueWeights
    full_at: FullAt


class FashionRule(Strict):
    """Shares of early and late adopters."""

    lead_share: float = Share
    conservative_share: float = Share


class LearningRule(Strict):
    """Quantile of the complexity score from which ability is HIGH."""

    high_from: float = Share
    max_settings: int = Field(ge=0)


class Orientation(Strict):
    """conf/segments/orientation.yaml: the four inputs of the personality segments."""

    version: str
    pay_ability: PayRule
    value_orientation: ValueRule
    fashion_orientation: FashionRule
    learning_ability: LearningRule


class PersonalityRow(Strict):
    """A set of cells; an input left out may be anything, also unknown."""

    pay: tuple[PayAbility, ...] | None = None
    value: tuple[ValueOrientation, ...] | None = None
    fashion: tuple[FashionOrientation, ...] | None = None
    learning: tuple[LearningAbility, ...] | None = None


class PersonalitySegment(Strict):
    """One of the fourteen segments."""

    number: int = Field(ge=1, le=14)
    code: str = Field(pattern=r"^[A-Z_]+$")
    name: str
    rows: tuple[PersonalityRow, ...] = Field(min_length=1)


class Personality(Strict):
    """conf/segments/personality.yaml."""

    version: str
    segments: tuple[PersonalitySegment, ...]

    @model_validator(mode="after")
    def _numbers_once(self) -> Personality:
        numbers = [segment.number for segment in self.segments]
        if sorted(numbers) != list(range(1, 15)):
            raise ValueError(f"segments 1 to 14, each once, found {numbers}")
        return self


class CrbtRule(Strict):
    """Days and months of the CRBT life cycle."""

    new_days: int = Field(ge=0)
    semi_silent_months: int = Field(ge=1)
    silent_months: int = Field(ge=1)
    lapsed_months: int = Field(ge=1)


class ValueTierWeights(Strict):
    """Weights of the value score."""

    arpu: float = Share
    return_rate: float = Share
    circle: float = Share
    key_account: float = Share


class UnitCost(Strict):
    """What serving a line costs: a minute, a message, an MMS, a megabyte, and the line itself for a month."""

    voice_minute_fen: float = Field(ge=0)
    message_fen: float = Field(ge=0)
    mms_fen: float = Field(ge=0)
    data_mb_fen: float = Field(ge=0)
    line_month_fen: float = Field(ge=0)


class ValueTierRule(Strict):
    """Weights and shares of the value tiers, and the unit costs behind the return rate."""

    weights: ValueTierWeights
    unit_cost: UnitCost
    high_share: float = Share
    mid_share: float = Share


class StickinessRule(Strict):
    """Parts and cuts of stickiness."""

    sticky_vas_full_at: int = Field(ge=1)
    bundle_days: int = Field(ge=0)
    bundle_bonus: float = Share
    high_from: float = Share
    mid_from: float = Share


class AnomalyRule(Strict):
    """Limits of the anomaly rule."""

    usage_drop: float = Field(ge=-1, le=0)
    competitor_hotline_calls: int = Field(ge=1)
    forwarded_calls: int = Field(ge=1)
    balance_days_left: int = Field(ge=0)


class UsageRule(Strict):
    """When use may be compared with earlier use."""

    trend_min_earlier_days: int = Field(ge=1)


class LifecycleRule(Strict):
    """Limits of the life-cycle stages."""

    entry_days: int = Field(ge=0)
    growth_days: int = Field(ge=0)
    decline_slope: float = Field(ge=-1, le=0)
    commitment_days: int = Field(ge=0)


class TraitWeights(Strict):
    """Weights of the traits A, B, C before they are renormalised."""

    a: float = Field(gt=0)
    b: float = Field(gt=0)
    c: float = Field(gt=0)


class DiffusionWeights(Strict):
    """What makes active diffusion (A)."""

    gifts: float = Share
    copied: float = Share
    followers: float = Share


class InfluenceRule(Strict):
    """Influence index: traits and weights."""

    top_share: float = Field(gt=0, lt=1)
    require_c: bool
    weights: TraitWeights
    a_weights: DiffusionWeights


class CircleRule(Strict):
    """Who belongs to the calling circle, and who follows whom."""

    months: int = Field(ge=1)
    min_contacts: int = Field(ge=1)
    most_contacted: int = Field(ge=1)
    follow_days: int = Field(ge=1)


class Judgements(Strict):
    """conf/segments/judgements.yaml."""

    version: str
    usage: UsageRule
    crbt: CrbtRule
    value_tier: ValueTierRule
    stickiness: StickinessRule
    anomaly: AnomalyRule
    lifecycle: LifecycleRule
    influence: InfluenceRule
    circle: CircleRule


class StrategicSegment(Strict):
    """One strategic segment with the rule of its members."""

    code: str = Field(pattern=r"^SS\d$")
    name: str
    title: str
    rule: dict[str, Any]


class Strategic(Strict):
    """conf/segments/strategic.yaml: first match counts."""

    version: str
    owner: str
    segments: tuple[StrategicSegment, ...]


@remembered
def load_orientation() -> Orientation:
    """Numbers of rules 5.5 to 5.8."""
    return load(Orientation, FOLDER / "orientation.yaml")


@remembered
def load_personality() -> Personality:
    """The fourteen segments."""
    return load(Personality, FOLDER / "personality.yaml")


@remembered
def load_judgements() -> Judgements:
    """Numbers of the judgements in the view."""
    return load(Judgements, FOLDER / "judgements.yaml")


@remembered
def load_strategic() -> Strategic:
    """The nine strategic segments."""
    return load(Strategic, FOLDER / "strategic.yaml")
