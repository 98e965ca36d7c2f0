"""Who is protected as of a night: lists, opt-outs, complaint classes, sensitive customers, change of owner."""

from datetime import date, datetime, timedelta

import pytest

from conf.dates import DateRange
from jobs.lakehouse import ledger, published
from jobs.responses import job
from tests.builders.contacts import put

NIGHT = date(2026, 3, 10)
LONG_AGO = NIGHT - timedelta(days=200)


def at(offset):
    """Noon so many days from the night."""
    return datetime.combine(NIGHT + timedelta(days=offset), datetime.min.time()) + timedelta(hours=4)  # UTC


def a_member(sub, colour, days=0, **more):
    return {"subscription_id": sub, "list_colour": colour, "list_code": f"L_{sub}", "load_date": NIGHT + timedelta(days=days), **more}


def an_opt_out(sub, scope, offset=-1, **more):
    return {"contact_id": f"X_{sub}", "subscription_id": sub, "contact_time": at(offset), "load_date": at(offset).date(),
            "opt_out_scope": scope, **more}  # fmt: skip


def a_complaint(sub, number, offset, **more):
    return {"complaint_id": f"{sub}-{number}", "subscription_id": sub, "created_at": at(offset), "load_date": at(offset).date(),
            "closed_at": at(offset + 1), **more}  # fmt: skip


@pytest.fixture(scope="module")
def protection(spark, tmp_path_factory):
    """Reasons and scopes by subscription, built once."""
    from tests.conftest import settings_for_tests

    settings = settings_for_tests(tmp_path_factory.mktemp("protection"))
    names = ["BLACK", "RED", "GREY_SMS", "GREY_STAFF", "OLD_LIST", "FREE", "OUT_SYS", "OUT_SMS", "OUT_PROD", "OUT_UNKNOWN",
             "A_ESC", "A_PROF", "B", "C_SMS", "C_ALL", "D_OPEN", "D_OLD", "SENS", "SENS_ALL", "SOLD", "TWIN"]  # fmt: skip
    put(
        settings,
        silver__subscription=[
            *({"subscription_id": n, "customer_id": f"C_{n}", "load_date": LONG_AGO} for n in names),
            {"subscription_id": "SOLD", "customer_id": "C_BUYER", "load_date": NIGHT - timedelta(days=30)},
        ],
        silver__customer=[
            {"customer_id": "C_OUT_SYS", "id_number_token": 77, "load_date": LONG_AGO},
            {"customer_id": "C_TWIN", "id_number_token": 77, "load_date": LONG_AGO},
            {"customer_id": "C_SENS", "is_sensitive": True, "sensitive_channels": ["OUTBOUND", "IVR"], "load_date": LONG_AGO},
            {"customer_id": "C_SENS_ALL", "is_sensitive": True, "load_date": LONG_AGO},
        ],
        silver__campaign_execution=[
            {"contact_id": "X_OUT_PROD", "subscription_id": "OUT_PROD", "planned_at": at(-1), "product_id": "NEWSPAPER",
             "load_date": LONG_AGO},
            {"contact_id": "X_A", "subscription_id": "A", "planned_at": at(-20), "load_date": LONG_AGO},
        ],
        silver__list_member=[
            a_member("BLACK", "BLACK"),
            a_member("RED", "RED"),
            a_member("GREY_SMS", "GREY", scope_type="CHANNEL", scope_value="SMS"),
            a_member("GREY_STAFF", "GREY", reason_code="STAFF"),
            a_member("OLD_LIST", "BLACK", days=-1),  # gone from the newest snapshot
            a_member("SOLD", "BLACK", added_at=at(-100)),  # was on the owner before
        ],
        silver__channel_result=[
            an_opt_out("OUT_SYS", "SYSTEM"),
            {"contact_id": "X_A", "subscription_id": "A", "contact_time": at(-20), "load_date": at(-20).date()},
            an_opt_out("OUT_SMS", "CHANNEL"),
            an_opt_out("OUT_PROD", "PRODUCT"),
            an_opt_out("OUT_UNKNOWN", "PRODUCT"),  # product not known: everything closed
            an_opt_out("FREE", "SYSTEM", offset=1),  # loaded a night later
        ],
        silver__complaint=[
            a_complaint("A_ESC", 1, -150, is_escalated=True),
            *(a_complaint("A_PROF", n, -150 + 40 * n) for n in range(3)),
            a_complaint("B", 1, -250, category="MARKETING"),
            a_complaint("B", 2, -220, category="MARKETING"),
            a_complaint("C_SMS", 1, -100, category="MARKETING", about_channel="SMS"),
            a_complaint("C_ALL", 1, -100, category="MARKETING"),
            a_complaint("D_OPEN", 1, -90, status="OPEN", closed_at=None),
            a_complaint("D_OLD", 1, -90),
        ],
    )  # fmt: skip
    job.run(spark, settings, DateRange.of(NIGHT))
    return settings, protected(settings)


def protected(settings, night=NIGHT):
    """(reason, scope type, scope value) by subscription."""
    version = published.reader_version(settings, "gold.suppression")
    rows = ledger.read(settings, "gold.suppression", [("snapshot_date", "=", night)], version).to_pylist()
    found: dict[str, set] = {}
    for row in rows:
        found.setdefault(row["subscription_id"], set()).add((row["reason"], row["scope_type"], row["scope_value"]))
    return found


PROACTIVE = ("SMS", "MMS", "WAP_PUSH", "OUTBOUND", "IVR")
EVERYTHING = {  # subscription: reason; the whole subscription is closed
    "BLACK": "LIST_BLACK", "OUT_SYS": "DND_SYSTEM", "TWIN": "DND_SYSTEM", "OUT_UNKNOWN": "DND_SYSTEM",
    "A_ESC": "COMPLAINT_A", "A_PROF": "COMPLAINT_A", "C_ALL": "COMPLAINT_C", "D_OPEN": "COMPLAINT_D", "B": "COMPLAINT_B",
}  # fmt: skip


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


@pytest.mark.parametrize("sub", ["FREE", "OLD_LIST", "D_OLD", "SOLD"])
def test_nothing_is_closed_given_no_reason_in_force(protection, sub):
    assert sub not in protection[1]


def test_opt_out_is_in_force_the_night_it_is_loaded(spark, protection):
    settings, before = protection
    job.run(spark, settings, DateRange.of(NIGHT + timedelta(days=1)))

    assert ("DND_SYSTEM", "SYSTEM", "*") in protected(settings, NIGHT + timedelta(days=1))["FREE"]
    assert protected(settings) == before  # yesterday's snapshot stays as it was
