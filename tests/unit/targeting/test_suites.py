"""Each gate suite of the targeting tables lets a good night pass and turns red on a planted violation of each of its rules."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from conf.tables import table_of
from expectations.measure import measure_arrow
from expectations.suites import rules_of
from jobs.lakehouse.schema import arrow_schema

NIGHT, DAY = date(2026, 3, 10), date(2026, 3, 11)
GOOD: dict[str, dict[str, Any]] = {
    "gold.campaign_decision": {
        "subscription_id": "S1",
        "campaign_id": "C",
        "business_date": NIGHT,
        "verdict": "EXPORTED",
        "first_reason": None,
        "all_reasons": 0,
        "channel_verdicts": 1,
        "channel_code": "SMS",
        "wave_no": 1,
        "score": 0.1,
        "value_yuan": 1.0,
        "is_model_selected": True,
        "campaign_version": "abc",
        "policy_version": "1",
    },
    "gold.campaign_contact": {
        "contact_id": "K1",
        "campaign_id": "C",
        "task_id": "C_SMS",
        "wave_no": 1,
        "subscription_id": "S1",
        "product_id": "CRBT",
        "offer_id": "O",
        "channel_code": "SMS",
        "channel_class": "BROADCAST",
        "contact_class": "BROADCAST",
        "planned_date": DAY,
        "business_date": NIGHT,
        "script_id": "T",
        "expected_value_yuan": 1.0,
        "score": 0.1,
        "is_model_selected": True,
        "file_name": "F",
        "line_number": 1,
    },
    "gold.control_group": {
        "campaign_id": "C",
        "subscription_id": "S1",
        "assigned_on": NIGHT,
        "control_kind": "CAMPAIGN",
        "is_model_selected": False,
        "business_date": NIGHT,
    },
    "gold.control_share": {
        "campaign_id": "C",
        "control_share": 0.2,
        "asked_share": 0.05,
        "global_share": 0.02,
        "targeted_cnt": 5000,
        "business_date": NIGHT,
    },
    "gold.recommendation": {
        "contact_id": "K1",
        "subscription_id": "S1",
        "campaign_id": "C",
        "product_id": "CRBT",
        "offer_id": "O",
        "channel_code": "STORE",
        "script_id": "T",
        "rank_no": 1,
        "expected_value_yuan": 1.0,
        "valid_from": DAY,
        "valid_to": DAY,
        "business_date": NIGHT,
    },
}
PLANTED = [
    ("gold.campaign_decision", {"verdict": "MAYBE"}, "not_allowed_count__verdict"),
    ("gold.campaign_decision", {"first_reason": "BAD_MOOD"}, "not_allowed_count__first_reason"),
    ("gold.campaign_decision", {"all_reasons": 8}, "max__all_reasons"),  # on a list although on the black list
    ("gold.campaign_decision", {"verdict": "EXCLUDED", "first_reason": "LIST_BLACK"}, "min__all_reasons"),
    ("gold.campaign_decision", {"verdict": "EXCLUDED", "all_reasons": 8}, "null_count__first_reason"),
    ("gold.campaign_decision", {"channel_code": None}, "null_count__channel_code"),
    ("gold.campaign_decision", {"channel_code": "FAX"}, "not_allowed_count__channel_code"),
    ("gold.campaign_decision", {"channel_verdicts": 0}, "min__channel_verdicts"),
    ("gold.campaign_decision", {"score": 1.5}, "max__score"),
    ("gold.campaign_decision", {"score": -0.1}, "min__score"),
    ("gold.campaign_decision", {"subscription_id": None}, "required_null_count"),
    ("gold.campaign_contact", {"channel_code": "FAX"}, "not_allowed_count__channel_code"),
    ("gold.campaign_contact", {"product_id": "CRBTT"}, "not_allowed_count__product_id"),
    ("gold.campaign_contact", {"channel_class": "LOUD"}, "not_allowed_count__channel_class"),
    ("gold.campaign_contact", {"contact_class": "LOUD"}, "not_allowed_count__contact_class"),
    ("gold.campaign_contact", {"planned_date": date(2026, 3, 9)}, "order_violation_count"),
    ("gold.campaign_contact", {"wave_no": 0}, "min__wave_no"),
    ("gold.campaign_contact", {"line_number": 0}, "min__line_number"),
    ("gold.campaign_contact", {"score": 1.5}, "max__score"),
    ("gold.campaign_contact", {"score": -1.0}, "min__score"),
    ("gold.campaign_contact", {"expected_value_yuan": -50.0}, "min__expected_value_yuan"),
    ("gold.control_group", {"control_kind": "SOMETIMES"}, "not_allowed_count__control_kind"),
    ("gold.control_group", {"assigned_on": DAY}, "order_violation_count__assigned_on"),
    ("gold.control_group", {"assigned_on": date(2026, 3, 9)}, "order_violation_count__business_date"),
    ("gold.control_share", {"asked_share": -0.1, "control_share": -0.1}, "min__control_share"),
    ("gold.control_share", {"control_share": 0.6}, "max__control_share"),
    ("gold.control_share", {"control_share": 0.01}, "order_violation_count__asked_share"),
    ("gold.control_share", {"targeted_cnt": 0}, "min__targeted_cnt"),
    ("gold.recommendation", {"channel_code": "SMS"}, "not_allowed_count__channel_code"),
    ("gold.recommendation", {"product_id": "CRBTT"}, "not_allowed_count__product_id"),
    ("gold.recommendation", {"rank_no": 0}, "min__rank_no"),
    ("gold.recommendation", {"valid_to": NIGHT}, "order_violation_count__valid_from"),
    ("gold.recommendation", {"valid_to": date(2026, 3, 12)}, "order_violation_count__valid_to"),  # one day and no more
    ("gold.recommendation", {"valid_from": date(2026, 3, 1)}, "order_violation_count__business_date"),
]


def red_rules(name: str, rows: list[dict]) -> list[str]:
    table = table_of(name)
    rules = rules_of(name)
    numbers = measure_arrow(pa.Table.from_pylist(rows, schema=arrow_schema(table)), table, rules)
    return [rule.id for rule in rules if not _holds(rule, numbers[rule.id])]


def _holds(rule, value) -> bool:
    if value is None:
        return True
    return (rule.min is None or value >= rule.min) and (rule.max is None or value <= rule.max)


@pytest.mark.parametrize("name", GOOD)
def test_good_night_passes(name):
    assert red_rules(name, [GOOD[name]]) == []


@pytest.mark.parametrize(("name", "change", "rule"), PLANTED, ids=lambda part: str(part)[:40])
def test_planted_violation_turns_the_suite_red(name, change, rule):
    red = red_rules(name, [GOOD[name] | change])
    assert any(found.startswith(rule) for found in red), red


@pytest.mark.parametrize("name", GOOD)
def test_row_given_twice_turns_the_suite_red(name):
    assert "duplicate_key_count" in red_rules(name, [GOOD[name], GOOD[name]])


def test_every_rule_has_a_planted_violation():
    planted = {(name, rule) for name, _, rule in PLANTED}
    for name in GOOD:
        for rule in rules_of(name):
            if rule.metric in ("row_count", "duplicate_key_count", "required_null_count"):
                continue
            assert any(name == table and rule.id.startswith(prefix) for table, prefix in planted), f"{name}: {rule.id}"
