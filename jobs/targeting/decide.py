"""Selection and exclusion of one night: from published tables to the targets with reasons and open channels."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa

from conf.campaigns import Campaign, load_campaigns
from conf.channels import load_channels
from conf.policy import Policy, load_policy
from jobs.lakehouse.alerts import raise_alert
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.planning import static_plans
from jobs.lakehouse.tables import Tables
from jobs.targeting import control_shares, inputs
from jobs.targeting.approval import refusal_of
from jobs.targeting.campaign_rules import CompiledCampaign, compile_campaign, running_campaigns
from jobs.targeting.candidates import TargetingContext, decide_candidates, join_facts, select_targets
from jobs.targeting.inputs import contact_day_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def approved_campaigns(lake: Lake, business_date: date) -> tuple[dict[str, Campaign], list[str]]:
    """Campaigns that run tonight, and why others do not; every rule is checked first, so a broken file stops all of them."""
    known = load_campaigns()
    for campaign in known.values():
        compile_campaign(campaign)
    refusals, approved = [], {}
    for campaign in running_campaigns(known, contact_day_of(business_date)):
        refusal = refusal_of(lake.settings, campaign)
        lake.metric("approval", campaign.campaign_id, "is_approved", 0 if refusal else 1)
        if refusal:
            refusals.append(refusal)
            raise_alert(
                lake.settings,
                "CAMPAIGN_NOT_APPROVED",
                business_date,
                refusal,
                campaign_id=campaign.campaign_id,
                owner=campaign.owner,
            )
        else:
            approved[campaign.campaign_id] = campaign
    return approved, refusals


def find_targets(
    lake: Tables, campaigns: dict[str, Campaign], business_date: date, policy: Policy | None = None
) -> pa.Table:
    """Everybody selected by a campaign with reasons and open channels, in the order of campaign and subscription."""
    compiled = [compile_campaign(campaign) for campaign in campaigns.values()]
    with static_plans(lake.spark, lake.settings, lake.row_count("gold.customer_360")):
        frame = candidate_frame(lake, compiled, business_date, policy)
        targets = no_targets() if frame is None else frame.toArrow()
    return targets.combine_chunks().sort_by([("campaign_id", "ascending"), ("subscription_id", "ascending")])


def candidate_frame(
    lake: Tables, compiled: list[CompiledCampaign], business_date: date, policy: Policy | None = None
) -> DataFrame | None:
    """The same as a frame; None when no campaign runs."""
    if not compiled:
        return None
    policy = policy or load_policy()
    wanted = frozenset().union(*(campaign.columns for campaign in compiled))
    score_date = _score_date(lake, wanted, business_date, policy)
    subscribers = inputs.read_subscribers(lake, business_date, wanted, score_date)
    fixed = control_shares.fixed_shares(lake, business_date)
    context = TargetingContext(
        contact_day_of(business_date),
        policy,
        _shares(subscribers, compiled, fixed, business_date, policy),
    )
    raised = control_shares.raised_campaigns(fixed, context.control_shares)
    facts = join_facts(
        subscribers,
        inputs.read_contacts(lake, business_date),
        inputs.read_suppressions(lake, business_date),
        inputs.read_held_back(lake, business_date),
        inputs.read_due_before(lake, business_date, raised) if raised else None,
    )
    return decide_candidates(facts, compiled, context)


def _shares(
    subscribers: DataFrame,
    compiled: list[CompiledCampaign],
    fixed: control_shares.Rows,
    business_date: date,
    policy: Policy,
) -> dict[str, float]:
    def count(names: list[str]) -> dict[str, int]:
        asked = [campaign for campaign in compiled if campaign.campaign.campaign_id in names]
        context = TargetingContext(contact_day_of(business_date), policy, dict.fromkeys(names, 0.0))
        rows = select_targets(subscribers, asked, context).groupBy("campaign_id").count().collect()
        return {row["campaign_id"]: row["count"] for row in rows}

    campaigns = {campaign.campaign.campaign_id: campaign.campaign for campaign in compiled}
    return control_shares.shares_of_night(fixed, campaigns, policy, business_date, count)


def _score_date(lake: Tables, wanted: frozenset[str], business_date: date, policy: Policy) -> date | None:
    """Date of the scores; when they are too old, model rules select nobody, and that is told."""
    found = inputs.newest_score_date(lake, business_date, policy)
    if (
        found is None
        and isinstance(lake, Lake)
        and any(name.endswith(("_score", "_decile", "_percentile")) for name in wanted)
    ):
        text = f"no scores of the last {policy.score.max_age_days} days: rules on scores select nobody, values use base rates"
        raise_alert(lake.settings, "SCORES_STALE", business_date, text)
    return found


def no_targets() -> pa.Table:
    """Targets of a night without any approved campaign: none, with the columns the next steps read."""
    texts = [(name, pa.string()) for name in ("subscription_id", "campaign_id", "product_id")]
    numbers = [
        ("wave_no", pa.int32()),
        ("control_share", pa.float64()),
        ("score", pa.float64()),
        ("is_model_selected", pa.bool_()),
        ("all_reasons", pa.int64()),
        ("open_channels", pa.int64()),
        ("is_campaign_control", pa.bool_()),
        ("month_contact_cnt", pa.int32()),
    ]
    return pa.schema(
        [*texts, *numbers, *((f"preference_{code}", pa.float64()) for code in load_channels())]
    ).empty_table()
