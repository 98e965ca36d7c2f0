"""Campaigns as data (conf/campaigns/*.yaml): program > campaign > task (channel) > execution, typed and cross-checked."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from conf.channels import ChannelClass, load_channels
from conf.errors import ConfigError
from conf.policy import load_policy
from conf.products import load_products
from conf.reading import ROOT, Strict, load

CAMPAIGNS = ROOT / "conf" / "campaigns"

_CODE = r"^[A-Z][A-Z0-9_]{0,39}$"


class Scope(Strict):
    """Where the campaign runs; an empty list of cities or counties means all of the province."""

    province: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    cities: tuple[str, ...] = ()
    counties: tuple[str, ...] = ()


class Offer(Strict):
    """What is offered: margin of an accepted sale over its life and cost of the gift, both in yuan."""

    offer_id: str = Field(pattern=r"^[A-Z][A-Z0-9_]{0,31}$")
    title: str
    name: str
    margin_yuan: float = Field(gt=0)
    cost_yuan: float = Field(ge=0)


class ValueRule(Strict):
    """How likely an accept is: the calibrated score for those a model found, a base rate for those a rule found."""

    score: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]*$")
    base_response: float = Field(gt=0, le=1)


class Task(Strict):
    """One channel of the campaign: its offer, its script, how it relates to the other channels, its contact class.

    `attempts`: contacts that may fail in one wave before the channel is spent for it; the policy's by class when left out.
    """

    channel_code: str
    relation: Literal["COMPLEMENTARY", "ENHANCING", "SUBSTITUTING"]
    contact_class: ChannelClass | None = None
    attempts: int | None = Field(default=None, ge=1, le=9)
    offer_id: str
    script_id: str = Field(pattern=_CODE)
    script_title: str = Field(max_length=40)
    script_text: str = Field(max_length=500)
    script_url: str = Field(default="", pattern=r"^(https?://[A-Za-z0-9./_?=-]+)?$", max_length=80)


class Wave(Strict):
    """A wave of contacts: the channels it may use, and days after the last contact that took place before it may start."""

    wave_no: int = Field(ge=1, le=9)
    channels: tuple[str, ...] = Field(min_length=1)
    after_days: int = Field(ge=0)


class Exclusions(Strict):
    """Set operations before anything else: whole list colours, earlier campaigns, and a rule tree."""

    list_colours: tuple[Literal["BLACK", "GREY", "RED"], ...] = ()
    campaigns: tuple[str, ...] = ()
    within_days: int = Field(default=30, ge=1, le=400)
    rule: dict[str, Any] | None = None


class Budget(Strict):
    """Money for channel costs, in yuan: all nights together and one night."""

    total_yuan: float = Field(gt=0)
    per_night_yuan: float = Field(gt=0)


class Campaign(Strict):
    """One campaign as its owner wrote it; only the version approved by hash may run."""

    campaign_id: str = Field(pattern=_CODE)
    program_id: str = Field(pattern=_CODE)
    title: str
    name: str
    owner: str
    goal: Literal["ACQUIRE", "ACTIVATE", "RETAIN", "GROW"]
    priority: int = Field(ge=1, le=99)
    first_date: date
    last_date: date
    scope: Scope
    product_id: str
    offers: tuple[Offer, ...] = Field(min_length=1)
    value: ValueRule
    selection: dict[str, Any]
    model_selected: dict[str, Any] | None = None
    exclusions: Exclusions = Exclusions()
    tasks: tuple[Task, ...] = Field(min_length=1)
    waves: tuple[Wave, ...] = Field(min_length=1)
    control_share: float | None = Field(default=None, ge=0, le=0.5)
    budget: Budget
    minimum_per_night: int = Field(default=0, ge=0)

    @property
    def channel_codes(self) -> list[str]:
        """Channels of the campaign in the order of its tasks."""
        return [task.channel_code for task in self.tasks]

    @property
    def keeps_product(self) -> bool:
        """Whether the campaign is for people who may have the product already, so that owning it does not exclude."""
        return self.goal == "RETAIN"

    def task_of(self, channel_code: str) -> Task:
        """The task on a channel."""
        return next(task for task in self.tasks if task.channel_code == channel_code)

    def task_id(self, channel_code: str) -> str:
        """Identifier of the task on a channel."""
        return f"{self.campaign_id}_{channel_code}"[:48]

    def offer(self, offer_id: str) -> Offer:
        """The offer of that id."""
        return next(offer for offer in self.offers if offer.offer_id == offer_id)

    def is_running_on(self, contact_day: date) -> bool:
        """Whether customers may be contacted on that day."""
        return self.first_date <= contact_day <= self.last_date

    @model_validator(mode="after")
    def _parts_agree(self) -> Campaign:
        if self.first_date > self.last_date:
            raise ValueError(f"first_date {self.first_date} lies after last_date {self.last_date}")
        codes = self.channel_codes
        _refuse_doubles("tasks.channel_code", codes)
        _refuse_doubles("offers.offer_id", [offer.offer_id for offer in self.offers])
        _refuse_unknown("tasks.offer_id", [task.offer_id for task in self.tasks], [o.offer_id for o in self.offers])
        if [wave.wave_no for wave in self.waves] != list(range(1, len(self.waves) + 1)):
            raise ValueError("waves numbered 1, 2, 3 ... in order")
        for wave in self.waves:
            _refuse_unknown(f"waves[{wave.wave_no}].channels", wave.channels, codes)
        return self


def _refuse_doubles(key: str, values: list[str]) -> None:
    if len(set(values)) != len(values):
        raise ValueError(f"{key}: each value once, found {values}")


def _refuse_unknown(key: str, found: Any, known: list[str]) -> None:
    unknown = [value for value in found if value not in known]
    if unknown:
        raise ValueError(f"{key}: {unknown} is none of {known}")


def read_campaign(path: Path) -> Campaign:
    """Read one campaign and check it against products, channels and policy; ConfigError names file, key, found, wanted."""
    campaign = load(Campaign, path)
    if campaign.campaign_id != path.stem.upper():
        raise ConfigError(path, "campaign_id", campaign.campaign_id, f"{path.stem.upper()}, the name of the file")
    _require_known(path, "product_id", campaign.product_id, load_products())
    for position, task in enumerate(campaign.tasks):
        _require_known(path, f"tasks.{position}.channel_code", task.channel_code, load_channels())
        _require_opt_out(path, position, task)
    return campaign


def _require_known(path: Path, key: str, found: str, known: dict[str, Any]) -> None:
    if found not in known:
        raise ConfigError(path, key, found, "one of: " + ", ".join(known))


def _require_opt_out(path: Path, position: int, task: Task) -> None:
    words = load_policy().sending.opt_out_words
    if load_channels()[task.channel_code].is_text and not any(word in task.script_text for word in words):
        wanted = f"a text that says how to refuse (one of: {', '.join(words)})"
        raise ConfigError(path, f"tasks.{position}.script_text", task.script_text, wanted)


def read_campaigns(folder: Path) -> dict[str, Campaign]:
    """All campaigns of a folder by campaign_id, in order of their file names; two of one id cannot happen."""
    return {campaign.campaign_id: campaign for campaign in map(read_campaign, sorted(folder.glob("*.yaml")))}


@cache
def load_campaigns() -> dict[str, Campaign]:
    """All campaigns under conf/campaigns."""
    return read_campaigns(CAMPAIGNS)
