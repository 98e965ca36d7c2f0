"""Checks the rule trees of a campaign against the columns a selection may read, and says which campaigns run tonight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from conf.campaigns import CAMPAIGNS, Campaign
from conf.errors import ConfigError
from conf.models import load_models
from conf.products import load_products
from conf.tables import table_of
from jobs.rules.rule_nodes import TAG_COLUMN
from jobs.rules.rule_tree import Rule, parse_rule

if TYPE_CHECKING:
    from collections.abc import Mapping

VIEW = "gold.customer_360"
LIFECYCLE = "gold.lifecycle_state"
SCORE_FIELDS = ("score", "decile", "percentile")


@dataclass(frozen=True)
class CompiledCampaign:
    """A campaign with its rules checked; `stays` is the exclusion rule turned round, so that unknown means excluded."""

    campaign: Campaign
    selection: Rule
    model_selected: Rule | None
    stays: Rule | None

    @property
    def columns(self) -> frozenset[str]:
        """Columns of the selection frame the campaign reads."""
        rules = [rule for rule in (self.selection, self.model_selected, self.stays) if rule]
        named = frozenset().union(*(rule.columns for rule in rules))
        value = self.campaign.value.score
        return named | ({f"{value}_score"} if value else frozenset())


def selection_columns() -> dict[str, str]:
    """Columns a selection rule may read with their types: customer view, life-cycle states, scores and tags; no personal data."""
    columns = {column.name: column.type for column in table_of(VIEW).columns if column.pii == "none"}
    columns |= {column.name: column.type for column in table_of(LIFECYCLE).columns if column.pii == "none"}
    for model in load_models().models:
        columns |= {f"{model}_score": "double", f"{model}_percentile": "double", f"{model}_decile": "int"}
    return columns | {TAG_COLUMN: "array<string>"}


def compile_campaign(campaign: Campaign, file: Path | None = None) -> CompiledCampaign:
    """Check every rule of the campaign; ConfigError names the file, the place in it, what was found and wanted."""
    place = str(file or CAMPAIGNS / f"{campaign.campaign_id.lower()}.yaml")
    columns = selection_columns()
    _require_score(campaign, place, columns)
    _require_owned_column(campaign, place, columns)
    rule = campaign.exclusions.rule
    return CompiledCampaign(
        campaign,
        parse_rule(campaign.selection, f"{place}:selection", columns),
        parse_rule(campaign.model_selected, f"{place}:model_selected", columns) if campaign.model_selected else None,
        parse_rule({"not": rule}, f"{place}:exclusions.rule", columns) if rule else None,
    )


def _require_score(campaign: Campaign, place: str, columns: Mapping[str, str]) -> None:
    model = campaign.value.score
    if model and f"{model}_score" not in columns:
        raise ConfigError(place, "value.score", model, "one of the models: " + ", ".join(load_models().models))
    if model:
        _require_meaning(campaign, place, model)


def _require_meaning(campaign: Campaign, place: str, model: str) -> None:
    """A chance of leaving is the score of campaigns that keep a product, a chance of taking one that of all others."""
    labels = {name: spec.label for name, spec in load_models().models.items()}
    if campaign.keeps_product:
        kind, fitting = "of leaving", [name for name, label in labels.items() if label.is_leaving]
    else:
        kind, fitting = "of taking a product", [name for name, label in labels.items() if label.is_accepting]
    if model not in fitting:
        wanted = f"for goal {campaign.goal} a chance {kind}: {', '.join(fitting)}"
        raise ConfigError(place, "value.score", model, wanted)


def _require_owned_column(campaign: Campaign, place: str, columns: Mapping[str, str]) -> None:
    owned = load_products()[campaign.product_id].owned_when
    if owned is None and not campaign.keeps_product:
        raise ConfigError(
            place,
            "product_id",
            campaign.product_id,
            "a product with owned_when in conf/products.yaml: owners must be known",
        )
    if owned is not None and columns.get(owned) != "boolean":
        raise ConfigError(
            "conf/products.yaml", f"{campaign.product_id}.owned_when", owned, "a boolean column of gold.customer_360"
        )


def running_campaigns(campaigns: Mapping[str, Campaign], contact_day: date) -> list[Campaign]:
    """Campaigns whose dates hold on the contact day, by priority and then id."""
    running = [campaign for campaign in campaigns.values() if campaign.is_running_on(contact_day)]
    return sorted(running, key=lambda campaign: (campaign.priority, campaign.campaign_id))
