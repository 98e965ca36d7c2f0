"""The calling circle on rows typed by hand: who counts as a counterparty, who as a close one, whose tones are heard."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pytest

from jobs.view.circle import TOP, circle

DAY = date(2026, 3, 9)
PAIRS = "subscription_id string, other_token long, other_id string, contact_cnt long, mt_cnt long, gift_cnt long, copy_cnt long"
SERVICES = "subscription_id string, has_crbt boolean, has_newspaper boolean, left_on date, crbt_days_since_event int"


@pytest.fixture(scope="module")
def ego(spark):
    """EGO knows twelve people; F01 is contacted most. F01, F02, F12 have CRBT, F02's last tone is long ago; F12 is the least close."""
    friends = [f"F{number:02d}" for number in range(1, 13)]
    pairs = [("EGO", place, friend, 40 - place, 1, 0, 0) for place, friend in enumerate(friends, 1)]
    pairs += [("F01", 90 + other, f"X{other}", 2, 0, 0, 0) for other in range(7)]  # F01 is well connected
    pairs += [("F01", 99, "X9", 1, 0, 0, 0)]  # one contact is no tie
    services = [
        (friend, friend in ("F01", "F02", "F12"), friend == "F03", None, {"F01": 5, "F02": 200, "F12": 3}.get(friend))
        for friend in friends
    ]
    services.append(("EGO", False, False, None, None))
    snap = SimpleNamespace(day=DAY, days_back=lambda days: DAY)
    measured = circle(snap, spark.createDataFrame(pairs, PAIRS), spark.createDataFrame(services, SERVICES))
    return {row["subscription_id"]: row for row in measured.collect()}["EGO"]


def test_holders_are_counted_in_the_circle_and_among_the_closest(ego):
    assert TOP == 10
    assert (ego["partner_cnt_3m"], ego["partners_with_crbt_cnt"], ego["close_partners_with_crbt_cnt"]) == (12, 3, 2)
    assert ego["partners_with_newspaper_cnt"] == 1


def test_only_tones_played_lately_by_the_closest_are_heard_each_as_widely_as_its_holder_is_connected(ego):
    assert ego["close_tone_reach"] == 7  # F01 alone: F02 has been silent, F12 is not among the ten
