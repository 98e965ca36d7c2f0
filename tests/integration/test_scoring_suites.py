"""Each suite of the scoring stage turns red for a planted violation, and only then."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from conf.tables import table_of
from expectations.gate import judge
from expectations.measure import measure_arrow
from expectations.suites import rules_of
from jobs.lakehouse.schema import arrow_schema

TONIGHT = date(2026, 3, 9)


def some_scores(**planted):
    """A hundred good scores of two models; `planted` changes the first row."""
    rows = [
        {
            "subscription_id": f"S{place:03d}",
            "snapshot_date": TONIGHT,
            "model_name": name,
            "score": 0.002 * place,
            "percentile": place / 50,
            "decile": place // 5 + 1,
            "model_version": 1,
            "model_sha256": "a" * 64,
        }
        for name in ("churn_offnet", "influence_adoption")
        for place in range(50)
    ]
    rows[0].update(planted)
    return pa.Table.from_pylist(rows, schema=arrow_schema(table_of("gold.customer_score")))


def some_states(prospects=5, **planted):
    """A hundred good states; `planted` changes the first row."""
    rows = [
        {
            "subscription_id": f"S{place:03d}",
            "snapshot_date": TONIGHT,
            "crbt_lifecycle_state": "PROSPECT" if place < prospects else "ACTIVE",
            "is_at_risk": place % 10 == 0,
            "churn_offnet_at_risk": place % 10 == 1,
        }
        for place in range(100)
    ]
    rows[0].update(planted)
    return pa.Table.from_pylist(rows, schema=arrow_schema(table_of("gold.lifecycle_state")))


def red_rules(name, rows, tmp_path):
    numbers = measure_arrow(rows, table_of(name), rules_of(name))
    return {
        verdict.rule.id.split("__")[0] for verdict in judge({name: numbers}, tmp_path, "test") if not verdict.success
    }


def test_suites_are_green_given_good_rows(tmp_path):
    assert red_rules("gold.customer_score", some_scores(), tmp_path) == set()
    assert red_rules("gold.lifecycle_state", some_states(), tmp_path) == set()


@pytest.mark.parametrize(
    ("planted", "rule"),
    [
        ({"score": 1.01}, "max"),  # a probability above one
        ({"score": -0.1}, "min"),
        ({"score": None}, "required_null_count"),
        ({"decile": 11}, "max"),
        ({"subscription_id": "S001"}, "duplicate_key_count"),
    ],
)
def test_scores_turn_red_given_a_planted_violation(tmp_path, planted, rule):
    assert red_rules("gold.customer_score", some_scores(**planted), tmp_path) == {rule}


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        (some_states(crbt_lifecycle_state="SLEEPY"), "not_allowed_count"),
        (some_states(prospects=16), "share"),  # more than a tenth of those without CRBT can be
        (some_states(subscription_id="S001"), "duplicate_key_count"),
    ],
)
def test_states_turn_red_given_a_planted_violation(tmp_path, rows, rule):
    assert red_rules("gold.lifecycle_state", rows, tmp_path) == {rule}
