"""Trends of use and of bills compare like with like: days lived with days lived, whole months with whole months."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from conf.segments import load_judgements
from conf.view import load_view_rules
from jobs.rules.lifecycle_stage import lifecycle_stage
from jobs.view.snapshot import Snapshot
from jobs.view.usage import measures
from jobs.view.usage_window import rows_to_read, window_sums
from jobs.view.value import bills

DAY = date(2026, 3, 9)
METERED = load_view_rules().bills.metered
# line -> days since activation, calls a day before the last 30 days, calls a day in them
LINES = {
    "OLD": (2000, 1, 1),
    "TWO_MONTHS": (59, 1, 1),
    "TWO_MONTHS_HALVED": (59, 2, 1),
    "JUST_ENOUGH": (44, 1, 1),
    "TOO_YOUNG": (43, 1, 1),
}
# line -> activation, bills by month, oldest first
BILLS = {
    "FIFTH_DOWN": (date(2020, 1, 1), {"202512": 10000, "202601": 9000, "202602": 8000}),
    "EIGHTH_DOWN": (date(2020, 1, 1), {"202512": 10000, "202601": 9333, "202602": 8667}),
    "BEGAN_IN_MID_MONTH": (date(2025, 12, 16), {"202512": 2000, "202601": 5000, "202602": 4000}),
    "BEGAN_ON_THE_FIRST": (date(2025, 12, 1), {"202512": 5000, "202601": 5000, "202602": 4000}),
    "ONE_WHOLE_MONTH": (date(2026, 1, 16), {"202601": 2000, "202602": 5000}),
}


class Typed(Snapshot):
    """A snapshot date whose tables are typed by hand."""

    def standing(self, table, since=None):
        return self.lake[table]


@pytest.fixture(scope="module")
def trends(spark):
    summed = sorted({each.measure for each in load_view_rules().usage.sums.values()} | {"voice_mt_seconds"})
    rows = [
        (line, DAY - timedelta(days=back), calls * 60, calls)
        for line, (age, before, now) in LINES.items()
        for back in range(min(age + 1, 90))
        for calls in [now if back < 30 else before]
    ]
    daily = spark.createDataFrame(
        rows, "subscription_id string, event_date date, voice_mo_seconds long, voice_mo_cnt long"
    )
    empty = [name for name in summed if name not in daily.columns]
    daily = daily.selectExpr("*", *(f"0L AS {name}" for name in empty))
    began = [(line, DAY - timedelta(days=age)) for line, (age, _, _) in LINES.items()]
    activations = spark.createDataFrame(began, "subscription_id string, activation_date date")
    sums = window_sums(rows_to_read(Typed({"silver.usage_daily": daily}, DAY), None), DAY, None, None)
    found = measures(sums, DAY, activations).collect()
    return {row["subscription_id"]: row for row in found}


def test_a_line_of_two_months_that_calls_as_ever_has_no_trend_up(trends):
    assert load_judgements().usage.trend_min_earlier_days == 15
    for line in ("OLD", "TWO_MONTHS", "JUST_ENOUGH"):
        assert trends[line]["mou_trend"] == pytest.approx(0.0), line
        assert trends[line]["voice_mo_trend"] == pytest.approx(0.0), line


def test_a_line_of_two_months_that_calls_half_as_much_is_seen_to(trends):
    assert trends["TWO_MONTHS_HALVED"]["mou_trend"] == pytest.approx(-0.5)


def test_a_line_too_young_to_compare_has_no_trend(trends):
    assert trends["TOO_YOUNG"]["voice_mo_cnt_30d"] == 30
    assert trends["TOO_YOUNG"]["mou_trend"] is None


@pytest.fixture(scope="module")
def billed(spark):
    rows = [
        (line, month, fen, 0, 0, 0, 0, *(fen if item == "local_fen" else 0 for item in METERED))
        for line, (_, months) in BILLS.items()
        for month, fen in months.items()
    ]
    items = ("total_fen", "vas_fen", "crbt_fen", "newspaper_fen", "discount_fen", *METERED)
    schema = "subscription_id string, month_id string, " + ", ".join(f"{item} long" for item in items)
    began = [(line, day) for line, (day, _) in BILLS.items()]
    activations = spark.createDataFrame(began, "subscription_id string, activation_date date")
    frame = bills(Typed({"silver.bill_month": spark.createDataFrame(rows, schema)}, DAY), activations)
    return frame.localCheckpoint()


def test_bill_trends_look_at_whole_months(billed):
    found = {row["subscription_id"]: (row["arpu_slope_3m"], row["arpu_change_3m"]) for row in billed.collect()}
    assert found["FIFTH_DOWN"] == pytest.approx((-1000 / 9000, -0.2))
    assert found["BEGAN_IN_MID_MONTH"] == (pytest.approx(-1000 / 4500), None)  # not from 2,000 to 4,000
    assert found["BEGAN_ON_THE_FIRST"] == pytest.approx((-500 / (14000 / 3), -0.2))
    assert found["ONE_WHOLE_MONTH"] == (None, None)


def test_a_fifth_less_over_three_bills_is_a_decline_and_an_eighth_is_not(billed):
    from pyspark.sql import functions as F

    no, nothing = F.lit(False), F.lit(None)
    stage = lifecycle_stage(
        F.lit(True),
        F.lit("NO"),
        F.lit(2000),
        F.col("arpu_slope_3m"),
        F.col("arpu_change_3m"),
        nothing.cast("double"),
        nothing.cast("int"),
        no,
        load_judgements().lifecycle,
    )
    found = {row["subscription_id"]: row["stage"] for row in billed.withColumn("stage", stage).collect()}
    assert (found["FIFTH_DOWN"], found["EIGHTH_DOWN"]) == ("DECLINE", "STABLE")
