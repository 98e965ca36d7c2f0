"""How answers are read and what protects a customer (conf/responses.yaml)."""

from __future__ import annotations

from datetime import date
from itertools import chain
from typing import Literal

from pydantic import Field

from conf.channels import load_channels
from conf.products import load_products
from conf.reading import ROOT, Strict, load, remembered, require_known
from conf.tables import table_of
from conf.view import load_view_rules

RESPONSES_FILE = ROOT / "conf" / "responses.yaml"


class Attribution(Strict):
    """When an order is taken as the answer to a bulk message (days after delivery, last touch)."""

    window_days: int = Field(ge=1)
    inferred_classes: tuple[Literal["BROADCAST", "ACTIVE", "PASSIVE"], ...]
    contacted_codes: tuple[str, ...] = Field(min_length=1)


class LiftRules(Strict):
    """Days after the first planned contact in which an order counts, for treated and control alike, and when a lift is void.

    confidence: of the interval of a lift. sample_ratio_alpha, other_contacts_alpha: a split, or a difference between the arms in contacts of other campaigns, less
    likely than this by chance makes the comparison void (probability).
    """

    horizon_days: int = Field(ge=1)
    confidence: float = Field(gt=0.5, lt=1)
    sample_ratio_alpha: float = Field(gt=0, lt=0.5)
    other_contacts_alpha: float = Field(gt=0, lt=0.5)


class Effective(Strict):
    """What makes an accepted customer effective: a qualifying use (conf/view.yaml, uses) within so many days, by product."""

    use_days: int = Field(ge=1)
    qualifying_use: dict[str, tuple[str, ...]]


class ComplaintClasses(Strict):
    """Thresholds of the complaint classes A to D (counts, months, days)."""

    months: int = Field(ge=1)
    professional_cnt: int = Field(ge=1)
    repeated_cnt: int = Field(ge=1)
    b_months: int = Field(ge=1)
    c_months: int = Field(ge=1)
    d_days: int = Field(ge=0)
    marketing_categories: tuple[str, ...]


class Release(Strict):
    """Protection taken away by a person: every opt-out a subscription asked for up to that day, or one complaint.

    `id` is the subscription or the complaint; `released_on` the first night on which it no longer protects.
    """

    kind: Literal["OPT_OUT", "COMPLAINT"]
    id: str = Field(pattern=r"^[^,=\s]+$")
    released_on: date
    by: str = Field(pattern=r"\S")
    reason: str = Field(pattern=r"\S")


class ProtectionRules(Strict):
    """What is told about protection, and what people have released."""

    max_unbound_move: float = Field(ge=0, le=1)
    releases: tuple[Release, ...] = ()

    def released(self, kind: Literal["OPT_OUT", "COMPLAINT"], day: date = date.max) -> dict[str, date]:
        """Day of the newest release up to `day` by subscription or complaint."""
        found: dict[str, date] = {}
        for release in self.releases:
            if release.kind == kind and release.released_on <= day:
                found[release.id] = max(release.released_on, found.get(release.id, date.min))
        return found


class Preference(Strict):
    """Smoothing of the channel preference: prior weights in contacts, window in months."""

    months: int = Field(ge=1)
    prior_contacts: float = Field(gt=0)
    brand_prior_contacts: float = Field(gt=0)
    own_order_weight: float = Field(ge=0)
    self_order_channels: tuple[str, ...]


class Affinity(Strict):
    """Smoothing of the product-channel affinity: prior weight in contacts, window in months."""

    months: int = Field(ge=1)
    prior_contacts: float = Field(gt=0)


class EarlierCampaign(Strict):
    """A campaign of the system before: its title and the share it held back as control group."""

    title: str
    control_share: float = Field(gt=0, lt=1)


class ResponseRules(Strict):
    """All rules of responses and protection, in one version."""

    version: str
    history_days: int = Field(ge=180)
    attribution: Attribution
    lift: LiftRules
    effective: Effective
    protection: ProtectionRules
    complaint: ComplaintClasses
    preference: Preference
    affinity: Affinity
    earlier_campaigns: dict[str, EarlierCampaign] = {}


@remembered
def load_response_rules() -> ResponseRules:
    """The rules of conf/responses.yaml; raises ConfigError with file, key, found and wanted."""
    rules = load(ResponseRules, RESPONSES_FILE)
    reach_codes = table_of("gold.contact_history").column("reach_code").codes
    categories = table_of("silver.complaint").column("category").codes
    for key, words, known in (
        ("attribution.contacted_codes", rules.attribution.contacted_codes, reach_codes),
        ("effective.qualifying_use", rules.effective.qualifying_use, load_products()),
        ("effective.qualifying_use", chain(*rules.effective.qualifying_use.values()), load_view_rules().uses),
        ("complaint.marketing_categories", rules.complaint.marketing_categories, categories),
        ("preference.self_order_channels", rules.preference.self_order_channels, load_channels()),
    ):
        for word in words:
            require_known(RESPONSES_FILE, key, word, known)
    return rules
