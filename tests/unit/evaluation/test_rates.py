"""Funnel arithmetic: steps only lose customers, open windows give no number."""

import pytest

from jobs.evaluation.rates import Funnel, percent, ratio
from jobs.evaluation.reports import channel_rows, funnel_rows, model_rows, strategy_rows

COUNTS = {"campaign_id": "C", "channel_code": "SMS", "targeted_cnt": 1000, "contactable_cnt": 800, "contacted_cnt": 600,
          "accepted_cnt": 60, "effective_cnt": 30, "open_cnt": 0, "open_effective_cnt": 0}  # fmt: skip


def test_overall_rate_is_the_product_of_the_steps_given_mature_funnel():
    (row,) = funnel_rows([COUNTS])

    product = row["contact_rate"] * row["success_rate_contacted"] * row["effective_rate"]
    assert row["overall_rate"] == pytest.approx(product) == pytest.approx(30 / 1000)
    assert row["success_rate_target"] == pytest.approx(0.06)  # rate 1
    assert row["success_rate_contacted"] == pytest.approx(0.10)  # rate 2


# A night of contacts that is three days old, beside the 600 contacts of COUNTS.
RUNNING = {"targeted_cnt": 1200, "contactable_cnt": 1000, "contacted_cnt": 800, "accepted_cnt": 70, "listed_cnt": 800,
           "open_cnt": 200, "open_contacted_cnt": 200, "open_accepted_cnt": 10}  # fmt: skip


def test_rates_are_those_of_the_closed_windows_given_new_contacts_every_night():
    (closed,), (row,) = funnel_rows([COUNTS]), funnel_rows([COUNTS | RUNNING])

    for name in ("success_rate_target", "success_rate_contacted", "effective_rate", "overall_rate"):
        assert row[name] == pytest.approx(closed[name]), name
    assert (row["contacted"], row["accepted_so_far"]) == (800, 70)  # counts so far are facts
    assert (row["mature_contacted"], row["accepted"], row["still_open"]) == (600, 60, 200)
    assert row["acceptance_text"] == "mature, 200 still open"


def test_acceptance_is_not_yet_mature_given_no_closed_window():
    (row,) = funnel_rows(
        [COUNTS | {"open_cnt": 600, "open_contacted_cnt": 600, "open_accepted_cnt": 60, "listed_cnt": 600}]
    )

    assert (row["accepted"], row["success_rate_contacted"], row["effective"]) == (None, None, None)
    assert row["acceptance_text"] == "not yet mature"
    assert row["accepted_so_far"] == 60  # the count so far is a fact, the rate is not
    assert row["contact_rate"] == pytest.approx(0.6)


def test_effective_rate_is_of_those_whose_month_has_passed_given_others_still_running():
    (row,) = funnel_rows([COUNTS | {"effective_cnt": 20, "open_effective_cnt": 20}])

    assert row["effective_rate"] == pytest.approx(20 / 40)
    assert row["effective_text"] == "mature, 20 still open"


def test_only_effectiveness_is_open_given_no_month_of_use_has_passed():
    (row,) = funnel_rows([COUNTS | {"effective_cnt": 0, "open_effective_cnt": 60}])

    assert row["success_rate_contacted"] == pytest.approx(0.1)
    assert (row["effective_rate"], row["overall_rate"]) == (None, None)
    assert (row["acceptance_text"], row["effective_text"]) == ("mature", "not yet mature")


def test_channel_rates_are_those_of_the_closed_windows_given_new_contacts_every_night():
    (row,) = channel_rows([COUNTS | RUNNING])

    assert row["success_rate_contacted"] == pytest.approx(0.1)
    assert (row["still_open"], row["acceptance_text"]) == (200, "mature, 200 still open")


def test_channel_rates_are_not_yet_mature_given_no_closed_window():
    (row,) = channel_rows(
        [COUNTS | {"contactable_cnt": 1000, "open_cnt": 1000, "open_contacted_cnt": 600, "open_accepted_cnt": 60}]
    )

    assert row["success_rate_contacted"] is None
    assert row["acceptance_text"] == "not yet mature"


def test_reports_of_models_and_offers_leave_open_contacts_out_given_new_ones_every_night():
    of_contacts = {"campaign_id": "C", "offer_id": "O", "planned_cnt": 100, "contacted_cnt": 90, "accepted_cnt": 10,
                   "considering_cnt": 9, "open_cnt": 50, "open_contacted_cnt": 40, "open_accepted_cnt": 5,
                   "open_considering_cnt": 4, "is_model_selected": True}  # fmt: skip
    (model,), (offer,) = model_rows([of_contacts]), strategy_rows([of_contacts])

    assert model["precision"] == pytest.approx(5 / 50)
    assert (offer["accept_share"], offer["consider_share"]) == (pytest.approx(0.1), pytest.approx(0.1))
    assert model["acceptance_text"] == offer["acceptance_text"] == "mature, 50 still open"
    assert model_rows([of_contacts | {"open_cnt": 100}])[0]["precision"] is None


def test_a_step_cannot_gain_customers_given_wrong_counts():
    with pytest.raises(ValueError, match="accepted 11 is more than contacted 10"):
        Funnel(targeted=100, contacted=10, accepted=11)


def test_rate_is_unknown_given_empty_group():
    assert ratio(0, 0) is None
    assert percent(None) == "not yet mature"
    assert percent(0.564) == "56.40%"
