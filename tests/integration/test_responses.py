"""Contact history as known on a night: answers, inferred orders, control groups, maturity, effectiveness, caps."""

from datetime import date, datetime, timedelta

import pytest

from conf.dates import DateRange
from jobs.lakehouse import ledger, published
from jobs.responses import job
from tests.builders.contacts import put

NIGHT = date(2026, 3, 10)


def day(offset, hour=10):
    """A time so many days before (minus) or after the night."""
    return datetime.combine(NIGHT + timedelta(days=offset), datetime.min.time()) + timedelta(hours=hour - 8)  # UTC


def an_execution(contact, sub, planned, **more):
    return {"contact_id": contact, "subscription_id": sub, "planned_at": day(planned), "load_date": day(planned).date(), **more}


def a_result(contact, sub, at, **more):
    return {"contact_id": contact, "subscription_id": sub, "contact_time": day(at), "load_date": day(at).date(), **more}


def an_order(order, sub, at, hour=12, **more):
    placed = day(at, hour)
    return {"order_id": order, "subscription_id": sub, "ordered_at": placed, "order_date": placed.date(),
            "load_date": placed.date(), **more}  # fmt: skip


def history(settings, night=NIGHT):
    """Rows of the published contact history of one night, by contact."""
    version = published.reader_version(settings, "gold.contact_history")
    table = ledger.read(settings, "gold.contact_history", [("snapshot_date", "=", night)], version)
    return {row["contact_id"]: row for row in table.to_pylist()}


@pytest.fixture(scope="module")
def told(spark, tmp_path_factory):
    """One history that holds every case, built once."""
    from tests.conftest import settings_for_tests

    settings = settings_for_tests(tmp_path_factory.mktemp("responses"))
    put(
        settings,
        silver__campaign_execution=[
            an_execution("BULK_ORDERED", "S1", -20),
            an_execution("BULK_LATE_ORDER", "S2", -20),
            an_execution("BULK_OPEN", "S3", -2),
            an_execution("BULK_SILENT", "S4", -20),
            an_execution("BULK_FAILED", "S5", -3),
            an_execution("TOUCH_1", "S6", -20),
            an_execution("TOUCH_2", "S6", -18, wave_no=2),
            an_execution("CALL_YES", "S7", -70, channel_code="OUTBOUND"),
            an_execution("CALL_NO", "S8", -20, channel_code="OUTBOUND"),
            an_execution("CALL_MAYBE", "S9", -20, channel_code="OUTBOUND"),
            an_execution("CALL_OLD_MAYBE", "S10", -40, channel_code="OUTBOUND"),
            an_execution("CONTROL_ORDERED", "S11", -20, channel_code=None, is_control=True),
            an_execution("CONTROL_QUIET", "S12", -20, channel_code=None, is_control=True),
            an_execution("CALL_UNUSED", "S13", -70, channel_code="OUTBOUND"),
            an_execution("LATER", "S1", 1, load_date=NIGHT + timedelta(days=1)),  # not known yet
        ],
        silver__channel_result=[
            *(a_result(f"BULK_{c}", s, -20) for c, s in (("ORDERED", "S1"), ("LATE_ORDER", "S2"), ("SILENT", "S4"))),
            a_result("BULK_OPEN", "S3", -2),
            a_result("BULK_FAILED", "S5", -3, reach_code="FAILED"),
            a_result("TOUCH_1", "S6", -20),
            a_result("TOUCH_2", "S6", -18),
            a_result("CALL_YES", "S7", -70, channel_code="OUTBOUND", reach_code="REACHED", response_code="ACCEPT",
                     staff_id="A1", order_id="O7"),
            a_result("CALL_NO", "S8", -20, channel_code="OUTBOUND", reach_code="REACHED", response_code="REFUSE"),
            a_result("CALL_NO", "S8", -21, channel_code="OUTBOUND", reach_code="NOT_REACHED", response_code="NOT_REACHED"),
            a_result("CALL_MAYBE", "S9", -20, channel_code="OUTBOUND", reach_code="REACHED", response_code="CONSIDER"),
            a_result("CALL_OLD_MAYBE", "S10", -40, channel_code="OUTBOUND", reach_code="REACHED", response_code="CONSIDER"),
            a_result("CALL_UNUSED", "S13", -70, channel_code="OUTBOUND", reach_code="REACHED", response_code="ACCEPT"),
        ],
        silver__product_order=[
            an_order("O1", "S1", -18),
            an_order("O2", "S2", -12),  # 8 days after delivery: nobody's success
            an_order("O4", "S4", -18, product_id="NEWSPAPER"),  # another product
            an_order("O6", "S6", -17),  # the second touch gets it
            an_order("O7", "S7", -70, 11),
            an_order("O11", "S11", -15),
        ],
        silver__vas_daily=[
            {"subscription_id": "S7", "event_date": day(-60).date(), "load_date": day(-60).date(), "crbt_set_cnt": 1},
        ],
        silver__product_subscription=[
            {"subscription_id": s, "valid_date": day(-70).date(), "load_date": day(-69).date()} for s in ("S7", "S13")
        ],
        gold__campaign_contact=[
            {"contact_id": "X1", "subscription_id": "S20", "planned_date": NIGHT, "business_date": NIGHT - timedelta(days=1)},
            {"contact_id": "X2", "subscription_id": "S21", "planned_date": NIGHT, "business_date": NIGHT - timedelta(days=1),
             "channel_code": "STORE", "channel_class": "PASSIVE", "contact_class": "PASSIVE"},
            {"contact_id": "TONIGHT", "subscription_id": "S22", "planned_date": NIGHT + timedelta(days=1), "business_date": NIGHT},
        ],
        silver__subscription=[
            {"subscription_id": f"S{n}", "customer_id": f"C{n}", "load_date": day(-100).date()} for n in range(1, 24)
        ],
        silver__list_member=[{"subscription_id": "S1", "load_date": NIGHT}],
        gold__control_group=[{"subscription_id": "S23", "assigned_on": NIGHT - timedelta(days=1),
                              "business_date": NIGHT - timedelta(days=1)}],
    )  # fmt: skip
    job.run(spark, settings, DateRange.of(NIGHT))
    return settings, history(settings)


CASES = [  # contact, response, inferred, mature, counts to the caps
    ("BULK_ORDERED", "ACCEPT", True, True, True),
    ("BULK_LATE_ORDER", "NO_RESPONSE", False, True, True),
    ("BULK_OPEN", None, False, False, True),
    ("BULK_SILENT", "NO_RESPONSE", False, True, True),
    ("BULK_FAILED", "NOT_REACHED", False, True, False),
    ("TOUCH_1", "NO_RESPONSE", False, True, True),  # a later contact for the product took the order
    ("TOUCH_2", "ACCEPT", True, True, True),
    ("CALL_YES", "ACCEPT", False, True, True),
    ("CALL_NO", "REFUSE", False, True, True),  # the answer counts, not the failed attempt the day before
    ("CALL_MAYBE", "CONSIDER", False, True, True),
    ("CALL_OLD_MAYBE", "NO_RESPONSE", False, True, True),  # a CONSIDER is valid for 30 days
    ("CONTROL_ORDERED", None, False, True, False),
    ("X1", None, False, False, True),  # exported, no result yet: counts already
    ("X2", None, False, False, False),  # passive: counts when shown
]


@pytest.mark.parametrize(("contact", "response", "inferred", "mature", "counts"), CASES, ids=[c[0] for c in CASES])
def test_answer_is_read_given_contact(told, contact, response, inferred, mature, counts):
    row = told[1][contact]

    assert (row["response_code"], row["is_inferred"], row["is_mature"], row["counts_to_cap"]) == (
        response, inferred, mature, counts,
    )  # fmt: skip


def test_only_what_was_known_is_there_given_later_loads_and_lists(told):
    assert "LATER" not in told[1]  # loaded a night later
    assert "TONIGHT" not in told[1]  # tonight's own list
    assert told[1]["C:CRBT_ACQUISITION:S23"]["is_control"]


def test_order_in_window_is_measured_alike_given_treated_and_control(told):
    rows = told[1]

    assert (rows["CONTROL_ORDERED"]["ordered_in_window"], rows["CONTROL_QUIET"]["ordered_in_window"]) == (True, False)
    assert (rows["BULK_ORDERED"]["ordered_in_window"], rows["BULK_LATE_ORDER"]["ordered_in_window"]) == (True, True)
    assert rows["BULK_OPEN"]["ordered_in_window"] is None  # not yet mature


def test_customer_is_effective_given_use_and_product_kept(told):
    rows = told[1]

    assert rows["CALL_YES"]["is_effective"] is True
    assert rows["CALL_UNUSED"]["is_effective"] is False  # kept, never used
    assert rows["BULK_ORDERED"]["is_effective"] is None  # the month of use still runs
    assert rows["CALL_NO"]["is_effective"] is None


def test_history_is_the_same_given_rerun_and_other_order_of_dates(spark, told):
    settings, first = told
    job.run(spark, settings, DateRange.of(NIGHT + timedelta(days=1)))
    later = history(settings, NIGHT + timedelta(days=1))
    job.run(spark, settings, DateRange.of(NIGHT))  # back to the earlier night

    assert history(settings) == first
    assert history(settings, NIGHT + timedelta(days=1)) == later
    assert "LATER" in later
    assert "TONIGHT" in later


def test_unified_query_shows_all_channels_given_number_as_a_person_writes_it(told):
    from jobs.responses.contacts import contact_query

    settings, _ = told
    number = {"token": 4711, "kind": "MSISDN", "value": "13800138000", "first_load_date": day(-100).date()}
    ledger.append(settings, "vault.identity", [number])
    put(
        settings,
        silver__msisdn_assignment=[
            {"msisdn_token": 4711, "subscription_id": "S2", "valid_from": day(-300).date(), "valid_to": day(-200).date(),
             "load_date": day(-100).date()},  # held it before: not asked for
            {"msisdn_token": 4711, "subscription_id": "S6", "valid_from": day(-90).date(), "valid_to": date(9999, 12, 31),
             "load_date": day(-90).date()},
        ],
        silver__cs_contact=[{"contact_id": "I1", "subscription_id": "S6", "contact_date": day(-5).date(), "channel_code": "HOTLINE",
                             "direction": "IN", "reason_l1": "TARIFF", "load_date": day(-5).date()}],
    )  # fmt: skip

    rows = contact_query(settings, "+86 138-0013-8000")

    assert [(row["channel"], row["answer"]) for row in rows] == [("HOTLINE", "TARIFF"), ("SMS", "ACCEPT"), ("SMS", "NO_RESPONSE")]


@pytest.mark.parametrize("text", ["", "12345", "110", "13900000000"])
def test_unified_query_refuses_given_no_number_of_ours(told, text):
    from conf.errors import InputRefused
    from jobs.responses.contacts import contact_query

    with pytest.raises(InputRefused, match="number:"):
        contact_query(told[0], text)
