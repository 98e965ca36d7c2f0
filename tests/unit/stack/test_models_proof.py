"""A model's promise can be broken, whether or not there is a best possible AUC to compare with."""

from __future__ import annotations

import pytest

from jobs.stack.models_proof import ModelProof


@pytest.mark.parametrize(
    ("model", "auc", "ceiling", "logistic", "is_kept"),
    [
        ("propensity_crbt", 0.78, 0.80, 0.75, True),
        ("propensity_crbt", 0.74, 0.80, 0.72, False),  # too far below the best possible
        ("propensity_crbt", 0.78, 0.80, 0.78, False),  # no better than the linear rival
        ("influence_adoption", 0.66, None, 0.62, True),
        ("influence_adoption", 0.59, None, 0.50, False),  # would not be promoted
        ("influence_adoption", 0.66, None, 0.67, False),  # the linear rival does better
    ],
)
def test_a_promise_is_kept_or_broken(model, auc, ceiling, logistic, is_kept):
    assert ModelProof(model, 1000, 50, auc, ceiling, logistic, 1.0).is_kept is is_kept
