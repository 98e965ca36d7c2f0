"""The interval of the lift covers the truth as often as it says, and broken splits are found."""

import numpy as np
import pytest

from jobs.evaluation.lift import newcombe, sample_ratio_p_value, wilson
from jobs.evaluation.reports import lift_rows

CAMPAIGNS = 600


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


def test_wilson_stays_inside_zero_and_one_given_extremes():
    assert 0.0 <= wilson(0, 20).low < 1e-9
    assert 1.0 >= wilson(20, 20).high > 1 - 1e-9
    with pytest.raises(ValueError, match="trials > 0"):
        wilson(0, 0)


@pytest.mark.parametrize(("control", "is_ok"), [(100, True), (110, True), (160, False), (20, False)])
def test_sample_ratio_is_checked_given_a_tenth_expected(control, is_ok):
    assert (sample_ratio_p_value(control, 1000, 0.10) >= 0.001) is is_ok


def test_lift_is_withheld_given_an_open_window():
    (row,) = lift_rows([arms(open_cnt=1)], {"C": 0.1})

    assert row["lift"] is None
    assert row["treated_rate"] is None
    assert row["lift_text"] == "not yet mature"


def test_lift_is_positive_given_clear_effect_and_unclear_given_none():
    rows = lift_rows([arms(), arms(treated_order_cnt=18)], {"C": 0.1})

    assert [row["lift_text"] for row in rows] == ["positive", "no effect shown"]
    assert rows[0]["lift_low"] > 0
    assert rows[1]["lift_low"] < 0 < rows[1]["lift_high"]
    assert all(row["is_sample_ratio_ok"] for row in rows)


def test_lift_says_so_given_no_control_group():
    (row,) = lift_rows([arms(control_cnt=0, control_order_cnt=0)], {})

    assert row["lift_text"] == "no control group"


def arms(**changes):
    """Counts of a campaign of 1,000 with a tenth held back."""
    base = {"campaign_id": "C", "treated_cnt": 900, "treated_order_cnt": 135,
            "control_cnt": 100, "control_order_cnt": 2, "open_cnt": 0}  # fmt: skip
    return base | changes
