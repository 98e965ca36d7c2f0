"""Calibrated scores mean what they say and keep their order."""

from __future__ import annotations

import json

import numpy as np
import pytest

from models.calibration import Calibration, choose_calibration, fit_isotonic, fit_platt, fit_ratio
from models.metrics import calibration_error, decile_lift, roc_auc, top_decile_rates


@pytest.fixture(scope="module")
def skewed():
    """Raw scores three times too high in odds, and what really happened."""
    rng = np.random.default_rng(2)
    truth = 1 / (1 + np.exp(-rng.normal(-2.5, 1.0, 20_000)))
    odds = 3 * truth / (1 - truth)
    return odds / (1 + odds), (rng.random(20_000) < truth).astype(float)


def test_error_falls_below_two_percent_given_skewed_scores(skewed):
    raw, label = skewed

    _, honest = choose_calibration(raw, label, "binary")

    assert calibration_error(label, raw) > 0.1
    assert calibration_error(label, honest) < 0.01


@pytest.mark.parametrize("fit", [fit_platt, fit_isotonic])
def test_order_is_kept_given_any_method(skewed, fit):
    raw, label = skewed
    ordered = fit(raw, label).apply(np.sort(raw))

    assert (np.diff(ordered) >= 0).all()


def test_calibration_survives_its_json_given_any_method(skewed):
    raw, label = skewed
    for fit in (fit_platt, fit_isotonic, fit_ratio):
        fitted = fit(raw, label)
        again = Calibration.from_dict(json.loads(fitted.to_json()))
        np.testing.assert_array_equal(again.apply(raw), fitted.apply(raw))


def test_counts_add_up_given_the_ratio():
    raw, label = np.array([0.5, 1.5, 2.0]), np.array([1.0, 3.0, 4.0])

    assert fit_ratio(raw, label).apply(raw).sum() == pytest.approx(8.0)


def test_lift_and_top_decile_given_a_perfect_ranking():
    label = np.array([1.0] * 10 + [0.0] * 90)
    score = np.linspace(1, 0, 100)

    assert decile_lift(label, score)[:2] == [10.0, 0.0]
    assert top_decile_rates(label, score) == (1.0, 1.0)
    assert roc_auc(label, score) == 1.0
    assert roc_auc(label, np.zeros(100)) == 0.5  # ties count half
