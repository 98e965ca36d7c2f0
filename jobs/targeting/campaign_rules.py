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
from conf.reading import one_of
from conf.tables import Column, table_of
from conf.tags import load_tags
from jobs.rules.rule_nodes import TAG_COLUMN
from jobs.rules.rule_tree import SelectionRule, parse_rule

if TYPE_CHECKING:
    from collections.abc import Mapping

VIEW = "gold.customer_360"
LIFECYCLE = "gold.lifecycle_state"
SCORE_FIELDS = ("score", "decile", "percentile")


@dataclass(frozen=True)
class CompiledCampaign:
    """A campaign with its rules checked; `stays` is the exclusion rule turned round, so that unknown means excluded."""

    campaign: Campaign
    selection: SelectionRule
    model_selected: SelectionRule | None
    passes_exclusions: SelectionRule | None

    @property
    def columns(self) -> frozenset[str]:
        """Columns of the selection frame the campaign reads."""
        rules = [rule for rule in (self.selection, self.model_selected, self.passes_exclusions) if rule]
        named = frozenset().union(*(rule.columns for rule in rules))
        value = self.campaign.value.score
        return named | ({f"{value}_score"} if value else frozenset())


def selection_columns() -> dict[str, Column]:
    """Columns a selection rule may read: customer view, life-cycle states, scores and tags; no personal data."""
    columns = {column.name: column for column in table_of(VIEW).columns if column.pii == "none"}
    columns |= {column.name: column for column in table_of(LIFECYCLE).columns if column.pii == "none"}
    scores = [table_of("gold.customer_score").column(field) for field in SCORE_FIELDS]
    for model in load_models().models:
        columns |= {f"{model}_{score.name}": score for score in scores}
    tags = table_of("gold.customer_tag").column("tag_id")
    return columns | {TAG_COLUMN: tags.model_copy(update={"name": TAG_COLUMN, "type": "array<string>"})}


def compile_campaign(campaign: Campaign, file: Path | None = None) -> CompiledCampaign:
    """Check every rule of the campaign; ConfigError names the file, the place in it, what was found and wanted."""
    place = str(file or CAMPAIGNS / f"{campaign.campaign_id.lower()}.yaml")
    columns = selection_columns()
    _require_score(campaign, place, columns)
    _require_owned_column(campaign, place, columns)
    rule = campaign.exclusions.rule
    compiled = CompiledCampaign(
        campaign,
        parse_rule(campaign.selection, f"{place}:selection", columns),
        parse_rule(campaign.model_selected, f"{place}:model_selected", columns) if campaign.model_selected else None,
        parse_rule({"not": rule}, f"{place}:exclusions.rule", columns) if rule else None,
    )
    _require_tags_in_force(compiled, place)
    return compiled


def _require_tags_in_force(compiled: CompiledCampaign, place: str) -> None:
    """A tag that ends before the campaign, or begins after its start, would select or exclude nobody for a while."""
    campaign = compiled.campaign
    for key, rule in (
        ("selection", compiled.selection),
        ("model_selected", compiled.model_selected),
        ("exclusions.rule", compiled.passes_exclusions),
    ):
        for tag in (load_tags()[tag_id] for tag_id in sorted(rule.tags if rule else ())):
            if not (tag.holds_on(campaign.first_date) and tag.holds_on(campaign.last_date)):
                wanted = f"a tag in force from {campaign.first_date} to {campaign.last_date}"
                raise ConfigError(
                    place, key, f"has_tag {tag.tag_id}, in force {tag.valid_from} to {tag.valid_to}", wanted
                )


def _require_score(campaign: Campaign, place: str, columns: Mapping[str, Column]) -> None:
    model = campaign.value.score
    if model and f"{model}_score" not in columns:
        raise ConfigError(place, "value.score", model, one_of(model, load_models().models))
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


def _require_owned_column(campaign: Campaign, place: str, columns: Mapping[str, Column]) -> None:
    owned = load_products()[campaign.product_id].owned_when
    if owned is None and not campaign.keeps_product:
        raise ConfigError(
            place,
            "product_id",
            campaign.product_id,
            "a product with owned_when in conf/products.yaml: owners must be known",
        )
    if owned is not None and (owned not in columns or columns[owned].type != "boolean"):
        raise ConfigError(
            "conf/products.yaml", f"{campaign.product_id}.owned_when", owned, "a boolean column of gold.customer_360"
        )


def running_campaigns(campaigns: Mapping[str, Campaign], contact_day: date) -> list[Campaign]:
    """Campaigns whose dates hold on the contact day, by priority and then id."""
    running = [campaign for campaign in campaigns.values() if campaign.is_running_on(contact_day)]
    return sorted(running, key=lambda campaign: (campaign.priority, campaign.campaign_id))
