"""Each suite of responses and reports passes good rows and turns red on the violation planted for it."""

from datetime import date, datetime

import pyarrow as pa
import pytest

from conf.tables import table_of
from expectations.gate import judge
from expectations.measure import measure_arrow
from expectations.suites import rules_of
from jobs.lakehouse.schema import arrow_schema

NIGHT = date(2026, 3, 10)
OPEN = {"is_mature": False}

PLANTED = {  # table: the change of a good row that must turn its suite red, and the rule that must see it
    "gold.contact_history": (
        {"is_control": True, "is_contacted": True},
        "not_allowed_count__is_contacted__false__where__is_control__true",
    ),
    "gold.suppression": ({"scope_type": "EVERYTHING"}, "not_allowed_count__scope_type"),
    "gold.channel_preference": ({"accept_cnt": 9}, "order_violation_count__accept_cnt__contact_cnt"),
    "gold.product_channel_affinity": ({"affinity_band": "HUGE"}, "not_allowed_count__affinity_band"),
    "rpt.campaign_funnel": ({"accounted_for": 9}, "order_violation_count__targeted__accounted_for"),
    "rpt.campaign_channel": ({**OPEN, "accepted": 3}, "null_share__accepted__where__is_mature__false"),
    "rpt.campaign_progress": ({"resulted": 99}, "order_violation_count__resulted__planned"),
    "rpt.campaign_lift": ({"is_comparable": False}, "null_share__lift__where__is_comparable__false"),
    "rpt.eval_model": ({"model_accepted_so_far": 99}, "order_violation_count__model_accepted_so_far__model_contacted"),
    "rpt.eval_strategy": ({"other_share": -0.2}, "min__other_share"),
    "rpt.eval_staff": ({"accepted": 99}, "order_violation_count__accepted__contacted"),
    "rpt.kpi_attainment": ({"annual_target": 0.0}, "min__annual_target"),
    "rpt.export_summary": ({"contacts": 0, "customers": 0}, "min__contacts"),
}
GOOD_VALUES = {
    "is_control": False,
    "is_contacted": True,
    "response_code": "ACCEPT",
    "reach_code": "REACHED",
    "source": "EXPORT",
    "contact_state": "MADE",
    "counts_to_cap": True,
    "is_mature": True,
    "is_effective_mature": True,
    "planned_date": date(2026, 3, 1),
    "attribution_window_ends": date(2026, 3, 8),
    "scope_type": "SYSTEM",
    "scope_value": "*",
    "reason": "LIST_BLACK",
    "valid_from": date(2026, 1, 1),
    "valid_to": date(9999, 12, 31),
    "channel_class": "BROADCAST",
    "contact_class": "BROADCAST",
    "preferred_channel": "SMS",
    "affinity_band": "MID",
    "channel_code": "SMS",
    "is_sample_ratio_ok": True,
    "lift_text": "positive",
    "channel_preference_score": [("SMS", 0.1)],
    "refuse_reasons": [("PRICE", 1)],
    "targeted": 10,
    "accounted_for": 10,
    "suppressed": 1,
    "contactable": 9,
    "chosen": 8,
    "not_chosen": 1,
    "contacted": 8,
    "accepted": 4,
    "accepted_so_far": 4,
    "effective": 2,
    "mature_targeted": 9,
    "mature_contacted": 7,
    "contact_cnt": 5,
    "contacted_cnt": 5,
    "planned": 10,
    "resulted": 9,
    "treated": 10,
    "control": 10,
    "mature_treated": 5,
    "mature_control": 5,
    "model_contacted": 8,
    "other_contacted": 8,
    "contacts": 5,
    "customers": 5,
    "lift_low": 0.1,
    "lift": 0.2,
    "lift_high": 0.3,
    "annual_target": 100.0,
}


def a_row(table, **changes):
    """One good row of any of these tables."""
    row = {}
    for field in arrow_schema(table_of(table)):
        if field.name in ("business_date", "snapshot_date"):
            row[field.name] = NIGHT
        else:
            row[field.name] = GOOD_VALUES.get(field.name, _quiet(field))
    return row | changes


def _quiet(field):
    kinds = (
        (pa.types.is_boolean, True),
        (pa.types.is_integer, 1),
        (pa.types.is_floating, 0.5),
        (pa.types.is_date, NIGHT),
    )
    for is_kind, value in kinds:
        if is_kind(field.type):
            return value
    return datetime(2026, 3, 9) if pa.types.is_timestamp(field.type) else field.name


def broken_rules(tables, docs):
    """Ids of the rules that did not hold, by table, as the real checkpoint judges them."""
    measured = {name: measure_arrow(rows, table_of(name), rules_of(name)) for name, rows in tables.items()}
    verdicts = judge(measured, docs, "planted")
    found = {name: set() for name in tables}
    for verdict in verdicts:
        if not verdict.success:
            found[verdict.table].add(verdict.rule.id)
    return found


def as_tables(changes):
    return {
        name: pa.Table.from_pylist([a_row(name, **changed)], schema=arrow_schema(table_of(name)))
        for name, changed in changes.items()
    }


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Broken rules of good rows and of planted ones."""
    docs = tmp_path_factory.mktemp("docs")
    good = broken_rules(as_tables({name: {} for name in PLANTED}), docs)
    return good, broken_rules(as_tables({name: change for name, (change, _) in PLANTED.items()}), docs)


@pytest.mark.parametrize("table", PLANTED)
def test_suite_passes_given_good_rows(judged, table):
    assert judged[0][table] == set()


@pytest.mark.parametrize(("table", "rule"), [(table, rule) for table, (_, rule) in PLANTED.items()], ids=list(PLANTED))
def test_suite_turns_red_given_planted_violation(judged, table, rule):
    assert rule in judged[1][table]


@pytest.mark.parametrize(
    "changed", [{"contact_state": "LOST"}, {"contact_state": "MISSED"}, {"is_contacted": False, "response_code": None}]
)
def test_state_of_a_contact_agrees_with_what_came_of_it(tmp_path, changed):
    broken = broken_rules(as_tables({"gold.contact_history": changed}), tmp_path)["gold.contact_history"]
    assert any(
        rule.startswith(("not_allowed_count__contact_state", "not_allowed_count__is_contacted__true"))
        for rule in broken
    )
