"""What follows from the view of a date: tags, segments, the view of the person behind several lines, the corporate view."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from conf.dates import DateRange
from conf.errors import ConfigError
from conf.reading import one_of
from conf.segments import load_strategic
from conf.tables import Column, table_of
from conf.tags import FOLDER, load_tags, place_of
from conf.view import load_view_rules
from jobs.rules.rule_nodes import SelectionRule
from jobs.rules.rule_tree import parse_rule
from jobs.view.assemble import VIEW
from jobs.view.snapshot import Snapshot

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame

    from jobs.lakehouse.lake import Lake

STRATEGIC_PLACE = "conf/segments/strategic.yaml:segments"
SCHEMES = {
    "PERSONALITY": "personality_segment",
    "VALUE_TIER": "value_tier",
    "STICKINESS": "stickiness_level",
    "LIFECYCLE_STAGE": "lifecycle_stage",
    "CRBT_LIFECYCLE": "crbt_lifecycle_state",
}


def view_columns() -> dict[str, Column]:
    """Columns rules may use, by name."""
    return {column.name: column for column in table_of(VIEW).columns}


def tag_rules(folder: Path = FOLDER) -> dict[str, SelectionRule]:
    """The checked rule of every tag by tag id, in force or not; ConfigError names the file and the tag at fault."""
    columns, rules = view_columns(), {}
    for tag in load_tags(folder).values():
        place = place_of(tag.tag_id, folder)
        rules[tag.tag_id] = parse_rule(tag.rule, place, columns)
        if tag.value_column is not None and tag.value_column not in columns:
            file, _, key = place.removesuffix(".rule").partition(":")
            raise ConfigError(file, f"{key}.value_column", tag.value_column, one_of(tag.value_column, columns))
    return rules


def strategic_rules() -> dict[str, SelectionRule]:
    """The checked rule of every strategic segment by code, in the order in which the first match counts."""
    columns = view_columns()
    return {
        segment.code: parse_rule(segment.rule, f"{STRATEGIC_PLACE}[{number}].rule", columns)
        for number, segment in enumerate(load_strategic().segments)
    }


def _view(lake: Lake, day: date) -> DataFrame:
    """The customer view of a date, as this run has written it."""
    return lake.read(VIEW).where(F.col("snapshot_date") == F.lit(day))


def customer_tags(lake: Lake, dates: DateRange) -> DataFrame:
    """One row for each tag a live subscription carries."""
    view, day = _view(lake, dates.first), dates.first
    rules, carried = tag_rules(), []
    for tag in load_tags().values():
        if not tag.holds_on(day):
            continue
        applies = rules[tag.tag_id].to_column()
        value = F.col(tag.value_column).cast("string") if tag.value_column else F.lit(None).cast("string")
        row = F.struct(
            F.lit(tag.tag_id).alias("tag_id"),
            value.alias("value"),
            F.lit(tag.confidence).alias("confidence"),
            F.lit(tag.version).alias("tag_version"),
        )
        carried.append(F.when(applies, row))
    tags = view.where("is_live").select("subscription_id", F.explode(F.array_compact(F.array(*carried))).alias("tag"))
    return tags.select("subscription_id", "tag.*", F.lit(day).alias("snapshot_date"))


def customer_segments(lake: Lake, dates: DateRange) -> DataFrame:
    """One row for each scheme in which a live subscription has a segment."""
    view, day = _view(lake, dates.first), dates.first
    schemes = {**{name: F.col(column) for name, column in SCHEMES.items()}, "STRATEGIC": strategic_segment()}
    pairs = [F.struct(F.lit(name).alias("scheme"), code.alias("segment_code")) for name, code in schemes.items()]
    rows = view.where("is_live").select("subscription_id", F.explode(F.array(*pairs)).alias("segment"))
    return rows.select("subscription_id", F.lit(day).alias("snapshot_date"), "segment.*").where(
        F.col("segment_code").isNotNull()
    )


def strategic_segment() -> SparkColumn:
    """Code of the first strategic segment whose rule holds."""
    return F.coalesce(*(F.when(rule.to_column(), code) for code, rule in strategic_rules().items()), F.lit(None))


def party_view(lake: Lake, dates: DateRange) -> DataFrame:
    """One row a customer over all lines."""
    view, day = _view(lake, dates.first), dates.first
    live = F.col("is_live")
    best = F.min(
        F.when(
            live,
            F.when(F.col("value_tier") == "HIGH", 1)
            .when(F.col("value_tier") == "MID", 2)
            .when(F.col("value_tier") == "LOW", 3),
        )
    )
    none = F.lit(0)
    return (
        view.where("customer_id IS NOT NULL")
        .groupBy("customer_id")
        .agg(
            F.lit(day).alias("snapshot_date"),
            F.count(F.lit(1)).alias("subscription_cnt"),
            F.count_if(live).alias("live_subscription_cnt"),
            F.array_sort(F.collect_set(F.when(live, F.col("brand_code")))).alias("brands"),
            F.coalesce(F.sum(F.when(live, F.col("arpu_3m_fen"))), none).alias("arpu_3m_fen"),
            F.coalesce(F.sum("arrears_fen"), none).alias("arrears_fen"),
            F.min("activation_date").alias("first_activation_date"),
            F.element_at(F.array(F.lit("HIGH"), F.lit("MID"), F.lit("LOW")), best).alias("best_value_tier"),
            F.coalesce(F.sum(F.when(live, F.col("vas_active_cnt"))), none).alias("vas_active_cnt"),
            F.sum("complaint_cnt_90d").alias("complaint_cnt_90d"),
            F.sum("contacts_this_month").alias("contacts_this_month"),
            F.max("is_corporate").alias("is_corporate"),
            F.max("corporate_id").alias("corporate_id"),
            F.max("account_manager_id").alias("account_manager_id"),
            F.coalesce(F.max("is_sensitive"), F.lit(False)).alias("is_sensitive"),
            F.max(F.array_contains("dnd_levels", "SYSTEM")).alias("any_system_dnd"),
        )
    )


def corporate_view(lake: Lake, dates: DateRange) -> DataFrame:
    """One row a corporate customer with its members."""
    snap, view = Snapshot(lake, dates.first), _view(lake, dates.first)
    live, none = F.col("is_live"), F.lit(0)
    days = load_view_rules().windows.agreements_end.days
    ends_soon = F.col("bundle_end_date") <= F.lit(snap.day + timedelta(days=days))
    revenue = F.sum(F.when(live, F.col("arpu_3m_fen")))
    change = F.sum(F.when(live, F.col("arpu_3m_fen") * F.col("arpu_slope_3m")))
    members = (
        view.where("corporate_id IS NOT NULL")
        .groupBy("corporate_id")
        .agg(
            F.count(F.lit(1)).alias("member_cnt"),
            F.count_if(live).alias("live_member_cnt"),
            F.coalesce(revenue, none).alias("arpu_3m_fen"),
            F.try_divide(change, revenue).alias("arpu_slope_3m"),
            F.count_if(live & F.col("is_vpn_member")).alias("vpn_member_cnt"),
            F.count_if(live & (F.col("anomaly_level") == "YES")).alias("anomaly_member_cnt"),
            F.count_if(live & ends_soon).alias("agreement_ends_90d_cnt"),
            F.sum("complaint_cnt_90d").alias("complaint_cnt_90d"),
        )
    )
    companies = snap.latest("silver.corporate_customer", "corporate_id").drop("create_date")
    managers = snap.newest_delivery("silver.account_manager").select(
        "account_manager_id", F.col("phone_token").alias("account_manager_phone")
    )
    rows = companies.join(members, "corporate_id", "left").join(managers, "account_manager_id", "left")
    counts = [name for name in members.columns if name not in ("corporate_id", "arpu_slope_3m")]
    return rows.fillna(0, counts).withColumn("snapshot_date", F.lit(snap.day))
