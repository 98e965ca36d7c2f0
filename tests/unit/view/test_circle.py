"""The calling circle on rows typed by hand: who counts as a counterparty, who as a close one, whose tones are heard."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pytest

from conf.segments import load_judgements
from jobs.view.circle import circle

DAY = date(2026, 3, 9)
PAIRS = "subscription_id string, other_token long, other_id string, contact_cnt long, mt_cnt long, gift_cnt long, copy_cnt long"
SERVICES = """subscription_id string, has_crbt boolean, has_newspaper boolean, left_on date, crbt_days_since_event int,
 crbt_tenure_days int"""
CRBT = {
    "F01": (5, 400),
    "F02": (None, 30),
    "F03": (200, 400),
    "F04": (5, 400),
    "F07": (3, 400),
    "F12": (3, 400),
}  # event, tenure
WELL_CONNECTED = ("F01", "F02", "F03", "F07")


@pytest.fixture(scope="module")
def ego(spark):
    """EGO calls F01 to F06 most; F12 calls EGO all day. F01, F02, F03 and F07 know two people here, F04 only outsiders."""
    friends = [f"F{number:02d}" for number in range(1, 13)]
    pairs = [("EGO", place, friend, 40 - place, 1, 0, 0) for place, friend in enumerate(friends[:11], 1)]
    pairs += [("EGO", 12, "F12", 90, 89, 0, 0), ("EGO", 50, None, 95, 1, 0, 0)]  # 50 holds no number here
    pairs += [(who, 90 + other, f"X{other}", 2, 0, 0, 0) for who in WELL_CONNECTED for other in range(2)]
    pairs += [("F04", 200 + other, None, 9, 0, 0, 0) for other in range(9)] + [("F04", 90, "X0", 1, 0, 0, 0)]
    services = [
        (friend, friend in CRBT, friend == "F03", None, *CRBT.get(friend, (None, None))) for friend in [*friends, "EGO"]
    ]
    snap = SimpleNamespace(day=DAY, days_back=lambda days: DAY)
    measured = circle(snap, spark.createDataFrame(pairs, PAIRS), spark.createDataFrame(services, SERVICES))
    return {row["subscription_id"]: row for row in measured.collect()}["EGO"]


def test_counterparties_here_are_counted_and_the_most_contacted_may_be_outside(ego):
    assert (ego["partner_cnt_3m"], ego["partners_with_crbt_cnt"], ego["partners_with_newspaper_cnt"]) == (13, 6, 1)
    assert ego["in_network_top10_share"] == pytest.approx(0.9)  # the outsider and F12 are among the ten


def test_the_closest_are_the_six_here_whom_the_subscription_calls_itself(ego):
    assert load_judgements().circle.closest == 6
    assert ego["closest_crbt_cnt"] == 4  # F01 to F04; F07 is the seventh, F12 calls but is not called


def test_heard_are_those_of_the_closest_with_a_recent_tone_or_opening_and_many_counterparties_here(ego):
    assert ego["closest_active_crbt_cnt"] == 2  # F01, F02; F03 has been silent, F04 knows outsiders only
