"""What targeting reads: the view of the night with states, scores and tags, the contacts so far, and who is protected."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from conf.models import load_models
from conf.policy import Policy
from conf.products import load_products
from jobs.rules.rule_nodes import TAG_COLUMN
from jobs.targeting.campaign_rules import LIFECYCLE, VIEW
from jobs.targeting.channel_rules import all_channels, bits_of
from jobs.targeting.control import GLOBAL
from jobs.targeting.exclusion_rules import counts_to_caps_this_month
from jobs.targeting.reasons import SUPPRESSION_REASONS

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from jobs.lakehouse.lake import Lake

LIFECYCLE_COLUMNS = ("crbt_lifecycle_state", "is_at_risk", "churn_offnet_at_risk")
BASE_COLUMNS = (
    "subscription_id", "msisdn", "msisdn_class", "user_type", "is_live", "subscription_status", "city_code", "county_code",
    "device_supports_mms", "device_supports_gprs", "device_supports_java", "device_supports_fetion", "account_manager_id",
    "channel_preference_score", "list_colours",
)  # fmt: skip


def contact_day_of(business_date: date) -> date:
    """The day on which the lists of a night are worked: the day after the business date."""
    return business_date + timedelta(days=1)


def read_subscribers(lake: Lake, business_date: date, wanted: Collection[str], score_date: date | None) -> DataFrame:
    """One row per subscription of the view with the columns the rules of tonight read (`wanted`) and those every rule needs."""
    view = lake.read(VIEW).filter(F.col("snapshot_date") == F.lit(business_date))
    owned = {product.owned_when for product in load_products().values() if product.owned_when}
    kept = [name for name in view.columns if name in {*BASE_COLUMNS, *wanted, *owned} and name not in LIFECYCLE_COLUMNS]
    subscribers = view.select(*kept)
    subscribers = subscribers.join(_lifecycle(lake, business_date), "subscription_id", "left")
    models = [name for name in load_models().models if any(column.startswith(f"{name}_") for column in wanted)]
    if models:
        subscribers = subscribers.join(_scores(lake, score_date, models), "subscription_id", "left")
    if TAG_COLUMN in wanted:
        subscribers = subscribers.join(_tags(lake, business_date), "subscription_id", "left")
    return subscribers


def _lifecycle(lake: Lake, business_date: date) -> DataFrame:
    """States with the model's overlays; a subscription the models did not see keeps the state of the view."""
    view = lake.read(VIEW).filter(F.col("snapshot_date") == F.lit(business_date))
    states = lake.read(LIFECYCLE).filter(F.col("snapshot_date") == F.lit(business_date))
    states = states.select("subscription_id", *(F.col(name).alias(f"scored_{name}") for name in LIFECYCLE_COLUMNS))
    joined = view.select("subscription_id", "crbt_lifecycle_state").join(states, "subscription_id", "left")
    return joined.select(
        "subscription_id",
        F.coalesce("scored_crbt_lifecycle_state", "crbt_lifecycle_state").alias("crbt_lifecycle_state"),
        F.col("scored_is_at_risk").alias("is_at_risk"),
        F.col("scored_churn_offnet_at_risk").alias("churn_offnet_at_risk"),
    )


def _scores(lake: Lake, score_date: date | None, models: list[str]) -> DataFrame:
    """Scores of one date turned to one row a subscription: <model>_score, <model>_percentile, <model>_decile."""
    scores = lake.read("gold.customer_score").filter(F.col("snapshot_date") == F.lit(score_date))
    columns = [
        F.max(F.when(F.col("model_name") == model, F.col(field))).alias(f"{model}_{field}")
        for model in models
        for field in ("score", "percentile", "decile")
    ]
    return scores.groupBy("subscription_id").agg(*columns)


def _tags(lake: Lake, business_date: date) -> DataFrame:
    tags = lake.read("gold.customer_tag").filter(F.col("snapshot_date") == F.lit(business_date))
    return tags.groupBy("subscription_id").agg(F.collect_set("tag_id").alias(TAG_COLUMN))


def newest_score_date(lake: Lake, business_date: date, policy: Policy) -> date | None:
    """Date of the scores to use: the newest up to the night, if not older than `score.max_age_days`, else None."""
    oldest = business_date - timedelta(days=policy.score.max_age_days)
    dates = lake.arrow(
        "gold.customer_score",
        filters=[("snapshot_date", ">=", oldest), ("snapshot_date", "<=", business_date)],
        columns=["snapshot_date"],
    )
    return max(dates["snapshot_date"].unique().to_pylist(), default=None)


def read_contacts(lake: Lake, business_date: date) -> DataFrame:
    """Earlier contacts of each subscription as arrays: `contacts` (all known) and `month_contacts` (counting to the caps).

    Lists frozen in earlier nights that the history does not hold yet count as contacts, so that a missing response run
    can never raise a cap.
    """
    day = contact_day_of(business_date)
    history = lake.read("gold.contact_history").filter(
        (F.col("snapshot_date") == F.lit(business_date)) & (F.col("business_date") < F.lit(business_date)) & ~F.col("is_control")
    )
    known = history.select("contact_id")
    frozen = lake.read("gold.campaign_contact").filter(F.col("business_date") < F.lit(business_date)).join(known, "contact_id", "left_anti")
    in_month = F.trunc("planned_date", "month") == F.trunc(F.lit(day), "month")
    common = [
        F.col("campaign_id"), F.col("product_id"), F.col("channel_code"), F.col("planned_date"),
        F.coalesce(in_month, F.lit(True)).alias("in_month"),
    ]  # fmt: skip
    told = history.select(
        "subscription_id",
        F.struct(*common, F.col("counts_to_cap").alias("counts"), F.col("response_code"),
                 F.to_date("response_at").alias("response_date"), F.coalesce("wave_no", F.lit(1)).alias("wave_no")).alias("contact"),
    )  # fmt: skip
    untold = frozen.select(
        "subscription_id",
        F.struct(*common, F.lit(True).alias("counts"), F.lit(None).cast("string").alias("response_code"),
                 F.lit(None).cast("date").alias("response_date"), F.col("wave_no")).alias("contact"),
    )  # fmt: skip
    arrays = told.unionByName(untold).groupBy("subscription_id").agg(F.collect_list("contact").alias("contacts"))
    return arrays.withColumn("month_contacts", F.filter("contacts", counts_to_caps_this_month))


def read_suppressions(lake: Lake, business_date: date) -> DataFrame:
    """Protection in force on the contact day, as an array `suppressions` of reason, product (null = all), closed channels."""
    day = F.lit(contact_day_of(business_date))
    rows = lake.read("gold.suppression").filter(F.col("snapshot_date") == F.lit(business_date))
    in_force = rows.filter((F.col("valid_from") <= day) & (F.col("valid_to") >= day))
    is_product = F.col("scope_type") == "PRODUCT"
    suppression = F.struct(
        _known_reason().alias("reason"),
        F.when(is_product & (F.col("scope_value") != ""), F.col("scope_value")).alias("product_id"),
        _closed_bits().alias("closed_bits"),
    )
    return in_force.groupBy("subscription_id").agg(F.collect_list(suppression).alias("suppressions"))


def _known_reason() -> Column:
    known = [reason.name for reason in SUPPRESSION_REASONS]
    by_scope = (
        F.when(F.col("scope_type") == "CHANNEL", F.lit("DND_CHANNEL"))
        .when(F.col("scope_type") == "PRODUCT", F.lit("DND_PRODUCT"))
        .otherwise(F.lit("DND_SYSTEM"))
    )
    return F.when(F.col("reason").isin(known), F.col("reason")).otherwise(by_scope)


def _closed_bits() -> Column:
    """Channels a row closes; a channel we cannot read closes all of them, a scope we do not know too."""
    from conf.channels import load_channels

    closed = F.lit(all_channels())
    is_channel = F.col("scope_type") == "CHANNEL"
    for code in load_channels():
        closed = F.when(is_channel & (F.col("scope_value") == code), F.lit(bits_of([code]))).otherwise(closed)
    return closed.cast("bigint")


def read_held_back(lake: Lake, business_date: date) -> DataFrame:
    """Campaigns (or GLOBAL) that hold a subscription back since an earlier night, as an array `held_back_by`."""
    groups = lake.read("gold.control_group").filter(F.col("business_date") < F.lit(business_date))
    held = F.when(F.col("control_kind") == GLOBAL, F.lit(GLOBAL)).otherwise(F.col("campaign_id"))
    return groups.groupBy("subscription_id").agg(F.collect_set(held).alias("held_back_by"))
