"""The interval of the lift covers the truth as often as it says, and broken splits are found."""

import math
from datetime import date, timedelta
from functools import partial

import numpy as np
import pytest

from jobs.evaluation.lift import newcombe, same_share_p_value, sample_ratio_p_value, wilson
from jobs.evaluation.reports import lift_rows
from jobs.evaluation.tables import expected_control_share
from jobs.rules.control_share import control_share

CAMPAIGNS = 600
FIRST = date(2026, 3, 10)  # night on which the campaign began


def test_interval_covers_the_truth_in_95_percent_given_simulated_campaigns():
    rng = np.random.default_rng(20260310)
    base = rng.uniform(0.02, 0.15, CAMPAIGNS)
    effect = rng.uniform(0.0, 0.15, CAMPAIGNS)
    treated = rng.integers(500, 2000, CAMPAIGNS)
    control = treated // 9  # 10 percent control
    treated_orders = rng.binomial(treated, base + effect)
    control_orders = rng.binomial(control, base)

    covered = [
        newcombe(int(a), int(n), int(b), int(m)).contains(truth)
        for a, n, b, m, truth in zip(treated_orders, treated, control_orders, control, effect, strict=True)
    ]

    assert 0.93 <= np.mean(covered) <= 0.97


def test_interval_equals_the_published_example_given_newcombe_1998():
    interval = newcombe(56, 70, 48, 80)  # Newcombe 1998, table II (a), method 10

    assert (interval.value, interval.low, interval.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize(("successes", "trials"), [(0, 20), (1, 20), (56, 70), (20, 20), (3100, 250_000)])
def test_wilson_solves_its_equation(successes, trials):
    rate, z = successes / trials, 1.959963984540054
    interval = wilson(successes, trials)

    for bound in (interval.low, interval.high):
        assert (rate - bound) ** 2 == pytest.approx(z * z * bound * (1 - bound) / trials, abs=1e-12)
    assert interval.low <= interval.value <= interval.high


def test_sample_ratio_is_that_of_the_normal_approximation():
    z = (130 - 100) / math.sqrt(1000 * 0.1 * 0.9)

    assert sample_ratio_p_value(130, 1000, 0.1) == pytest.approx(math.erfc(z / math.sqrt(2)), abs=1e-12)
    assert [sample_ratio_p_value(0, 0, 0.1), sample_ratio_p_value(0, 10, 0.0), sample_ratio_p_value(9, 10, 1.0)] == [
        None
    ] * 3


def test_wilson_stays_inside_zero_and_one_given_extremes():
    assert 0.0 <= wilson(0, 20).low < 1e-9
    assert 1.0 >= wilson(20, 20).high > 1 - 1e-9
    with pytest.raises(ValueError, match="trials > 0"):
        wilson(0, 0)


@pytest.mark.parametrize(("control", "is_ok"), [(100, True), (110, True), (160, False), (20, False)])
def test_sample_ratio_is_checked_given_a_tenth_expected(control, is_ok):
    assert (sample_ratio_p_value(control, 1000, 0.10) >= 0.001) is is_ok


def test_lift_is_withheld_given_every_window_open():
    (row,) = lift_rows([arms(is_open=True)], a_tenth)

    assert row["lift"] is None
    assert row["treated_rate"] is None
    assert (row["still_open"], row["lift_text"]) == (1000, "not yet mature")


def test_lift_is_that_of_the_closed_cohorts_given_a_new_cohort_every_night():
    tonight = arms(is_open=True, treated_cnt=45, treated_success_cnt=0, control_cnt=5, control_success_cnt=0)
    (closed,), (row,) = lift_rows([arms()], a_tenth), lift_rows([arms(), tonight], a_tenth)

    assert [row[name] for name in ("lift", "lift_low", "lift_high")] == [
        closed[name] for name in ("lift", "lift_low", "lift_high")
    ]
    assert (row["treated"], row["mature_treated"], row["still_open"], row["lift_text"]) == (945, 900, 50, "positive")


def test_lift_is_positive_given_clear_effect_and_unclear_given_none():
    rows = lift_rows([arms(), arms(campaign_id="NONE", treated_success_cnt=18)], a_tenth)

    assert [row["lift_text"] for row in rows] == ["positive", "no effect shown"]
    assert rows[0]["lift_low"] > 0
    assert rows[1]["lift_low"] < 0 < rows[1]["lift_high"]
    assert all(row["is_sample_ratio_ok"] for row in rows)


@pytest.mark.parametrize(("held_back_reached", "is_void"), [(10, False), (14, False), (30, True), (0, True)])
def test_lift_is_void_given_other_campaigns_reach_one_arm_more(held_back_reached, is_void):
    reached = {"treated_reached_cnt": 90, "control_reached_cnt": held_back_reached}
    (row,) = lift_rows([arms(**reached)], a_tenth)

    assert row["is_comparable"] is not is_void
    assert (row["lift"] is None) is is_void
    assert row["lift_text"] == ("void: other campaigns differ" if is_void else "positive")


def test_lift_is_void_given_another_split_than_drawn():
    (row,) = lift_rows([arms(control_cnt=160)], a_tenth)

    assert (row["lift"], row["lift_text"], row["is_comparable"]) == (None, "void: split not as drawn", False)


def test_members_held_back_from_all_campaigns_count_for_the_split_alone():
    (row,) = lift_rows([arms(control_cnt=80, global_control_cnt=20)], a_tenth)

    assert (row["control"], row["global_control"], row["is_sample_ratio_ok"]) == (80, 20, True)
    assert row["control_rate"] == pytest.approx(2 / 80)


def test_shares_of_small_groups_are_compared_exactly():
    assert same_share_p_value(0, 180, 1, 20) == pytest.approx(0.1)  # one of 200, by chance among the twenty
    assert same_share_p_value(3, 10, 0, 0) is None


def test_lift_says_so_given_no_control_group():
    (row,) = lift_rows([arms(control_cnt=0, control_success_cnt=0)], lambda cohort: None)

    assert row["lift_text"] == "no control group"


@pytest.mark.parametrize(
    ("targeted", "held_back", "is_ok"), [(5000, 1000, True), (5000, 250, False), (50_000, 2500, True)]
)
def test_split_is_as_drawn_given_share_raised_to_a_minimum_on_the_first_night(targeted, held_back, is_ok):
    fixed = [a_share(FIRST, control_share(0.05, 1000, targeted)), a_share(FIRST + timedelta(days=9), 0.5)]
    nobody = round(0.02 * (targeted - held_back))  # beside them those nobody contacts
    cohort = arms(
        campaign_id="CRBT_ACQUISITION",
        starts_on=FIRST + timedelta(days=3),
        treated_cnt=targeted - held_back - nobody,
        control_cnt=held_back + nobody,
    )
    (row,) = lift_rows([cohort], partial(expected_control_share, fixed))

    assert row["is_sample_ratio_ok"] is is_ok


def test_share_is_not_judged_given_cohort_whose_night_fixed_none():
    assert expected_control_share([a_share(FIRST, 0.2)], arms(campaign_id="CRBT_ACQUISITION", starts_on=FIRST)) is None
    drawn = arms(campaign_id="CRBT_ACQUISITION", starts_on=FIRST + timedelta(days=1))
    assert expected_control_share([a_share(FIRST, 0.2)], drawn) == pytest.approx(1 - 0.98 * 0.8)


def a_share(night, share):
    """A row of gold.control_share."""
    return {"campaign_id": "CRBT_ACQUISITION", "business_date": night, "control_share": share, "global_share": 0.02}


def a_tenth(cohort):
    """Share that was to be held back."""
    return 0.1


def arms(**changes):
    """A cohort of 1,000 with a tenth held back, its days passed."""
    base = {
        "campaign_id": "C",
        "treated_cnt": 900,
        "treated_success_cnt": 135,
        "control_cnt": 100,
        "control_success_cnt": 2,
        "is_open": False,
    }
    return base | changes
