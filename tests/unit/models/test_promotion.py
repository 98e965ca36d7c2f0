"""Who becomes champion, case by case."""

from __future__ import annotations

import pytest

from conf.models import Thresholds
from models.promotion import Evidence, decide_promotion

LIMITS = Thresholds(
    min_auc=0.6, max_ece=0.02, max_auc_drop=0.005, max_ece_rise=0.005, max_cost_ratio=4.0, min_events=20
)
CHAMPION = Evidence(auc=0.75, ece=0.010, events=500, cost=1000)


def a_challenger(**changes):
    return Evidence(**{"auc": 0.76, "ece": 0.010, "events": 500, "cost": 1000, **changes})


@pytest.mark.parametrize(
    ("challenger", "champion", "verdict", "reason"),
    [
        (a_challenger(), None, "PROMOTED", "first champion"),
        (a_challenger(), CHAMPION, "PROMOTED", r"\+0.0100"),
        (a_challenger(auc=0.746), CHAMPION, "PROMOTED", "-0.0040"),  # a drop within the limit: fresher data win
        (a_challenger(auc=0.744), CHAMPION, "REFUSED", "WORSE_THAN_CHAMPION"),
        (a_challenger(ece=0.016), CHAMPION, "REFUSED", "CALIBRATION_WORSE"),
        (a_challenger(cost=4001), CHAMPION, "REFUSED", "TOO_COSTLY"),
        (a_challenger(auc=0.59), None, "REFUSED", "AUC_TOO_LOW"),
        (a_challenger(ece=0.021), None, "REFUSED", "CALIBRATION_TOO_BAD"),
        (
            a_challenger(ece=0.021, ece_by_chance=0.01),
            None,
            "PROMOTED",
            "first champion",
        ),  # so few rows show that by chance
        (a_challenger(events=19), None, "REFUSED", "TOO_FEW_EVENTS"),
        (a_challenger(auc=0.99, leaking_feature="churn_month"), None, "REFUSED", "LEAK_SUSPECTED.*churn_month"),
    ],
)
def test_promotion_decides_with_a_reason_given_figures(challenger, champion, verdict, reason):
    decision = decide_promotion(champion, challenger, LIMITS)

    assert decision.verdict == verdict
    assert pytest.approx(decision.is_promoted) == (verdict == "PROMOTED")
    import re

    assert re.search(reason, decision.reason), decision.reason
