"""Orientation, CRBT life cycle, value, stickiness, anomaly and life-cycle stage on hand-made rows."""

from __future__ import annotations

import pytest

from conf.segments import UnitCost, load_judgements, load_orientation, load_strategic
from jobs.rules import anomaly, orientation, stickiness, value_tier
from jobs.rules.crbt_lifecycle import crbt_lifecycle_state
from jobs.rules.lifecycle_stage import lifecycle_stage
from jobs.view.roll_ups import strategic_segment

DAY = "2026-03-09"


def evaluate(spark, rows, schema, column):
    from pyspark.sql import functions as F

    frame = spark.createDataFrame(rows, schema)
    return [
        row["result"]
        for row in frame.select(column({name: F.col(name) for name in frame.columns}).alias("result")).collect()
    ]


# name, has CRBT, opened, closed, trial end, last event -> state
CRBT_CASES = [
    ("no CRBT ever", None, None, None, None, None, "NONE"),
    ("opened 30 days ago", True, "2026-02-07", None, None, None, "NEW"),
    ("opened 31 days ago, event since", True, "2026-02-06", None, None, "2026-02-20", "ACTIVE"),
    ("in trial", True, "2025-06-01", None, "2026-03-09", None, "NEW"),
    ("event in the month before last", True, "2025-01-01", None, None, "2026-01-01", "ACTIVE"),
    ("no event in two complete months", True, "2025-01-01", None, None, "2025-12-31", "SEMI_SILENT"),
    ("event on the first of three months", True, "2025-01-01", None, None, "2025-12-01", "SEMI_SILENT"),
    ("no event in three complete months", True, "2025-01-01", None, None, "2025-11-30", "SILENT"),
    ("never an event", True, "2025-01-01", None, None, None, "SILENT"),
    ("not subscribed long enough for two months", True, "2026-01-02", None, None, None, "ACTIVE"),
    ("subscribed for two months, not three", True, "2026-01-01", None, None, None, "SEMI_SILENT"),
    ("closed six months ago to the day", False, "2024-01-01", "2025-09-09", None, None, "CHURNED"),
    ("closed a day longer ago", False, "2024-01-01", "2025-09-08", None, None, "LAPSED"),
]


def test_crbt_lifecycle(spark):
    from pyspark.sql import functions as F

    schema = "name string, has boolean, opened string, closed string, trial string, event string, wanted string"
    found = evaluate(
        spark,
        CRBT_CASES,
        schema,
        lambda c: crbt_lifecycle_state(
            F.lit(DAY).cast("date"),
            c["has"],
            c["opened"].cast("date"),
            c["closed"].cast("date"),
            c["trial"].cast("date"),
            c["event"].cast("date"),
            load_judgements().crbt,
        ),
    )
    assert dict(zip([case[0] for case in CRBT_CASES], found, strict=True)) == {case[0]: case[-1] for case in CRBT_CASES}


# live, anomaly, tenure, slope a month, change over three bills, minutes trend, bundle days left, termination asked -> stage
STAGES = [
    (False, "YES", 10, 0.1, 0.2, 0.0, None, True, "CHURNED"),
    (True, "YES", 10, 0.1, 0.2, 0.0, None, False, "SAVE"),
    (True, "NO", 10, 0.1, 0.2, 0.0, 90, False, "SAVE"),
    (True, "NO", 10, 0.1, 0.2, 0.0, 91, True, "SAVE"),
    (True, "NO", 90, -0.5, -0.8, 0.0, None, False, "ENTRY"),
    (True, "NO", 91, -0.11, -0.2, 0.0, None, False, "DECLINE"),
    (True, "NO", 91, -0.07, -0.134, 0.0, None, False, "STABLE"),
    (True, "NO", 91, 0.1, 0.2, -0.2, None, False, "DECLINE"),
    (True, "NO", 365, 0.1, 0.2, 0.0, None, False, "GROWTH"),
    (True, "NO", 366, 0.1, 0.2, 0.0, None, False, "STABLE"),
    (True, None, None, None, None, None, None, None, "STABLE"),
]


def test_lifecycle_stage_takes_the_first_match(spark):
    schema = "live boolean, anomaly string, tenure int, slope double, change double, trend double, left int, asked boolean, wanted string"
    found = evaluate(
        spark,
        STAGES,
        schema,
        lambda c: lifecycle_stage(
            c["live"],
            c["anomaly"],
            c["tenure"],
            c["slope"],
            c["change"],
            c["trend"],
            c["left"],
            c["asked"],
            load_judgements().lifecycle,
        ),
    )
    assert found == [case[-1] for case in STAGES]


def test_pay_ability_by_city_cuts_and_handset(spark):
    cases = [
        (999, "3", "LOW"),
        (1000, "3", "MID"),
        (2000, "3", "HIGH"),
        (999, "4", "MID"),
        (1000, "4", "HIGH"),
        (2000, "4", "HIGH"),
        (None, "4", None),
        (1000, None, "MID"),
    ]
    found = evaluate(
        spark,
        [(bill, 1000, 2000, price, wanted) for bill, price, wanted in cases],
        "bill int, mid int, high int, price string, wanted string",
        lambda c: orientation.pay_ability(c["bill"], c["mid"], c["high"], c["price"], load_orientation().pay_ability),
    )
    assert found == [case[-1] for case in cases]


def test_value_orientation_by_price_sensitivity(spark):
    rule = load_orientation().value_orientation
    cases = [
        (0.0, 0, 0, 0, "INSENSITIVE"),
        (0.7, 0, 0, 0, "ECONOMICAL"),
        (0.7, 2, 3, 0, "THRIFTY"),
        (None, 9, 9, 9, None),
    ]
    found = evaluate(
        spark,
        cases,
        "rank double, plans int, asks int, promotions int, wanted string",
        lambda c: orientation.value_orientation(
            orientation.price_sensitivity(c["rank"], c["plans"], c["asks"], c["promotions"], rule), rule
        ),
    )
    assert found == [case[-1] for case in cases]


def test_fashion_orientation_by_adoption_rank(spark):
    cases = [
        (0.0, "LEAD"),
        (0.15, "LEAD"),
        (0.16, "FOLLOW"),
        (0.83, "FOLLOW"),
        (0.84, "CONSERVATIVE"),
        (None, "CONSERVATIVE"),
    ]
    found = evaluate(
        spark,
        cases,
        "rank double, wanted string",
        lambda c: orientation.fashion_orientation(c["rank"], load_orientation().fashion_orientation),
    )
    assert found == [case[-1] for case in cases]


def test_return_rate_is_what_serving_leaves_of_the_bill(spark):
    cost = UnitCost(voice_minute_fen=4, message_fen=2, mms_fen=12, data_mb_fen=8, line_month_fen=300)
    cases = [
        (5000, 90 * 600, 300, 0, 30 * 1024, 90, (5000 - (900 * 4 + 600 + 240) / 3 - 300) / 5000),
        (
            5000,
            90 * 600,
            300,
            0,
            30 * 1024,
            30,
            (5000 - (900 * 4 + 600 + 240) - 300) / 5000,
        ),  # the same in one month of life
        (200, 0, 0, 0, 0, 90, -0.5),  # costs more than it brings
        (0, 60, 0, 0, 0, 90, None),
        (None, None, None, None, None, None, None),
    ]
    found = evaluate(
        spark,
        cases,
        "bill long, seconds long, messages long, mms long, kb long, days int, wanted double",
        lambda c: value_tier.return_rate(c["bill"], c["seconds"], c["messages"], c["mms"], c["kb"], c["days"], cost),
    )
    assert found == [None if case[-1] is None else pytest.approx(case[-1]) for case in cases]


def test_value_score_and_tier(spark):
    rule = load_judgements().value_tier
    scores = evaluate(
        spark,
        [(1.0, 1.0, 1.0, True), (0.5, None, None, None)],
        "arpu double, back double, circle double, key boolean",
        lambda c: value_tier.value_score(c["arpu"], c["back"], c["circle"], c["key"], rule),
    )
    assert scores == pytest.approx([1.0, 0.35])
    tiers = evaluate(
        spark,
        [(0.8,), (0.79,), (0.5,), (0.49,), (None,)],
        "rank double",
        lambda c: value_tier.value_tier(c["rank"], rule),
    )
    assert tiers == ["HIGH", "MID", "MID", "LOW", None]


def test_stickiness_levels(spark):
    rule = load_judgements().stickiness
    cases = [(True, 2, True, 1.0, 91, 1.2), (False, 1, False, None, 90, 0.125), (None, None, None, None, None, 0.0)]
    scores = evaluate(
        spark,
        [case[:-1] for case in cases],
        "account boolean, services int, closed boolean, circle double, left int",
        lambda c: stickiness.stickiness_score(c["account"], c["services"], c["closed"], c["circle"], c["left"], rule),
    )
    assert scores == pytest.approx([case[-1] for case in cases])
    levels = evaluate(
        spark, [(0.66,), (0.65,), (0.33,), (0.32,)], "s double", lambda c: stickiness.stickiness_level(c["s"], rule)
    )
    assert levels == ["HIGH", "MID", "MID", "NONE"]


def test_anomaly_names_the_parts_that_hold(spark):
    rule = load_judgements().anomaly
    cases = [
        (-0.4, None, 0, 0, None, 0, ["USAGE_DROP"]),
        (-0.39, -0.5, 2, 0, None, 0, ["USAGE_DROP", "COMPETITOR_HOTLINE"]),
        (None, None, 1, 5, 5, 0, ["FORWARDING", "BALANCE_RUNDOWN"]),
        (None, None, 0, 0, 5, 1, []),
        (None, None, None, None, None, None, []),
    ]
    schema = "minutes double, calls double, hot int, fwd int, days int, topups int, wanted array<string>"
    found = evaluate(
        spark,
        cases,
        schema,
        lambda c: anomaly.anomaly_reasons(c["minutes"], c["calls"], c["hot"], c["fwd"], c["days"], c["topups"], rule),
    )
    assert found == [case[-1] for case in cases]


# value tier, anomaly, roaming seconds, fashion, corporate, active days, value orientation, pay ability -> strategic segment (4.5)
STRATEGIC = [
    ("HIGH", "YES", 9000, "LEAD", False, 20, "INSENSITIVE", "HIGH", "SS6"),
    ("HIGH", "NO", 7200, "LEAD", False, 20, "INSENSITIVE", "HIGH", "SS7"),
    ("HIGH", "NO", 7199, "FOLLOW", False, 20, "INSENSITIVE", "HIGH", "SS2"),
    ("HIGH", "NO", 0, "FOLLOW", True, 20, "INSENSITIVE", "HIGH", "SS1"),
    ("MID", "YES", 9000, "LEAD", False, 0, "THRIFTY", "LOW", "SS3"),
    ("LOW", "NO", 0, "CONSERVATIVE", False, 5, "THRIFTY", "HIGH", "SS5"),
    ("LOW", "NO", 0, "CONSERVATIVE", False, 6, "ECONOMICAL", "HIGH", "SS9"),
    ("LOW", "NO", 0, "CONSERVATIVE", False, 6, "INSENSITIVE", "MID", "SS8"),
    (None, "NO", 0, None, False, 6, None, None, "SS4"),
]


def test_each_strategic_segment_takes_whom_its_rule_names_in_order(spark):
    schema = (
        "value_tier string, anomaly_level string, roam_seconds_90d long, fashion_orientation string, is_corporate boolean, "
        "active_days_30d int, value_orientation string, pay_ability string, wanted string"
    )
    frame = spark.createDataFrame(STRATEGIC, schema).selectExpr("*", "true AS is_live")
    found = [row["code"] for row in frame.select(strategic_segment().alias("code")).collect()]
    assert found == [case[-1] for case in STRATEGIC]
    assert set(found) == {segment.code for segment in load_strategic().segments}, "floor: every segment is reached"
