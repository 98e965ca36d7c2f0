"""What targeting reads: the view of the night with states, scores and tags, the contacts so far, and who is protected."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from conf.channels import load_channels
from conf.models import load_models
from conf.policy import Policy
from conf.products import load_products
from conf.tables import table_of
from conf.view import device_column, load_view_rules
from jobs.rules.exclusion_reasons import Reason, mask_of, protecting, up_to
from jobs.rules.rule_nodes import TAG_COLUMN
from jobs.targeting.campaign_rules import LIFECYCLE, VIEW
from jobs.targeting.channel_rules import all_channels, bits_of
from jobs.targeting.control_group import GLOBAL
from jobs.targeting.exclusion_rules import counts_to_caps_this_month, is_known

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from jobs.lakehouse.tables import Tables

BASE_COLUMNS = (
    "subscription_id",
    "msisdn",
    "msisdn_class",
    "user_type",
    "is_live",
    "subscription_status",
    "city_code",
    "county_code",
    "account_manager_id",
    "channel_preference_score",
    "list_colours",
    "crbt_lifecycle_state",
)


def contact_day_of(business_date: date) -> date:
    """The day on which the lists of a night are worked: the day after the business date."""
    return business_date + timedelta(days=1)


def read_subscribers(lake: Tables, business_date: date, wanted: Collection[str], score_date: date | None) -> DataFrame:
    """One row per subscription of the view with the columns the rules of tonight read (`wanted`) and those every rule needs."""
    view = lake.read(VIEW).filter(F.col("snapshot_date") == F.lit(business_date))
    owned = {product.owned_when for product in load_products().values() if product.owned_when}
    abilities = map(device_column, load_view_rules().device_abilities)
    read = {*BASE_COLUMNS, *abilities, *wanted, *owned}
    kept = [column.name for column in table_of(VIEW).columns if column.name in read]
    subscribers = view.select(*kept).join(_lifecycle(lake, business_date), "subscription_id", "left")
    # A subscription the models did not see keeps the state of the view.
    state = F.coalesce("scored_lifecycle_state", "crbt_lifecycle_state")
    subscribers = subscribers.withColumn("crbt_lifecycle_state", state).drop("scored_lifecycle_state")
    models = [name for name in load_models().models if any(column.startswith(f"{name}_") for column in wanted)]
    if models:
        subscribers = subscribers.join(_scores(lake, score_date, models), "subscription_id", "left")
    if TAG_COLUMN in wanted:
        subscribers = subscribers.join(_tags(lake, business_date), "subscription_id", "left")
    return subscribers


def _lifecycle(lake: Tables, business_date: date) -> DataFrame:
    states = lake.read(LIFECYCLE).filter(F.col("snapshot_date") == F.lit(business_date))
    return states.select(
        "subscription_id",
        F.col("crbt_lifecycle_state").alias("scored_lifecycle_state"),
        "is_at_risk",
        "churn_offnet_at_risk",
    )


def _scores(lake: Tables, score_date: date | None, models: list[str]) -> DataFrame:
    """Scores of one date turned to one row a subscription: <model>_score, <model>_percentile, <model>_decile."""
    scores = lake.read("gold.customer_score").filter(F.col("snapshot_date") == F.lit(score_date))
    columns = [
        F.max(F.when(F.col("model_name") == model, F.col(field))).alias(f"{model}_{field}")
        for model in models
        for field in ("score", "percentile", "decile")
    ]
    return scores.groupBy("subscription_id").agg(*columns)


def _tags(lake: Tables, business_date: date) -> DataFrame:
    tags = lake.read("gold.customer_tag").filter(F.col("snapshot_date") == F.lit(business_date))
    return tags.groupBy("subscription_id").agg(F.collect_set("tag_id").alias(TAG_COLUMN))


def newest_score_date(lake: Tables, business_date: date, policy: Policy) -> date | None:
    """Date of the scores to use: the newest up to the night, if not older than `score.max_age_days`, else None."""
    newest = lake.newest_date("gold.customer_score", before=business_date + timedelta(days=1))
    is_fresh = newest is not None and newest >= business_date - timedelta(days=policy.score.max_age_days)
    return newest if is_fresh else None


def read_contacts(lake: Tables, business_date: date) -> DataFrame:
    """Earlier contacts as arrays: `contacts` (all known) and `month_contacts` (counting to the caps).

    Caps, waves and stops are a person's: contacts with an earlier owner of the line count for nobody (D6).
    """
    day = contact_day_of(business_date)
    history = lake.read("gold.contact_history").filter(
        (F.col("snapshot_date") == F.lit(business_date))
        & (F.col("business_date") < F.lit(business_date))
        & ~F.col("is_control")
        & F.coalesce("is_present_owner", F.lit(True))
    )
    in_month = F.trunc("planned_date", "month") == F.lit(day.replace(day=1))
    contact = F.struct(
        F.col("campaign_id"),
        F.col("product_id"),
        _bit_of_channel().alias("channel_bits"),
        F.col("planned_date"),
        in_month.alias("in_month"),
        F.col("counts_to_cap").alias("counts"),
        F.col("contact_state").alias("state"),
        is_known(F.coalesce("contact_class", "channel_class") == "PASSIVE").alias("is_passive"),
        F.col("response_code"),
        F.to_date("response_at").alias("response_date"),
        F.coalesce("wave_no", F.lit(1)).alias("wave_no"),
    )
    arrays = history.groupBy("subscription_id").agg(F.collect_list(contact).alias("contacts"))
    return arrays.withColumn("month_contacts", F.filter("contacts", counts_to_caps_this_month))


def _bit_of_channel() -> Column:
    """Bit set of the channel of a contact; 0 for a channel that is none of ours."""
    bits = F.create_map(*(F.lit(part) for code in load_channels() for part in (code, bits_of([code]))))
    return F.coalesce(bits[F.col("channel_code")], F.lit(0)).cast("bigint")


def read_suppressions(lake: Tables, business_date: date) -> DataFrame:
    """Protection in force on the contact day, as an array `suppressions` of reason, product (null = all), closed channels."""
    day = F.lit(contact_day_of(business_date))
    rows = lake.read("gold.suppression").filter(F.col("snapshot_date") == F.lit(business_date))
    in_force = rows.filter((F.col("valid_from") <= day) & (F.col("valid_to") >= day))
    is_product = F.col("scope_type") == "PRODUCT"
    suppression = F.struct(
        _reason_mask().alias("reason_mask"),
        F.when(is_product & (F.col("scope_value") != ""), F.col("scope_value")).alias("product_id"),
        _closed_bits().alias("closed_bits"),
    )
    return in_force.groupBy("subscription_id").agg(F.collect_list(suppression).alias("suppressions"))


def _reason_mask() -> Column:
    """Bit of the reason; a text we do not know closes as do-not-disturb of its scope."""
    known = F.create_map(*(F.lit(part) for reason in protecting() for part in (reason.name, reason.mask)))
    by_scope = (
        F.when(F.col("scope_type") == "CHANNEL", F.lit(Reason.DND_CHANNEL.mask))
        .when(F.col("scope_type") == "PRODUCT", F.lit(Reason.DND_PRODUCT.mask))
        .otherwise(F.lit(Reason.DND_SYSTEM.mask))
    )
    return F.coalesce(known[F.col("reason")], by_scope).cast("bigint")


def _closed_bits() -> Column:
    """Channels a row closes; a channel we cannot read closes all of them, a scope we do not know too."""
    bits = F.create_map(*(F.lit(part) for code in load_channels() for part in (code, bits_of([code]))))
    of_channel = F.when(F.col("scope_type") == "CHANNEL", bits[F.col("scope_value")])
    return F.coalesce(of_channel, F.lit(all_channels())).cast("bigint")


def read_held_back(lake: Tables, business_date: date) -> DataFrame:
    """Campaigns (or GLOBAL) that hold a subscription back since an earlier night, as an array `held_back_by`."""
    groups = lake.read("gold.control_group").filter(F.col("business_date") < F.lit(business_date))
    held = F.when(F.col("control_kind") == GLOBAL, F.lit(GLOBAL)).otherwise(F.col("campaign_id"))
    return groups.groupBy("subscription_id").agg(F.collect_set(held).alias("held_back_by"))


def read_due_before(lake: Tables, business_date: date, campaign_ids: Collection[str]) -> DataFrame:
    """Campaigns for which a subscription was due and not held back on an earlier night, as an array `due_before_in`.

    Due: nothing up to the draw spoke against it, whether the allocation chose it or not. Read only when a share was raised.
    """
    against = mask_of(up_to(Reason.CONTROL_GROUP))
    decided = lake.read("gold.campaign_decision").filter(
        (F.col("business_date") < F.lit(business_date))
        & F.col("campaign_id").isin(list(campaign_ids))
        & (F.col("all_reasons").bitwiseAND(against) == 0)
    )
    return decided.groupBy("subscription_id").agg(F.collect_set("campaign_id").alias("due_before_in"))
