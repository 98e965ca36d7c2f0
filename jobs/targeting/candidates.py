"""From the view to one row per selected subscription and campaign, with every reason against it and the channels still open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from conf.channels import load_channels
from conf.policy import Policy
from conf.products import load_products
from conf.regions import load_regions
from jobs.rules.exclusion_reasons import Reason
from jobs.targeting import channel_rules as channels
from jobs.targeting import exclusion_rules as rules
from jobs.targeting.campaign_rules import CompiledCampaign
from jobs.targeting.channel_rules import bits_of
from jobs.targeting.control_group import GLOBAL, buckets_of, is_control

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

EMPTY_CONTACTS = (
    "array<struct<campaign_id:string,product_id:string,channel_bits:bigint,planned_date:date,in_month:boolean,"
    "counts:boolean,state:string,is_passive:boolean,response_code:string,response_date:date,wave_no:int>>"
)
EMPTY_SUPPRESSIONS = "array<struct<reason_mask:bigint,product_id:string,closed_bits:bigint>>"


@dataclass(frozen=True)
class TargetingContext:
    """What the rules of one night need to know: contact day, policy, and the control share of each campaign."""

    contact_day: date
    policy: Policy
    control_shares: dict[str, float]


def join_facts(
    subscribers: DataFrame,
    contacts: DataFrame,
    suppressions: DataFrame,
    held_back: DataFrame,
    due_before: DataFrame | None = None,
) -> DataFrame:
    """Attach contacts, protection and earlier assignments to the subscribers; nobody's row is lost or doubled."""
    if due_before is None:
        subscribers = subscribers.withColumn("due_before_in", F.array().cast("array<string>"))
    else:
        subscribers = subscribers.join(due_before, "subscription_id", "left")
    joined = (
        subscribers.join(contacts, "subscription_id", "left")
        .join(suppressions, "subscription_id", "left")
        .join(held_back, "subscription_id", "left")
    )
    return joined.withColumns(
        {
            "contacts": F.coalesce("contacts", F.array().cast(EMPTY_CONTACTS)),
            "month_contacts": F.coalesce("month_contacts", F.array().cast(EMPTY_CONTACTS)),
            "suppressions": F.coalesce("suppressions", F.array().cast(EMPTY_SUPPRESSIONS)),
            "held_back_by": F.coalesce("held_back_by", F.array().cast("array<string>")),
            "due_before_in": F.coalesce("due_before_in", F.array().cast("array<string>")),
        }
    )


def select_targets(
    subscribers: DataFrame, campaigns: Sequence[CompiledCampaign], context: TargetingContext
) -> DataFrame:
    """One row per subscription and campaign whose selection rule and scope it meets: the targeted of each campaign."""
    offered = F.array(*(_campaign_facts(compiled, context) for compiled in campaigns))
    selected = F.explode(F.filter(offered, lambda campaign: campaign.is_selected))
    targets = subscribers.withColumn("campaign", selected).select("*", "campaign.*").drop("campaign", "is_selected")
    # Drawn here and not among the facts: a digest for each target, not for each subscription and campaign.
    drawn = is_control(context.policy.control.salt, F.col("campaign_id"), F.col("control_buckets"))
    return targets.withColumn("is_drawn", drawn).drop("control_buckets")


def _campaign_facts(compiled: CompiledCampaign, context: TargetingContext) -> Column:
    """What one campaign says about the subscription of the row: selected or not, and everything the later rules read."""
    campaign = compiled.campaign
    owned = load_products()[campaign.product_id].owned_when
    model = campaign.value.score
    share = context.control_shares[campaign.campaign_id]
    always, never = F.lit(True), F.lit(False)
    is_model_selected = compiled.model_selected.to_column() if compiled.model_selected else never
    # Found by a rule alone = valued by the base rate: else the model would choose among them too, and "model against
    # non-model" would compare the model with itself.
    base = F.lit(campaign.value.base_response)
    score = F.when(is_model_selected, F.coalesce(F.col(f"{model}_score"), base)).otherwise(base) if model else base
    facts = {
        "is_selected": compiled.selection.to_column() & _is_in_scope(compiled),
        "campaign_id": F.lit(campaign.campaign_id),
        "product_id": F.lit(campaign.product_id),
        "keeps_product": F.lit(campaign.keeps_product),
        "has_contactable_status": F.col("subscription_status").isin(
            *context.policy.contactable.statuses_for(campaign.goal)
        ),
        "owns_product": F.col(owned) if owned else F.lit(None).cast("boolean"),
        "is_model_selected": is_model_selected,
        "score": score.cast("double"),
        "passes_exclusions": compiled.passes_exclusions.to_column() if compiled.passes_exclusions else always,
        "excluded_campaigns": _texts(list(campaign.excluded_days)),
        "excluded_campaigns_days": F.array(*map(F.lit, campaign.excluded_days.values())).cast("array<int>"),
        "excluded_colours": _texts(campaign.exclusions.list_colours),
        "campaign_channels": F.lit(bits_of(campaign.channel_codes)).cast("bigint"),
        "wave_channels": F.array(*(F.lit(bits_of(wave.channels)) for wave in campaign.waves)).cast("array<bigint>"),
        "attempt_limits": channels.attempt_limits(campaign, context.policy),
        "wave_after_days": F.array(*(F.lit(wave.after_days) for wave in campaign.waves)),
        "control_share": F.lit(share).cast("double"),
        "control_buckets": F.lit(buckets_of(share)).cast("bigint"),
    }
    return F.struct(*(column.alias(name) for name, column in facts.items()))


def _texts(values: Sequence[str]) -> Column:
    return F.array(*map(F.lit, values)).cast("array<string>")


def _is_in_scope(compiled: CompiledCampaign) -> Column:
    scope = compiled.campaign.scope
    cities = scope.cities or load_regions()[scope.province].city_codes
    inside = F.coalesce(F.col("city_code").isin(list(cities)), F.lit(False))
    if scope.counties:
        inside = inside & F.coalesce(F.col("county_code").isin(list(scope.counties)), F.lit(False))
    return inside


def add_wave(targets: DataFrame, context: TargetingContext) -> DataFrame:
    """Find what the campaign did with each target, an open CONSIDER, the wave that is next and the channels due for it."""
    day, policy = context.contact_day, context.policy
    steps = (
        {"own_contacts": channels.own_contacts()},
        {"last_made": channels.last_made(), "considered_contact": channels.considered_contact(policy, day)},
        {"is_considering": channels.is_considering(), "begun_wave": channels.begun_wave()},
        {"missed_in_wave": channels.missed_in_wave()},
        {"spent_channels": channels.spent_channels()},
        {"is_wave_spent": channels.is_wave_spent()},
        {"wave_no": channels.next_wave_no()},
        {"due_channels": channels.channels_of_wave(policy, day)},
    )
    return reduce(lambda frame, columns: frame.withColumns(columns), steps, targets)


def add_reasons(targets: DataFrame, context: TargetingContext) -> DataFrame:
    """Apply every rule: `all_reasons` (bit set) and `open_channels` (bit set); no rule looks at the result of another."""
    asked = F.when(F.col("due_channels") == 0, F.col("campaign_channels")).otherwise(F.col("due_channels"))
    targets = targets.withColumns(
        {
            "asked_channels": asked,
            "product_suppressions": rules.suppressions_of_product(),
            "campaign_month_contacts": rules.month_contacts_of_campaign(),
        }
    )
    closed = {
        f"closed_by_{reason.name.lower()}": column
        for reason, column in channels.closed_channels(context.policy, context.contact_day).items()
    }
    targets = targets.withColumns({**closed, "closed_by_suppression": rules.closed_by_suppression()})
    all_closed = reduce(lambda bits, name: bits.bitwiseOR(F.col(name)), closed, F.col("closed_by_suppression"))
    targets = targets.withColumns(
        {
            "open_channels": F.col("due_channels").bitwiseAND(F.bitwise_not(all_closed)),
            "asked_open_channels": F.col("asked_channels").bitwiseAND(F.bitwise_not(all_closed)),
        }
    )
    by_row = [_bit(reason, condition) for reason, condition in _row_rules(context).items()]
    return targets.withColumn("all_reasons", reduce(lambda a, b: a.bitwiseOR(b), [_channel_reasons(), *by_row]))


def _channel_reasons() -> Column:
    """Reasons that close channels count against the customer only when they leave none of the channels asked for open."""
    bits = rules.reasons_of_suppression()
    for reason in channels.CLOSING_REASONS:
        concerns = F.col(f"closed_by_{reason.name.lower()}").bitwiseAND(F.col("asked_channels")) != 0
        bits = bits.bitwiseOR(_bit(reason, concerns))
    return F.when(F.col("asked_open_channels") == 0, bits).otherwise(F.lit(0).cast("bigint"))


def _row_rules(context: TargetingContext) -> dict[Reason, Column]:
    """Rules that exclude the subscription from the campaign whatever the channel."""
    day, policy = context.contact_day, context.policy
    return {
        Reason.NOT_LIVE: rules.is_not_live(),
        Reason.TEST_NUMBER: rules.is_test_number(policy),
        Reason.INVALID_MSISDN: rules.has_invalid_msisdn(policy),
        Reason.ALREADY_OWNS: rules.already_owns(),
        Reason.RESP_ACCEPTED: rules.has_accepted(policy, day),
        Reason.RESP_REFUSED: rules.has_refused(policy, day),
        Reason.RECENT_CAMPAIGN: rules.is_in_recent_campaign(policy, day),
        Reason.CAMPAIGN_EXCLUSION: rules.is_excluded_by_campaign(day),
        Reason.WAVE_NOT_DUE: (F.col("due_channels") == 0) & ~channels.is_wave_finished(),
        Reason.WAVES_FINISHED: channels.is_wave_finished(),
        Reason.CONTROL_GROUP: is_held_back(policy),
        **rules.exceeds_caps(policy),
    }


def is_held_back(policy: Policy) -> Column:
    """CONTROL_GROUP: drawn for this campaign before its first contact, drawn for all campaigns, or held back earlier."""
    return is_in_global_control(policy) | is_in_campaign_control()


def is_in_campaign_control() -> Column:
    """Held back from this campaign: since an earlier night, or drawn and assigned to nothing yet.

    Whom the campaign has planned a contact for, made or in vain, or was to contact before its share was raised, is not drawn.
    """
    is_assigned = (F.size("own_contacts") > 0) | F.array_contains("due_before_in", F.col("campaign_id"))
    return F.array_contains("held_back_by", F.col("campaign_id")) | (F.col("is_drawn") & ~is_assigned)


def is_in_global_control(policy: Policy) -> Column:
    """Held back from all campaigns."""
    drawn = is_control(policy.control.salt, F.lit(GLOBAL), F.lit(buckets_of(policy.control.global_share)))
    return drawn | F.array_contains("held_back_by", F.lit(GLOBAL))


def _bit(reason: Reason, condition: Column) -> Column:
    """The reason's bit where the condition holds; an unknown condition counts as holding (default deny)."""
    return F.when(F.coalesce(condition, F.lit(True)), F.lit(reason.mask)).otherwise(F.lit(0)).cast("bigint")


def candidate_columns(policy: Policy) -> list[Column]:
    """What goes on to the allocation: a row per target, small enough for one driver."""
    preferences = [F.col("channel_preference_score")[code].alias(f"preference_{code}") for code in load_channels()]
    return [
        *map(
            F.col,
            ("subscription_id", "campaign_id", "product_id", "wave_no", "control_share", "score", "is_model_selected"),
        ),
        F.col("all_reasons"),
        F.col("open_channels"),
        is_in_campaign_control().alias("is_campaign_control"),
        F.size("month_contacts").alias("month_contact_cnt"),
        *preferences,
    ]


def decide_candidates(
    subscribers: DataFrame, campaigns: Sequence[CompiledCampaign], context: TargetingContext
) -> DataFrame:
    """All targets of the night with their reasons; `subscribers` has its facts joined (join_facts)."""
    targets = add_wave(select_targets(subscribers, campaigns, context), context)
    return add_reasons(targets, context).select(*candidate_columns(context.policy))
