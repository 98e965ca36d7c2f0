"""Who the subscription is: profile, status, customer, agreements, account manager, home area and handset."""

from __future__ import annotations

from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from conf.view import device_column, load_view_rules
from jobs.view.snapshot import Snapshot

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

NO_MOBILE = "NO_MOBILE_NUMBER"


def profile(snap: Snapshot) -> DataFrame:
    """One row a subscription: profile and status of BOSS, two live subscriptions on one number resolved (D1)."""
    subscriptions = snap.latest("silver.subscription", "subscription_id").withColumnRenamed("dq_flag", "profile_flag")
    statuses = snap.latest("silver.subscription_status", "subscription_id")
    joined = subscriptions.join(statuses, "subscription_id", "left")
    joined = joined.withColumn(
        "reported_live", ~F.coalesce("is_off_network", F.lit(True)) & (F.col("subscription_status") != "INVALID")
    )
    return _keep_one_live_per_number(joined)


def _keep_one_live_per_number(rows: DataFrame) -> DataFrame:
    """Of several live subscriptions on one number the latest activation holds it; the others count as terminated."""
    order = (F.col("activation_date").desc_nulls_last(), F.col("subscription_id").desc())
    held = F.col("reported_live") & (F.col("msisdn_class") == "NATIONAL_MOBILE")
    place = F.row_number().over(Window.partitionBy("msisdn_token", held).orderBy(*order))
    doubled = F.coalesce(held, F.lit(False)) & (place > 1)
    flagged = rows.withColumn("is_doubled", doubled)
    no_status = F.col("subscription_status").isNull()
    return flagged.withColumns(
        {
            "is_live": F.coalesce("reported_live", F.lit(False)) & ~F.col("is_doubled"),
            "subscription_status": F.when(F.col("is_doubled"), "TERMINATED").otherwise(F.col("subscription_status")),
            "dq_flag": F.when(F.col("is_doubled"), "DUPLICATE_LIVE_MSISDN")
            .when(no_status, "NO_STATUS")
            .otherwise(F.col("profile_flag")),
        }
    ).drop("reported_live", "is_doubled", "profile_flag")


def customers(snap: Snapshot) -> DataFrame:
    """Customers with their corporate customer's manager where they have none of their own; key accounts have their own."""
    own = snap.latest("silver.customer", "customer_id")
    companies = snap.latest("silver.corporate_customer", "corporate_id").select(
        "corporate_id", F.col("account_manager_id").alias("company_manager_id")
    )
    managers = snap.newest_delivery("silver.account_manager").select(
        "account_manager_id",
        F.col("name_token").alias("account_manager_name"),
        F.col("phone_token").alias("account_manager_phone"),
    )
    filled = [F.col(column).isNotNull() for column in load_view_rules().key_account_when_filled]
    is_key = reduce(or_, filled)
    managed = own.join(companies, "corporate_id", "left").withColumns(
        {
            "is_key_account": is_key,
            "account_manager_id": F.coalesce("account_manager_id", "company_manager_id"),
        }
    )
    return managed.join(managers, "account_manager_id", "left").drop("company_manager_id")


def bundles(snap: Snapshot) -> DataFrame:
    """Latest end over agreements that still run on the snapshot date."""
    running = snap.latest("silver.agreement", "agreement_id").where(F.col("end_date") >= F.lit(snap.day))
    return running.groupBy("subscription_id").agg(F.max("end_date").alias("bundle_end_date"))


def home_areas(snap: Snapshot) -> DataFrame:
    """Area with most calls in the last closed month, and whether it was the same in all closed months of the window."""
    months = snap.closed_months(load_view_rules().windows.home_area.months)
    calls = snap.standing("silver.call_area_month").where(F.col("month_id").isin(months))
    by_month = calls.groupBy("subscription_id", "month_id").agg(
        F.max_by("area_code", F.struct("call_cnt", "area_code")).alias("area")
    )
    area = [
        F.max(F.when(F.col("month_id") == month, F.col("area"))).alias(f"area_{i}") for i, month in enumerate(months)
    ]
    wide = by_month.groupBy("subscription_id").agg(*area)
    same = reduce(and_, (F.col(f"area_{i}") == F.col("area_0") for i in range(len(months))))
    return wide.select(
        "subscription_id", F.col("area_0").alias("called_area"), F.when(same, F.col("area_0")).alias("permanent_area")
    )


def devices(snap: Snapshot, subscriptions: DataFrame) -> DataFrame:
    """Current handset with its abilities, handset of the activation month, and who used that one the month before."""
    seen = snap.latest("silver.device", "subscription_id", "imei_token").where(F.col("first_seen") <= F.lit(snap.day))
    newest = F.struct(F.coalesce("last_seen", "first_seen"), "first_seen", "imei_token")
    current = seen.groupBy("subscription_id").agg(
        F.max_by(F.struct("imei_token", "tac", "first_seen"), newest).alias("now"),
        F.sum(
            F.when(
                F.col("first_seen") > F.lit(snap.since_months(load_view_rules().windows.handsets.months)), 1
            ).otherwise(0)
        ).alias("new_12m"),
        F.count(F.lit(1)).alias("all_cnt"),
    )
    types = snap.latest("silver.tac_device", "tac")
    abilities = {
        **{device_column(ability): f"supports_{ability.lower()}" for ability in load_view_rules().device_abilities},
        "device_model": "model",
        "device_brand": "brand",
        "device_price_class": "price_class",
    }
    now = current.withColumn("tac", F.col("now.tac")).join(F.broadcast(types), "tac", "left")
    first_of_all = F.when(F.col("new_12m") == F.col("all_cnt"), F.col("new_12m") - 1).otherwise(F.col("new_12m"))
    now = now.select(
        "subscription_id",
        F.col("now.imei_token").alias("current_imei"),
        F.datediff(F.lit(snap.day), F.col("now.first_seen")).alias("device_age_days"),
        first_of_all.cast("int").alias("handset_changes_12m"),
        *(F.col(source).alias(name) for name, source in abilities.items()),
    )
    return now.join(_activation_handsets(seen, subscriptions), "subscription_id", "left")


def _activation_handsets(seen: DataFrame, subscriptions: DataFrame) -> DataFrame:
    """Handset first seen by the end of the activation month, and the other subscription that had it the month before."""
    month = F.trunc("activation_date", "month")
    owner = subscriptions.select("subscription_id", "activation_date", "msisdn_token", "brand_code")
    first = (
        seen.join(owner, "subscription_id")
        .where(
            (F.col("first_seen") <= F.last_day("activation_date")) & (F.coalesce("last_seen", "first_seen") >= month)
        )
        .groupBy("subscription_id")
        .agg(
            F.min_by("imei_token", F.struct("first_seen", "imei_token")).alias("activation_month_imei"),
            F.min("activation_date").alias("activation_date"),
        )
    )
    other = seen.join(owner.drop("activation_date"), "subscription_id").select(
        F.col("subscription_id").alias("other_id"),
        F.col("imei_token").alias("activation_month_imei"),
        F.col("first_seen").alias("other_first"),
        F.coalesce("last_seen", "first_seen").alias("other_last"),
        F.col("msisdn_token").alias("other_msisdn"),
        F.col("brand_code").alias("other_brand"),
    )
    before = F.add_months(month, -1)
    had_it = (
        (F.col("other_first") < month)
        & (F.col("other_last") >= before)
        & (F.col("other_id") != F.col("subscription_id"))
    )
    newest = F.struct("other_last", "other_id")
    matched = first.join(other, "activation_month_imei", "left").withColumn("had_it", F.coalesce(had_it, F.lit(False)))
    return matched.groupBy("subscription_id", "activation_month_imei").agg(
        F.max_by(F.when(F.col("had_it"), F.col("other_msisdn")), F.when(F.col("had_it"), newest)).alias(
            "activation_imei_prev_msisdn"
        ),
        F.max_by(F.when(F.col("had_it"), F.col("other_brand")), F.when(F.col("had_it"), newest)).alias(
            "activation_imei_prev_brand"
        ),
    )
