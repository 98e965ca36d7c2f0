"""Value-added services: what is subscribed on the snapshot date and how it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from conf.products import product_owned_by
from conf.view import load_view_rules
from jobs.view.snapshot import Snapshot, months_before

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

VAS_TYPE = "VAS"


def subscribed_products(snap: Snapshot) -> DataFrame:
    """Newest state of each product a subscription has or had, with its first adoption; plans and offers left out."""
    rows = snap.standing("silver.product_subscription")
    newest = F.struct("data_date", "load_date", "valid_date")
    states = rows.groupBy("subscription_id", "product_id").agg(
        F.max_by(F.struct("state", "valid_date", "expire_date"), newest).alias("now"),
        F.min("valid_date").alias("adopted_on"),
    )
    kinds = snap.latest("silver.product_offering", "product_id").select("product_id", "product_type")
    running = (
        (F.col("now.state") == "ACTIVE")
        & (F.col("now.valid_date") <= F.lit(snap.day))
        & (F.coalesce(F.col("now.expire_date"), F.lit(snap.day)) >= F.lit(snap.day))
    )
    joined = states.join(F.broadcast(kinds), "product_id", "left").where(
        F.coalesce("product_type", F.lit(VAS_TYPE)) == VAS_TYPE
    )
    return joined.select(
        "subscription_id",
        "product_id",
        "adopted_on",
        running.alias("is_active"),
        F.col("now.valid_date").alias("valid_date"),
    ).where(F.col("adopted_on") <= F.lit(snap.day))


def crbt(snap: Snapshot) -> DataFrame:
    """CRBT as its platform knows it: the newest record of a subscription, whatever number it was under."""
    rows = snap.standing("silver.crbt_subscription").where(F.col("subscription_id").isNotNull())
    rows = rows.where(F.col("open_date") <= F.lit(snap.day))
    fields = (
        "open_date",
        "close_date",
        "close_reason",
        "acquire_channel",
        "trial_end_date",
        "music_box_flag",
        "music_club_level",
    )
    newest = F.struct("data_date", "open_date", "load_date", "msisdn_token")
    now = rows.groupBy("subscription_id").agg(F.max_by(F.struct(*fields), newest).alias("now"))
    now = now.select("subscription_id", "now.*")
    has = F.col("close_date").isNull() | (F.col("close_date") > F.lit(snap.day))
    return now.select(
        "subscription_id",
        has.alias("has_crbt"),
        F.col("open_date").alias("crbt_open_date"),
        F.when(~has, F.col("close_date")).alias("crbt_close_date"),
        F.when(~has, F.col("close_reason")).alias("crbt_close_reason"),
        F.when(has, F.datediff(F.lit(snap.day), "open_date")).alias("crbt_tenure_days"),
        F.col("trial_end_date").alias("crbt_trial_end_date"),
        F.col("acquire_channel").alias("crbt_acquire_channel"),
        (has & F.coalesce("music_box_flag", F.lit(False))).alias("crbt_music_box_flag"),
        "music_club_level",
    )


def service_use(snap: Snapshot, products: DataFrame) -> DataFrame:
    """Tone events, newspaper issues and MISC orders in windows; the last event that ends CRBT silence (5.2)."""
    rules, windows = load_view_rules(), load_view_rules().windows
    rows = snap.standing("silver.vas_daily", since=snap.days_back(windows.tone_events.days))
    rows = rows.where(snap.in_last(windows.tone_events.days))
    qualifying = sum((F.col(measure) for measure in rules.uses[rules.silence_ends_with].measures), F.lit(0))
    two_months = F.col("event_date") >= F.lit(months_before(snap.day, windows.tone_downloads.months))
    last_90 = snap.in_last(windows.services.days)
    misc = F.col("misc_subscribe_cnt") + F.col("misc_unsubscribe_cnt")

    def total(measure: Column, condition: Column, name: str) -> Column:
        return F.sum(F.when(condition, measure).otherwise(0)).alias(name)

    summed = rows.groupBy("subscription_id").agg(
        total(F.col("crbt_download_cnt"), two_months, "crbt_downloads_2m"),
        total(F.col("crbt_paid_download_cnt"), two_months, "crbt_paid_downloads_2m"),
        total(F.col("crbt_paid_download_cnt"), last_90, "crbt_paid_tones_90d"),
        total(F.col("crbt_set_cnt"), last_90, "crbt_settings_90d"),
        total(F.col("newspaper_issue_cnt"), snap.in_last(windows.newspaper.days), "newspaper_issues_30d"),
        total(misc, last_90, "misc_orders_90d"),
        total(qualifying + misc, last_90, "service_events_90d"),
        F.max(F.when(qualifying > 0, F.col("event_date"))).alias("crbt_last_event_date"),
        F.mode(
            F.when(snap.in_last(windows.tone_preference.days), F.col("tone_category_top")), deterministic=True
        ).alias("crbt_content_preference"),
    )
    used = summed.join(_music_box_orders(snap, products), "subscription_id", "full")
    used = used.withColumn("crbt_last_event_date", F.greatest("crbt_last_event_date", "box_ordered_on"))
    return used.drop("box_ordered_on").withColumn(
        "crbt_days_since_event", F.datediff(F.lit(snap.day), "crbt_last_event_date")
    )


def _music_box_orders(snap: Snapshot, products: DataFrame) -> DataFrame:
    """When the music box was last ordered: an event that ends silence, whether or not the platform reports it as one."""
    days = load_view_rules().windows.tone_events.days
    ordered = (F.col("product_id") == product_owned_by("crbt_music_box_flag")) & snap.in_last(days, "valid_date")
    return products.where(ordered).groupBy("subscription_id").agg(F.max("valid_date").alias("box_ordered_on"))


def ownership(products: DataFrame) -> DataFrame:
    """Services subscribed in BOSS on the snapshot date, and how early the subscription adopts services (5.7).

    adoption_rank: mean over its services of the share of adopters who came before it, 0 = always first.
    """
    early = Window.partitionBy("product_id")
    ranked = products.withColumn("early_rank", F.cume_dist().over(early.orderBy("adopted_on")))
    paper = F.col("product_id") == product_owned_by("has_newspaper")
    return ranked.groupBy("subscription_id").agg(
        F.avg("early_rank").alias("adoption_rank"),
        F.array_sort(F.collect_set(F.when(F.col("is_active"), F.col("product_id")))).alias("boss_vas_codes"),
        F.coalesce(F.max(paper & F.col("is_active")), F.lit(False)).alias("has_newspaper"),
        F.max(F.when(paper & F.col("is_active"), F.col("valid_date"))).alias("newspaper_open_date"),
    )


def adoptions(products: DataFrame, tones: DataFrame) -> DataFrame:
    """When a subscription took up each service: BOSS products, and CRBT by its platform."""
    crbt = product_owned_by("has_crbt")
    boss = products.where(F.col("product_id") != crbt).select("subscription_id", "product_id", "adopted_on")
    platform = tones.select(
        "subscription_id", F.lit(crbt).alias("product_id"), F.col("crbt_open_date").alias("adopted_on")
    )
    return boss.unionByName(platform)
