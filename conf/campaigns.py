"""Campaigns as data (conf/campaigns/*.yaml): program > campaign > task (channel) > execution, typed and cross-checked."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from conf.channels import ChannelClass, load_channels
from conf.errors import ConfigError
from conf.policy import Goal, load_policy
from conf.products import load_products
from conf.reading import ROOT, Strict, load, one_of, remembered, require_known, yaml_files
from conf.regions import load_regions
from conf.responses import load_response_rules
from conf.tables import table_of

CAMPAIGNS = ROOT / "conf" / "campaigns"

_CODE = r"^[A-Z][A-Z0-9_]{0,39}$"


class Scope(Strict):
    """Where the campaign runs, by codes of conf/regions.yaml; an empty list of cities or counties means all of the province."""

    province: str
    """Code of a province of conf/regions.yaml."""
    cities: tuple[str, ...] = ()
    """Codes of city branches; none: all of the province."""
    counties: tuple[str, ...] = ()
    """Codes of counties inside the cities; none: all of them."""


class Offer(Strict):
    """What is offered: margin of an accepted sale over its life and cost of the gift, both in yuan."""

    offer_id: str = Field(pattern=r"^[A-Z][A-Z0-9_]{0,31}$")
    """The offer's own id, which tasks name."""
    title: str
    """Name in English, for reports."""
    name: str
    """Name customers and staff read."""
    margin_yuan: float = Field(gt=0)
    """What an accepted sale earns over its life."""
    cost_yuan: float = Field(ge=0)
    """What its gift costs."""


class ValueRule(Strict):
    """How likely a yes is: the calibrated score for those a model found, a base rate for those a rule found.

    A campaign that keeps a product scores how likely somebody leaves. That is no chance of a yes: `kept_share` of those about
    to leave are kept by the offer, measured on the channel `kept_share_channel`, and `kept_share_reason` says where it is from.
    """

    score: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]*$")
    """Model of conf/models.yaml whose score is the chance of a yes (goal RETAIN: the chance that they leave)."""
    base_response: float = Field(gt=0, le=1)
    """Chance of a yes of those a rule found."""
    kept_share: float | None = Field(default=None, gt=0, le=1)
    kept_share_channel: str | None = None
    kept_share_reason: str | None = Field(default=None, min_length=10)


class Task(Strict):
    """One channel of the campaign: its offer, its script, how it relates to the other channels, its contact class.

    `attempts`: contacts that may fail in one wave before the channel is spent for it; the policy's by class when left out.
    """

    channel_code: str
    """A channel of conf/channels.yaml."""
    # For people; no rule reads it before channels are coordinated.
    relation: Literal["COMPLEMENTARY", "ENHANCING", "SUBSTITUTING"]
    contact_class: ChannelClass | None = None
    """BROADCAST, ACTIVE or PASSIVE, when it is not the channel's own class."""
    attempts: int | None = Field(default=None, ge=1, le=9)
    offer_id: str
    """One of the campaign's offers."""
    script_id: str = Field(pattern=_CODE)
    """The script's own id, on the lists."""
    script_title: str = Field(max_length=40)
    script_text: str = Field(max_length=500)
    """What the customer reads or hears; a text must say how to refuse."""
    script_url: str = Field(default="", pattern=r"^(https?://[A-Za-z0-9./_?=-]+)?$", max_length=80)
    """Page the text leads to."""


class Wave(Strict):
    """A wave of contacts: the channels it may use, and days after the last contact that took place before it may start."""

    wave_no: int = Field(ge=1, le=9)
    channels: tuple[str, ...] = Field(min_length=1)
    after_days: int = Field(ge=0)


class Exclusions(Strict):
    """Set operations before anything else: whole list colours, earlier campaigns, and a rule tree."""

    list_colours: tuple[str, ...] = ()
    """Colours of lists whose customers are left out."""
    campaigns: tuple[str, ...] = ()
    """Earlier campaigns whose customers are left alone for `within_days`."""
    within_days: int = Field(default=30, ge=1, le=400)
    rule: dict[str, Any] | None = None
    """Rule tree: whom it is true of is left out."""


class CampaignConflict(Strict):
    """Another campaign whose customers this one leaves alone: never both in one night, nor within `lag_days` after the other.

    `lag_days` counts from the other's planned day; 1 means the same night only. For the other order of the two the other
    campaign names this one.
    """

    campaign_id: str = Field(pattern=_CODE)
    lag_days: int = Field(default=1, ge=1, le=400)


class SalesPerNight(Strict):
    """Sales expected of one night's lists: the least wished for (soft, at the price of a minimum) and the most allowed."""

    minimum: float = Field(default=0.0, ge=0)
    maximum: float | None = Field(default=None, gt=0)


class Budget(Strict):
    """Money for channel costs and for the gifts of the sales expected, in yuan: all nights together and one night."""

    total_yuan: float = Field(gt=0)
    per_night_yuan: float = Field(gt=0)


class Campaign(Strict):
    """One campaign as its owner wrote it; only the version approved by hash may run.

    `binding` says what decides between campaigns: `value` (expected value alone), `weight` (value times `weight`), `strict`
    (before all campaigns that are not strict, among strict ones by `priority`: 1 is served first; domain rule 5.14).
    """

    campaign_id: str = Field(pattern=_CODE)
    """The file's name in capitals."""
    program_id: str = Field(pattern=_CODE)  # for people; no report by program yet
    """Program the campaign belongs to, for people."""
    title: str
    """Name in English, for reports."""
    name: str
    """Name in the operator's language."""
    owner: str
    """Who answers for it."""
    goal: Goal
    """What it is for; RETAIN may go to those who own the product."""
    priority: int = Field(ge=1, le=99)
    """1 is served first among strict campaigns."""
    binding: Literal["value", "weight", "strict"] = "value"
    weight: float = Field(default=1.0, gt=0, le=100)
    first_date: date
    """First contact day."""
    last_date: date
    """Last contact day."""
    scope: Scope
    """Where it runs."""
    product_id: str
    """The product it is about, of conf/products.yaml."""
    offers: tuple[Offer, ...] = Field(min_length=1)
    """What may be offered."""
    value: ValueRule
    selection: dict[str, Any]
    """Rule tree over gold.customer_360: whom the campaign is for."""
    model_selected: dict[str, Any] | None = None
    """Rule tree: of those selected, whose chance is the model's score; the others have base_response."""
    exclusions: Exclusions = Exclusions()
    tasks: tuple[Task, ...] = Field(min_length=1)
    """One entry a channel."""
    waves: tuple[Wave, ...] = Field(min_length=1)
    """The order of channels in time, numbered from 1."""
    control_share: float | None = Field(default=None, ge=0, le=0.5)
    """Share held back as control group, when not that of the settings."""
    budget: Budget
    """Money for contacts and gifts."""
    minimum_per_night: int = Field(default=0, ge=0)
    """Rows the optimiser should list at least, a wish."""
    sales_per_night: SalesPerNight = SalesPerNight()
    conflicts: tuple[CampaignConflict, ...] = ()
    """Other campaigns whose customers this one leaves alone."""

    @property
    def channel_codes(self) -> list[str]:
        """Channels of the campaign in the order of its tasks."""
        return [task.channel_code for task in self.tasks]

    @property
    def keeps_product(self) -> bool:
        """Whether the campaign is for people who may have the product already, so that owning it does not exclude."""
        return self.goal == "RETAIN"

    def conflicts_with(self, other: Campaign) -> bool:
        """Whether this campaign names the other as one its customers must not get beside it."""
        return any(conflict.campaign_id == other.campaign_id for conflict in self.conflicts)

    @property
    def excluded_days(self) -> dict[str, int]:
        """Earlier campaigns whose customers are left alone, with the days that have to lie between."""
        days = dict.fromkeys(self.exclusions.campaigns, self.exclusions.within_days)
        for conflict in self.conflicts:
            # Planned days count: a conflict of lag 1 is over on the day after, one in `exclusions` still holds after so many.
            days[conflict.campaign_id] = max(days.get(conflict.campaign_id, 0), conflict.lag_days - 1)
        return days

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
        _refuse_doubles("conflicts.campaign_id", [conflict.campaign_id for conflict in self.conflicts])
        if self.conflicts_with(self):
            raise ValueError(f"conflicts.campaign_id: another campaign, found {self.campaign_id} itself")
        if self.sales_per_night.maximum is not None and self.sales_per_night.minimum > self.sales_per_night.maximum:
            raise ValueError("sales_per_night: minimum at most maximum")
        if (self.binding == "weight") != (self.weight != 1.0):
            raise ValueError(f"weight {self.weight}: a weight other than 1 with binding: weight, and only there")
        return self

    @model_validator(mode="after")
    def _a_score_of_leaving_says_what_the_offer_keeps(self) -> Campaign:
        value = self.value
        given = [part is not None for part in (value.kept_share, value.kept_share_channel, value.kept_share_reason)]
        if self.keeps_product and value.score and not all(given):
            raise ValueError(
                "value: a campaign of goal RETAIN with a score needs kept_share, kept_share_channel and kept_share_reason, "
                "because a chance of leaving is no chance of a yes"
            )
        if any(given) and not (self.keeps_product and value.score):
            raise ValueError("value: kept_share only with goal RETAIN and a score of leaving")
        return self


def _refuse_doubles(key: str, values: list[str]) -> None:
    if len(set(values)) != len(values):
        raise ValueError(f"{key}: each value once, found {values}")


def _refuse_unknown(key: str, found: Any, known: list[str]) -> None:
    for value in found:
        if value not in known:
            raise ValueError(f"{key}: '{value}', wanted {one_of(value, known)}")


def read_campaign(path: Path) -> Campaign:
    """Read one campaign and check every name in it; ConfigError names file, key, found and wanted with the nearest word.

    The rule trees are checked by jobs/targeting/campaign_rules.py, which knows the columns they may read.
    """
    campaign = load(Campaign, path)
    if campaign.campaign_id != path.stem.upper():
        raise ConfigError(path, "campaign_id", campaign.campaign_id, f"{path.stem.upper()}, the name of the file")
    require_known(path, "product_id", campaign.product_id, load_products())
    if campaign.value.kept_share_channel:
        require_known(path, "value.kept_share_channel", campaign.value.kept_share_channel, load_channels())
    for position, task in enumerate(campaign.tasks):
        require_known(path, f"tasks.{position}.channel_code", task.channel_code, load_channels())
        _require_opt_out(path, position, task)
    _require_places(path, campaign.scope)
    _require_exclusions(path, campaign.exclusions)
    for conflict in campaign.conflicts:
        require_known(path, "conflicts.campaign_id", conflict.campaign_id, known_campaigns(path.parent))
    return campaign


def _require_places(path: Path, scope: Scope) -> None:
    """Province, cities and counties are those of conf/regions.yaml, each inside the place before it."""
    require_known(path, "scope.province", scope.province, load_regions())
    cities = {city.code: city for city in load_regions()[scope.province].cities}
    for city in scope.cities:
        require_known(path, "scope.cities", city, cities)
    inside = [cities[code] for code in scope.cities] or list(cities.values())
    for county in scope.counties:
        require_known(path, "scope.counties", county, [code for city in inside for code in city.counties])


def _require_exclusions(path: Path, exclusions: Exclusions) -> None:
    """A misspelt colour or campaign would exclude nobody."""
    for colour in exclusions.list_colours:
        require_known(
            path, "exclusions.list_colours", colour, table_of("gold.customer_360").column("list_colours").codes
        )
    for campaign_id in exclusions.campaigns:
        advice = "; a campaign that is no longer in the folder belongs to earlier_campaigns of conf/responses.yaml"
        require_known(path, "exclusions.campaigns", campaign_id, known_campaigns(path.parent), advice)


def known_campaigns(folder: Path = CAMPAIGNS) -> list[str]:
    """Ids of every campaign a contact may belong to: of the folder, of conf/campaigns, and those run before them."""
    files = [*yaml_files(folder), *yaml_files(CAMPAIGNS)]
    return list(dict.fromkeys([*(path.stem.upper() for path in files), *load_response_rules().earlier_campaigns]))


def _require_opt_out(path: Path, position: int, task: Task) -> None:
    words = load_policy().sending.opt_out_words
    if load_channels()[task.channel_code].is_text and not any(word in task.script_text for word in words):
        wanted = f"a text that says how to refuse (one of: {', '.join(words)})"
        raise ConfigError(path, f"tasks.{position}.script_text", task.script_text, wanted)


def read_campaigns(folder: Path) -> dict[str, Campaign]:
    """All campaigns of a folder and the operator's own by campaign_id, by file name; two of one id cannot happen."""
    return {campaign.campaign_id: campaign for campaign in map(read_campaign, yaml_files(folder))}


@remembered
def load_campaigns() -> dict[str, Campaign]:
    """All campaigns under conf/campaigns and those of the operator."""
    return read_campaigns(CAMPAIGNS)
