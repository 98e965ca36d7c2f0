"""Funnel arithmetic: steps only lose customers, open windows give no number."""

import pytest

from jobs.evaluation.rates import Funnel, percent, ratio
from jobs.evaluation.reports import channel_rows, funnel_rows, model_rows, progress_rows, staff_rows, strategy_rows

COUNTS = {
    "campaign_id": "C",
    "channel_code": "SMS",
    "targeted_cnt": 1000,
    "contactable_cnt": 800,
    "contacted_cnt": 600,
    "accepted_cnt": 60,
    "effective_cnt": 30,
    "open_cnt": 0,
    "open_effective_cnt": 0,
}


def test_overall_rate_is_the_product_of_the_steps_given_mature_funnel():
    (row,) = funnel_rows([COUNTS])

    product = row["contact_rate"] * row["success_rate_contacted"] * row["effective_rate"]
    assert row["overall_rate"] == pytest.approx(product) == pytest.approx(30 / 1000)
    assert row["success_rate_target"] == pytest.approx(0.06)  # rate 1
    assert row["success_rate_contacted"] == pytest.approx(0.10)  # rate 2


# A night of contacts that is three days old, beside the 600 contacts of COUNTS.
RUNNING = {
    "targeted_cnt": 1200,
    "contactable_cnt": 1000,
    "contacted_cnt": 800,
    "accepted_cnt": 70,
    "listed_cnt": 800,
    "open_cnt": 200,
    "open_contacted_cnt": 200,
    "open_accepted_cnt": 10,
}


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
    of_contacts = {
        "campaign_id": "C",
        "offer_id": "O",
        "planned_cnt": 100,
        "contacted_cnt": 90,
        "accepted_cnt": 10,
        "considering_cnt": 9,
        "open_cnt": 50,
        "open_contacted_cnt": 40,
        "open_accepted_cnt": 5,
        "open_considering_cnt": 4,
        "is_model_selected": True,
    }
    (model,), (offer,) = model_rows([of_contacts]), strategy_rows([of_contacts])

    assert model["precision"] == pytest.approx(5 / 50)
    assert (offer["accept_share"], offer["consider_share"]) == (pytest.approx(0.1), pytest.approx(0.1))
    assert model["acceptance_text"] == offer["acceptance_text"] == "mature, 50 still open"
    assert model_rows([of_contacts | {"open_cnt": 100}])[0]["precision"] is None


def test_model_is_held_against_the_others_given_counts_of_both():
    of_model = {
        "campaign_id": "C",
        "planned_cnt": 1000,
        "contacted_cnt": 800,
        "accepted_cnt": 240,
        "is_model_selected": True,
    }
    others = of_model | {"contacted_cnt": 500, "accepted_cnt": 60, "is_model_selected": False}
    (row,) = model_rows([of_model, others])

    assert (row["precision"], row["other_rate"]) == (pytest.approx(0.30), pytest.approx(0.12))
    assert row["efficiency"] == pytest.approx(2.5)
    assert row["recall"] == pytest.approx(240 / 300)


def test_refusals_of_an_offer_are_counted_by_reason_given_channels_and_people():
    refused = {"campaign_id": "C", "offer_id": "O", "planned_cnt": 9, "contacted_cnt": 9}
    (row,) = strategy_rows(
        [
            refused | {"channel_code": "OUTBOUND", "refused_cnt": 3, "refuse_reason": "PRICE"},
            refused | {"channel_code": "STORE", "refused_cnt": 2, "refuse_reason": "PRICE"},
            refused | {"channel_code": "STORE", "refused_cnt": 1, "refuse_reason": None},
            refused | {"channel_code": "STORE", "accepted_cnt": 4},
        ]
    )

    assert row["refuse_reasons"] == [("PRICE", 5), ("UNKNOWN", 1)]
    assert (row["refused"], row["accept_share"]) == (6, pytest.approx(4 / 36))


def test_people_are_held_against_the_mean_of_their_channel_given_unequal_numbers_of_talks():
    rows = staff_rows(
        [
            {"channel_code": "OUTBOUND", "contacted_cnt": 100, "accepted_cnt": 40, "staff_id": "S1"},
            {"channel_code": "OUTBOUND", "contacted_cnt": 300, "accepted_cnt": 60, "staff_id": "S2"},
            {"channel_code": "STORE", "contacted_cnt": 10, "accepted_cnt": 9, "staff_id": "S3"},
            {"channel_code": "SMS", "contacted_cnt": 100, "accepted_cnt": 1},  # no person: not in the table
        ]
    )

    points = {row["staff_id"]: row["points_to_mean"] for row in rows}
    assert points == {"S1": pytest.approx(15.0), "S2": pytest.approx(-5.0), "S3": pytest.approx(0.0)}


def test_progress_is_of_the_planned_and_delivery_of_the_results_given_lists_under_way():
    (row,) = progress_rows([COUNTS | {"planned_cnt": 1000, "resulted_cnt": 750, "open_answer_cnt": 5}])

    assert (row["failed"], row["waiting"]) == (150, 250)
    assert (row["progress_rate"], row["delivery_rate"]) == (pytest.approx(0.75), pytest.approx(0.8))


def test_levels_of_the_funnel_are_added_up_beside_the_targeted():
    levels = {"suppressed_cnt": 200, "not_chosen_cnt": 150, "chosen_cnt": 650}
    (row,), (unknown,) = funnel_rows([COUNTS | levels]), funnel_rows([COUNTS])

    assert row["accounted_for"] == row["targeted"] == 1000
    assert unknown["accounted_for"] is None


def test_a_step_cannot_gain_customers_given_wrong_counts():
    with pytest.raises(ValueError, match="accepted 11 is more than contacted 10"):
        Funnel(targeted=100, contacted=10, accepted=11)


def test_rate_is_unknown_given_empty_group():
    assert ratio(0, 0) is None
    assert percent(None) == "not yet mature"
    assert percent(0.564) == "56.40%"
