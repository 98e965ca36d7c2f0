"""Joins what each subject says about a subscription into one row, judges it and names it as the contract does."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from conf.codes import load_status_codes
from conf.kpi import load_kpi_rules
from conf.policy import load_policy
from conf.products import product_owned_by
from conf.segments import load_judgements
from conf.tables import table_of
from conf.view import load_view_rules
from jobs.lakehouse.planning import static_plans
from jobs.rules import value_tier
from jobs.view import circle, contacts, profile, services, usage, value
from jobs.view.judgements import judge, standings
from jobs.view.snapshot import Snapshot, month_id

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from conf.dates import DateRange
    from jobs.lakehouse.lake import Lake

VIEW = "gold.customer_360"
# Counts of things that did not happen are 0, not empty: of the measures that lines are compared by, and of the others.
ZERO_WHEN_COMPARED = [
    "partner_cnt_3m",
    "partners_with_crbt_cnt",
    "partners_with_newspaper_cnt",
    "partners_churned_90d_cnt",
    "crbt_downloads_2m",
    "crbt_paid_downloads_2m",
    "crbt_paid_tones_90d",
    "newspaper_issues_30d",
    "misc_orders_90d",
    "mou_minutes_30d",
    "service_events_90d",
    "handset_changes_12m",
]
ZERO_WHEN_EMPTY = [
    "topup_cnt_90d",
    "topup_cnt_30d",
    "payment_fen_90d",
    "complaint_cnt_90d",
    "complaint_open_cnt",
    "contacts_this_month",
    "contacts_7d",
    "accept_cnt_6m",
    "refuse_cnt_6m",
]
FALSE_WHEN_COMPARED = ["is_mms_user", "has_crbt", "crbt_music_box_flag", "has_newspaper"]
COMPARED_BY = ["is_marketable", "is_key_account", "city_code", "tenure_days"]


def customer_360(lake: Lake, dates: DateRange) -> DataFrame:
    """The view of one snapshot date, in the columns of its contract."""
    snap = Snapshot(lake, dates.first)
    base = base_of(snap).localCheckpoint()  # read by the subjects, by what lines are compared by, and by the row
    measured = compared_measures(snap, base).localCheckpoint()  # read by the row, its ranks and its cuts
    subjects = [
        measured.drop(*COMPARED_BY),
        standings(measured),
        value.payments(snap),
        value.balances(snap),
        value.complaints(snap),
        profile.bundles(snap),
        profile.home_areas(snap),
        contacts.contact_measures(snap),
        contacts.orders(snap),
        contacts.suppressions(snap),
        contacts.channel_preference(snap),
        _previous_segments(snap),
    ]
    facts = side_by_side(base, subjects).fillna(0, ZERO_WHEN_EMPTY).withColumns(_joined_measures(snap))
    named = judge(facts, snap.day).withColumns(_fields(snap))
    now, before = F.col("current_segment_id"), F.col("before_segment")
    changed = F.when(before.isNotNull() & (before != now), before).otherwise(F.col("before_previous"))
    return named.withColumn("previous_segment_id", changed).select(*table_of(VIEW).column_names)


def compared_measures(snap: Snapshot, base: DataFrame) -> DataFrame:
    """One row a subscription with the measures by which lines are ranked and cut, and what else their subjects say."""
    activations = base.select("subscription_id", "activation_date")
    products = _once(snap, "silver.product_subscription", services.subscribed_products(snap))
    tones, owned = services.crbt(snap), services.ownership(products)
    pairs = _once(snap, "silver.contact_edge_month", circle.partners(snap))
    flags = (
        base.select("subscription_id", "left_on")
        .join(tones.select("subscription_id", "has_crbt"), "subscription_id", "left")
        .join(owned.select("subscription_id", "has_newspaper"), "subscription_id", "left")
    )
    subjects = [
        usage.usage(snap, activations),
        value.bills(snap, activations),
        tones,
        owned,
        _once(snap, "silver.vas_daily", services.service_use(snap, products)),
        _once(snap, "silver.contact_edge_month", circle.circle(snap, pairs, flags)),
        circle.followers(snap, pairs, services.adoptions(products, tones)),
        profile.devices(snap, base.select("subscription_id", "activation_date", "msisdn_token", "brand_code")),
        contacts.own_visits(snap),
    ]
    rows = side_by_side(base.select("subscription_id", *COMPARED_BY), subjects)
    counted = [*ZERO_WHEN_COMPARED, *usage.counted_columns(), *load_view_rules().own_visits.channels]
    rows = rows.fillna(0, counted).fillna(False, FALSE_WHEN_COMPARED)
    return rows.withColumns(_compared_measures())


def side_by_side(base: DataFrame, subjects: list[DataFrame]) -> DataFrame:
    """The base with what each subject says of a subscription, empty where it says nothing.

    A subject travels through the joins as one struct: a join that copies twenty columns costs a tenth of one that copies
    two hundred.
    """
    rows = base.select("subscription_id", F.struct(*_others(base)).alias("subject_0"))
    for number, subject in enumerate(subjects, start=1):
        packed = subject.select("subscription_id", F.struct(*_others(subject)).alias(f"subject_{number}"))
        rows = rows.join(packed, "subscription_id", "left")
    return rows.select("subscription_id", *(f"subject_{number}.*" for number in range(len(subjects) + 1)))


def _others(frame: DataFrame) -> list[str]:
    return [name for name in frame.columns if name != "subscription_id"]


def _once(snap: Snapshot, table: str, frame: DataFrame) -> DataFrame:
    """A subject that sums a long table, computed here: how depends on that table's rows, and others may read it again."""
    with static_plans(snap.lake.spark, snap.lake.settings, snap.lake.row_count(table)):
        return frame.localCheckpoint()


def base_of(snap: Snapshot) -> DataFrame:
    """Profile with customer, whether it is live and marketable, and whether it shares its billing account with another line."""
    people = profile.customers(snap)
    rows = profile.profile(snap).where(F.coalesce("activation_date", F.lit(snap.day)) <= F.lit(snap.day))
    lines = rows.where("is_live").groupBy("acct_id").agg(F.count(F.lit(1)).alias("lines_of_account"))
    rows = rows.join(people, "customer_id", "left").join(lines, "acct_id", "left")
    rules = load_policy().contactable
    marketable = (
        F.col("is_live")
        & F.col("subscription_status").isin(*rules.statuses)
        & F.col("user_type").isin(*rules.user_types)
        & F.col("msisdn_class").isin(*rules.msisdn_classes)
    )
    is_corporate = F.col("corporate_id").isNotNull() | F.coalesce("is_company_registered", F.lit(False))
    return rows.withColumns(
        {
            "is_marketable": F.coalesce(marketable, F.lit(False)),
            "is_corporate": is_corporate,
            "shares_account": ~is_corporate & F.coalesce(F.col("lines_of_account") > 1, F.lit(False)),
            "tenure_days": F.datediff(F.lit(snap.day), "activation_date"),
            "left_on": F.when(~F.col("is_live"), F.to_date("status_time")),
            "dq_flag": F.coalesce(
                "dq_flag", F.when(F.col("cust_name_token").isNull() & F.col("home_region").isNull(), "NO_CUSTOMER")
            ),
            "termination_requested": (F.col("subscription_status") == "TERMINATION_SCHEDULED")
            | (F.col("is_live") & F.col("termination_request_date").isNotNull()),
        }
    )


def _compared_measures() -> dict[str, Column]:
    crbt = product_owned_by("has_crbt")
    codes = F.coalesce("boss_vas_codes", F.array().cast("array<string>"))
    with_tones = F.when(F.col("has_crbt"), F.array_union(codes, F.array(F.lit(crbt)))).otherwise(
        F.array_remove(codes, crbt)
    )
    rules = load_view_rules()
    return_rate = value_tier.return_rate(
        F.col("arpu_3m_fen"),
        F.col("seconds_90d"),
        F.col("sms_mo_cnt_90d"),
        F.col("mms_p2p_cnt_90d"),
        F.col("data_volume_kb_90d"),
        F.least(F.lit(rules.windows.usage.days), F.col("tenure_days") + 1),
        load_judgements().value_tier.unit_cost,
    )
    return {
        "vas_codes": F.array_sort(with_tones),
        "vas_active_cnt": F.size(with_tones),
        "vas_events_90d": reduce(add, (F.col(name) for name in rules.usage.vas_events)),
        "return_rate_3m": return_rate,
    }


def _joined_measures(snap: Snapshot) -> dict[str, Column]:
    daily_fee, prepaid = F.col("arpu_3m_fen") / 30.0, F.col("payment_mode") == "PREPAID"
    days_left = F.when(prepaid & (daily_fee > 0), F.floor(F.greatest(F.col("balance_fen"), F.lit(0)) / daily_fee))
    return {
        "balance_days_left": F.least(days_left, F.lit(9999)).cast("int"),
        "bundle_days_left": F.datediff("bundle_end_date", F.lit(snap.day)),
    }


def _fields(snap: Snapshot) -> dict[str, Column]:
    """The 50 fields and the other columns whose name or meaning differs from the facts."""
    rules = load_view_rules()
    gotone, prepaid = F.col("brand_code").isin(*rules.brands.full_profile), F.col("payment_mode") == "PREPAID"
    status, key_account = F.col("subscription_status"), F.col("account_manager_id").isNotNull()
    suspended, day = gotone & (status == "SUSPENDED"), F.lit(snap.day)
    level = F.coalesce("music_club_level", F.lit("0"))
    empty = F.array().cast("array<string>")
    return {
        "snapshot_date": day,
        "month_id": F.lit(month_id(snap.day)),
        "msisdn": F.col("msisdn_token"),
        "cust_name": F.col("cust_name_token"),
        "age_years": F.floor(F.months_between(day, "birth_date") / 12).cast("int"),
        "contact_address": F.col("contact_address_token"),
        "home_address": F.col("home_address_token"),
        "id_number": F.col("id_number_token"),
        "vip_tier": F.when(gotone & ~prepaid, F.col("vip_tier")),
        "acquisition_channel_code": F.when(gotone, F.col("acquisition_channel_code")),
        "home_area_code": F.coalesce("called_area", "city_code"),
        "permanent_home_area_code": F.col("permanent_area"),
        "subscription_status": F.coalesce(status, F.lit("INVALID")),
        "is_in_grace": F.when(prepaid, status == "GRACE"),
        "grace_start_date": F.when(prepaid, F.col("grace_start_date")),
        "quarantine_start_date": F.when(prepaid, F.col("quarantine_start_date")),
        "termination_request_date": F.when(gotone, F.col("termination_request_date")),
        "suspension_type": F.when(suspended, F.col("suspension_type")),
        "suspended_at": F.when(suspended, F.col("suspended_at")),
        "churn_type": F.when(~F.col("is_live"), _churn_type()),
        "churn_month": F.when(~F.col("is_live"), F.date_format("status_time", "yyyyMM")),
        "account_manager_name": F.when(key_account, F.col("account_manager_name")),
        "account_manager_phone": F.when(key_account, F.col("account_manager_phone")),
        "is_kpi_counted": F.col("is_live")
        & ~F.coalesce(F.col("user_type").isin(*load_kpi_rules().not_counted_user_types), F.lit(False)),
        "is_communicating": F.col("active_days_30d") >= rules.usage.communicating_from_days,
        "is_music_club_premium": level.isin(*rules.music_club.premium),
        "is_music_club_member": level.isin(*rules.music_club.member),
        "current_segment_id": F.col("personality_segment"),
        "tenure_months": F.floor(F.months_between(day, "activation_date")).cast("int"),
        "dnd_levels": F.coalesce("dnd_levels", empty),
        "list_colours": F.coalesce("list_colours", empty),
    }


def _churn_type() -> Column:
    chosen = F.when(F.col("dq_flag") == "DUPLICATE_LIVE_MSISDN", "DUPLICATE")
    for code in load_status_codes():
        if code.churn_type:
            chosen = chosen.when(F.col("status_code") == code.status_code, code.churn_type)
    return chosen.otherwise("INVALID")


def _previous_segments(snap: Snapshot) -> DataFrame:
    """Segments of the newest view before this one."""
    last = snap.lake.newest_date(VIEW, before=snap.day)
    rows = snap.lake.read(VIEW).where(F.col("snapshot_date") == F.lit(last) if last else F.lit(False))
    return rows.select(
        "subscription_id",
        F.col("current_segment_id").alias("before_segment"),
        F.col("previous_segment_id").alias("before_previous"),
    )
