"""The calling circle on rows typed by hand: who counts as a counterparty, and how much of the contact goes to whom."""

from __future__ import annotations

from datetime import date

import pytest

from jobs.view.circle import circle
from jobs.view.snapshot import Snapshot

DAY = date(2026, 3, 9)
PAIRS = "subscription_id string, other_token long, other_id string, contact_cnt long, mt_cnt long, gift_cnt long, copy_cnt long"
SERVICES = "subscription_id string, has_crbt boolean, has_newspaper boolean, left_on date"
CRBT = ("F01", "F02", "F12")


@pytest.fixture(scope="module")
def ego(spark):
    """EGO is in touch with F01 to F11, most with F01; F12 calls EGO all day; 50 is outside the network; F13 was met once."""
    friends = [f"F{number:02d}" for number in range(1, 14)]
    pairs = [("EGO", place, friend, 40 - place, 1, 0, 0) for place, friend in enumerate(friends[:11], 1)]
    pairs += [("EGO", 12, "F12", 90, 89, 0, 0), ("EGO", 50, None, 95, 1, 0, 0), ("EGO", 13, "F13", 1, 0, 0, 0)]
    pairs += [("ALONE", 13, "F13", 1, 0, 0, 0)]
    services = [(friend, friend in CRBT or friend == "F13", friend == "F03", None) for friend in [*friends, "EGO"]]
    snap = Snapshot(None, DAY)
    measured = circle(snap, spark.createDataFrame(pairs, PAIRS), spark.createDataFrame(services, SERVICES))
    return {row["subscription_id"]: row for row in measured.collect()}


def test_counterparties_here_are_counted_and_the_most_contacted_may_be_outside(ego):
    row = ego["EGO"]
    assert (row["partner_cnt_3m"], row["partners_with_crbt_cnt"], row["partners_with_newspaper_cnt"]) == (13, 3, 1)
    assert row["in_network_top10_share"] == pytest.approx(0.9)  # the outsider and F12 are among the ten


def test_partners_with_crbt_are_weighted_by_contact_and_one_meeting_is_no_tie(ego):
    every = sum(40 - place for place in range(1, 12)) + 90 + 95
    assert ego["EGO"]["crbt_contact_share"] == pytest.approx((39 + 38 + 90) / every)
    assert ego["ALONE"]["crbt_contact_share"] is None
