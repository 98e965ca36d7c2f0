"""Who is protected as of a night: lists, opt-outs, complaint classes, sensitive customers, change of owner."""

import pytest

from jobs.lakehouse import delta_rs, published
from tests.builders.response_cases import NEXT, NIGHT, built


@pytest.fixture(scope="module")
def protection(spark):
    """Settings and reasons by subscription, as of the night."""
    settings = built(spark)
    return settings, protected(settings)


def protected(settings, night=NIGHT):
    """(reason, scope type, scope value) by subscription."""
    version = published.reader_version(settings, "gold.suppression")
    rows = delta_rs.read(settings, "gold.suppression", [("snapshot_date", "=", night)], version).to_pylist()
    found: dict[str, set] = {}
    for row in rows:
        found.setdefault(row["subscription_id"], set()).add((row["reason"], row["scope_type"], row["scope_value"]))
    return found


PROACTIVE = ("SMS", "MMS", "WAP_PUSH", "OUTBOUND", "IVR")
EVERYTHING = {  # subscription: reason; the whole subscription is closed
    "BLACK": "LIST_BLACK",
    "OUT_SYS": "DND_SYSTEM",
    "TWIN": "DND_SYSTEM",
    "OUT_UNKNOWN": "DND_SYSTEM",
    "A_ESC": "COMPLAINT_A",
    "A_PROF": "COMPLAINT_A",
    "C_ALL": "COMPLAINT_C",
    "D_OPEN": "COMPLAINT_D",
    "B": "COMPLAINT_B",
    "RESENT": "DND_SYSTEM",
    "TWICE": "DND_SYSTEM",
    "OUT_ODD": "DND_SYSTEM",
    "HOLDS_OUT": "DND_SYSTEM",
    "HOLDS_LIST": "LIST_BLACK",
    "AGAIN": "DND_SYSTEM",
    "C_RESENT": "COMPLAINT_C",
    "ERASED": "DND_SYSTEM",
    "ERASED_LATER": "DND_SYSTEM",
}


@pytest.mark.parametrize(("sub", "reason"), EVERYTHING.items(), ids=EVERYTHING)
def test_everything_is_closed_given_strong_reason(protection, sub, reason):
    assert (reason, "SYSTEM", "*") in protection[1][sub]


PARTS = [  # subscription, exactly these closures
    ("RED", {("LIST_RED", "CHANNEL", c) for c in PROACTIVE}),  # the account manager and passive channels stay open
    ("GREY_STAFF", {("LIST_GREY", "CHANNEL", c) for c in (*PROACTIVE, "ACCOUNT_MANAGER")}),
    ("GREY_SMS", {("LIST_GREY", "CHANNEL", "SMS")}),
    ("OUT_SMS", {("DND_CHANNEL", "CHANNEL", "SMS")}),
    ("OUT_PROD", {("DND_PRODUCT", "PRODUCT", "NEWSPAPER")}),
    ("C_SMS", {("COMPLAINT_C", "CHANNEL", "SMS")}),
    ("SENS", {("SENSITIVE_CHANNEL", "CHANNEL", c) for c in ("OUTBOUND", "IVR")}),
    ("SENS_ALL", {("SENSITIVE_CHANNEL", "CHANNEL", c) for c in (*PROACTIVE, "ACCOUNT_MANAGER")}),
]


@pytest.mark.parametrize(("sub", "closed"), PARTS, ids=[p[0] for p in PARTS])
def test_only_named_parts_are_closed_given_weaker_reason(protection, sub, closed):
    assert protection[1][sub] == closed


@pytest.mark.parametrize("sub", ["FREE", "OLD_LIST", "D_OLD", "SOLD", "RELEASED", "C_RELEASED", "ERASED_NEXT"])
def test_nothing_is_closed_given_no_reason_in_force(protection, sub):
    assert sub not in protection[1]


def test_opt_out_of_nobody_is_counted_and_told_given_unknown_contact_and_number(protection):
    settings, _ = protection
    counted = delta_rs.read(
        settings, "ops.run_metric", [("metric", "=", "entries_unbound"), ("step", "=", "OPT_OUT")]
    ).to_pylist()
    alerts = [path.read_text() for path in settings.path("alerts").glob("*_OPT_OUT_UNRESOLVED_*.json")]

    assert {row["value"] for row in counted} == {1.0}
    assert alerts
    assert all("opt-outs that protect nobody: 1;" in alert for alert in alerts)


def test_entries_that_protect_nobody_are_counted_by_list_and_told_given_share_that_moved(protection):
    settings, _ = protection
    rows = delta_rs.read(settings, "ops.run_metric", [("metric", "=", "entries_unbound_share")]).to_pylist()
    counted = {row["step"]: row["value"] for row in rows if row["business_date"] == NEXT}
    alerts = [path.read_text() for path in settings.path("alerts").glob("*_PROTECTION_UNBOUND_*.json")]

    assert (counted["L_OUTSIDE"], counted["L_UNKNOWN"], counted["L_BLACK"]) == (1.0, 0.0, 0.0)
    assert alerts
    told = "list L_UNKNOWN: 0 of 1 entries protect nobody, a share of 0.0%; the night before 100.0%"
    assert all(told in alert for alert in alerts)


def test_entries_stay_in_force_given_list_with_rows_nobody_can_read(protection):
    found = protected(protection[0], NEXT)

    assert ("LIST_BLACK", "SYSTEM", "*") in found["BLACK"]  # on the last whole list; whether it is gone nobody can say
    assert "OLD_LIST" not in found


def test_opt_out_is_in_force_the_night_it_is_loaded(protection):
    assert ("DND_SYSTEM", "SYSTEM", "*") in protected(protection[0], NEXT)["FREE"]
