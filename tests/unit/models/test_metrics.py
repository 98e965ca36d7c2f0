"""The figures of a ranking are those of their definitions, whatever library reckons them."""

from __future__ import annotations

import numpy as np
import pytest

from models.metrics import log_loss, poisson_deviance, roc_auc, single_feature_aucs


@pytest.fixture
def scored():
    """Labels and scores of 400 rows, with ties, and some scores of 0 and 1."""
    rng = np.random.default_rng(11)
    score = np.round(rng.random(400), 2)
    return (rng.random(400) < 0.2 + 0.3 * score).astype(float), score


def test_auc_is_the_share_of_pairs_in_order_ties_half(scored):
    label, score = scored
    gaps = score[label > 0][:, None] - score[label == 0][None, :]

    assert roc_auc(label, score) == pytest.approx(((gaps > 0) + 0.5 * (gaps == 0)).mean(), abs=1e-12)
    assert roc_auc(label * 3, score) == roc_auc(label, score)  # of counts: any at all


@pytest.mark.parametrize("label", [np.zeros(3), np.ones(3), np.zeros(0)])
def test_auc_says_nothing_given_one_class(label):
    assert roc_auc(label, np.arange(label.size)) == 0.5


def test_log_loss_and_poisson_deviance_are_those_of_their_formulas(scored):
    label, score = scored
    sure = np.clip(score, 1e-7, 1 - 1e-7)
    counts = np.array([0.0, 1.0, 4.0])

    assert log_loss(label, score) == pytest.approx(-np.mean(np.log(np.where(label > 0, sure, 1 - sure))), abs=1e-12)
    assert log_loss(np.array([1.0]), np.array([0.0])) == pytest.approx(-np.log(1e-7))
    assert poisson_deviance(counts, np.array([0.5, 1.0, 2.0])) == pytest.approx(
        2 * (0.5 + 0.0 + 4 * np.log(2) - 2) / 3, abs=1e-12
    )


def test_missing_values_rank_lowest_in_the_auc_of_a_feature():
    matrix = np.array([[np.nan, 5.0], [np.nan, np.nan], [-1e300, 5.0], [-np.inf, 7.0]])

    found = single_feature_aucs(matrix, np.array([0.0, 0.0, 1.0, 1.0]), ["a", "b"])

    assert found == {"a": 1.0, "b": pytest.approx(0.875)}


def test_a_feature_alone_has_the_auc_of_its_ranking_in_the_better_direction(scored):
    label, score = scored
    falling = np.where(score > 0.9, np.nan, -score)  # missing values rank lowest
    ranked = np.where(np.isnan(falling), -10.0, falling)

    found = single_feature_aucs(np.column_stack([score, falling]), label, ["rises", "falls"])

    wanted = {"rises": roc_auc(label, score), "falls": roc_auc(label, ranked)}
    assert found == pytest.approx({name: max(auc, 1 - auc) for name, auc in wanted.items()})
    assert single_feature_aucs(score[:, None], np.zeros(400), ["nobody"]) == {"nobody": 0.5}
