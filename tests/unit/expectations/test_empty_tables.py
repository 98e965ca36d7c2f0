"""What cannot be measured is not good: tables without rows, and rules whose rows are missing, stop a stage unless they may be empty."""

from __future__ import annotations

from datetime import date

import pytest

from conf.tables import table_of
from expectations import gate
from expectations.gate import judge
from expectations.measure import measure_arrow
from expectations.suites import TableRule, rules_of
from tests.builders.contract_rows import arrow_rows

NEVER_EMPTY = [
    "gold.channel_preference",
    "gold.customer_360",
    "gold.customer_360_party",
    "gold.customer_segment",
    "gold.lifecycle_state",
    "gold.suppression",
    "silver.list_member",
    "silver.usage_daily",
]
MAY_BE_EMPTY = [
    "gold.campaign_decision",
    "gold.control_group",
    "gold.contact_history",
    "gold.recommendation",
    "silver.payment",
]
NIGHT = date(2026, 3, 10)


def red(docs, names: list[str], rows: dict[str, list[dict]] | None = None) -> dict[str, set[tuple[str, str]]]:
    """(rule, severity) of the rules that do not hold, by table, as the real checkpoint judges them."""
    measured = {
        name: measure_arrow(arrow_rows(table_of(name), (rows or {}).get(name, [])), table_of(name), rules_of(name))
        for name in names
    }
    found: dict[str, set[tuple[str, str]]] = {name: set() for name in names}
    for verdict in judge(measured, docs, "test", with_pages=False):
        if not verdict.success:
            found[verdict.table].add((verdict.rule.id, verdict.rule.severity))
    return found


@pytest.fixture(scope="module")
def without_rows(tmp_path_factory):
    return red(tmp_path_factory.mktemp("docs"), [*NEVER_EMPTY, *MAY_BE_EMPTY])


@pytest.mark.parametrize("name", NEVER_EMPTY)
def test_table_that_is_never_empty_stops_the_stage_without_rows(without_rows, name):
    assert ("row_count", "fail") in without_rows[name]


def test_numbers_of_no_rows_break_their_rules(without_rows):
    assert ("share__is_live__true", "fail") in without_rows["gold.customer_360"]
    assert ("max__active_days_30d", "fail") in without_rows["gold.customer_360"]


@pytest.mark.parametrize("name", MAY_BE_EMPTY)
def test_table_that_may_be_empty_passes_without_rows(without_rows, name):
    assert {rule for rule, severity in without_rows[name] if severity == "fail"} == set()


def test_number_of_rows_that_are_missing_breaks_a_rule_unless_the_rule_lets_it_pass(tmp_path, monkeypatch):
    given = {"metric": "max", "column": "wave_no", "max": 3, "severity": "fail", "reason": "a test"}
    strict = TableRule(**given, where={"campaign_id": "NOBODY"})
    lenient = TableRule(**given, where={"campaign_id": "NO_ONE"}, when_empty="pass")
    monkeypatch.setattr(gate, "rules_of", lambda name: [strict, lenient])
    table = table_of("gold.campaign_contact")
    numbers = measure_arrow(arrow_rows(table, [{"campaign_id": "C", "wave_no": 1}]), table, [strict, lenient])

    verdicts = {
        verdict.rule.id: verdict for verdict in judge({table.name: numbers}, tmp_path, "test", with_pages=False)
    }

    assert numbers["row_count"] == 1
    assert [verdicts[rule.id].observed for rule in (strict, lenient)] == [None, None]
    assert [verdicts[rule.id].success for rule in (strict, lenient)] == [False, True]


def test_night_on_which_nobody_was_excluded_passes(tmp_path):
    listed = {
        "subscription_id": "S1",
        "campaign_id": "C",
        "business_date": NIGHT,
        "verdict": "EXPORTED",
        "all_reasons": 0,
        "channel_verdicts": 1,
        "channel_code": "SMS",
        "wave_no": 1,
        "score": 0.1,
        "is_model_selected": True,
        "campaign_version": "a",
        "policy_version": "1",
    }

    assert red(tmp_path, ["gold.campaign_decision"], {"gold.campaign_decision": [listed]}) == {
        "gold.campaign_decision": set()
    }
