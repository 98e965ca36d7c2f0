"""Funnel arithmetic: steps only lose customers, open windows give no number."""

import pytest

from jobs.evaluation.rates import Funnel, percent, ratio
from jobs.evaluation.reports import channel_rows, funnel_rows

COUNTS = {"campaign_id": "C", "channel_code": "SMS", "targeted_cnt": 1000, "contactable_cnt": 800, "contacted_cnt": 600,
          "accepted_cnt": 60, "effective_cnt": 30, "open_answer_cnt": 0, "open_effective_cnt": 0}  # fmt: skip


def test_overall_rate_is_the_product_of_the_steps_given_mature_funnel():
    (row,) = funnel_rows([COUNTS])

    product = row["contact_rate"] * row["success_rate_contacted"] * row["effective_rate"]
    assert row["overall_rate"] == pytest.approx(product) == pytest.approx(30 / 1000)
    assert row["success_rate_target"] == pytest.approx(0.06)  # rate 1
    assert row["success_rate_contacted"] == pytest.approx(0.10)  # rate 2


def test_acceptance_is_not_yet_mature_given_one_open_window():
    (row,) = funnel_rows([COUNTS | {"open_answer_cnt": 1}])

    assert (row["accepted"], row["success_rate_contacted"], row["effective"]) == (None, None, None)
    assert row["acceptance_text"] == "not yet mature"
    assert row["accepted_so_far"] == 60  # the count so far is a fact, the rate is not
    assert row["contact_rate"] == pytest.approx(0.6)


def test_only_effectiveness_is_open_given_month_of_use_still_running():
    (row,) = funnel_rows([COUNTS | {"open_effective_cnt": 5}])

    assert row["success_rate_contacted"] == pytest.approx(0.1)
    assert (row["effective_rate"], row["overall_rate"]) == (None, None)
    assert (row["acceptance_text"], row["effective_text"]) == ("mature", "not yet mature")


def test_channel_rates_are_not_yet_mature_given_one_open_window():
    (row,) = channel_rows([COUNTS | {"open_answer_cnt": 1}])

    assert row["success_rate_contacted"] is None
    assert row["acceptance_text"] == "not yet mature"


def test_a_step_cannot_gain_customers_given_wrong_counts():
    with pytest.raises(ValueError, match="accepted 11 is more than contacted 10"):
        Funnel(targeted=100, contacted=10, accepted=11)


def test_rate_is_unknown_given_empty_group():
    assert ratio(0, 0) is None
    assert percent(None) == "not yet mature"
    assert percent(0.564) == "56.40%"
