"""Contact history as known on a night: answers, inferred orders, control groups, maturity, effectiveness, caps."""

from datetime import date

import pytest

from conf.dates import DateRange
from jobs.lakehouse import delta_rs, published
from tests.builders.contacts import put
from tests.builders.response_cases import NEXT, NIGHT, built, day, respond


def history(settings, night=NIGHT):
    """Rows of the published contact history of one night, by contact."""
    version = published.reader_version(settings, "gold.contact_history")
    table = delta_rs.read(settings, "gold.contact_history", [("snapshot_date", "=", night)], version)
    return {row["contact_id"]: row for row in table.to_pylist()}


@pytest.fixture(scope="module")
def told(spark):
    """Settings and the history of the night."""
    settings = built(spark)
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
    ("X2", None, False, False, True),  # passive, tonight's results may be late: keeps its place for a night
    ("X3", None, False, False, False),  # passive and nobody saw it: counts nothing
]


@pytest.mark.parametrize(("contact", "response", "inferred", "mature", "counts"), CASES, ids=[c[0] for c in CASES])
def test_answer_is_read_given_contact(told, contact, response, inferred, mature, counts):
    row = told[1][contact]

    assert (row["response_code"], row["is_inferred"], row["is_mature"], row["counts_to_cap"]) == (
        response,
        inferred,
        mature,
        counts,
    )


STATES = [  # contact, state on the night, state on the next one
    ("BULK_SILENT", "MADE", "MADE"),
    ("CALL_NO", "MADE", "MADE"),
    ("BULK_FAILED", "MISSED", "MISSED"),
    ("CONTROL_QUIET", None, None),
    ("X1", "OPEN", "OPEN"),  # a delivery may be told for three nights
    ("X2", "OPEN", "MISSED"),  # a recommendation for one
    ("X3", "MISSED", "MADE"),  # told as shown later still
    ("CALL_WITHOUT_RESULT", "OPEN", "MISSED"),  # a call for two
    ("ANSWERED_ALL_THE_SAME", "MADE", "MADE"),
    ("RECALLED_AND_ANSWERED", "RECALLED", "RECALLED"),
]


@pytest.mark.parametrize(("contact", "now", "a_night_later"), STATES, ids=[c[0] for c in STATES])
def test_contact_took_place_is_open_or_was_in_vain_given_result(told, contact, now, a_night_later):
    later = history(told[0], NEXT)
    assert (told[1][contact]["contact_state"], later[contact]["contact_state"]) == (now, a_night_later)
    counts = [rows[contact]["counts_to_cap"] for rows in (told[1], later)]
    assert all(count for count, state in zip(counts, (now, a_night_later), strict=True) if state in ("MADE", "OPEN"))


def test_only_what_was_known_is_there_given_later_loads_and_lists(told):
    assert "LATER" not in told[1]  # loaded a night later
    assert "TONIGHT" not in told[1]  # tonight's own list
    assert told[1]["C:CRBT_ACQUISITION:S23"]["is_control"]


def test_withheld_list_uses_up_nothing_given_file_refused_closed_or_recalled_or_contact_dropped(told):
    assert "X1" in told[1]  # the list beside them left
    gone = {"REFUSED_LIST", "RECALLED_LIST", "CLOSED_LIST", "DROPPED", "RECALLED_ALONE"}
    assert not gone & told[1].keys()
    assert not told[1]["RECALLED_AND_ANSWERED"]["counts_to_cap"]
    assert told[1]["ANSWERED_ALL_THE_SAME"]["is_contacted"]  # recalled too late: the customer was contacted


def test_product_held_at_the_end_is_success_given_campaign_that_keeps_it(told):
    assert (told[1]["SAVE_KEPT"]["ordered_in_window"], told[1]["SAVE_LOST"]["ordered_in_window"]) == (True, False)


def test_order_in_window_is_measured_alike_given_treated_and_control(told):
    rows = told[1]

    assert (rows["CONTROL_ORDERED"]["ordered_in_window"], rows["CONTROL_QUIET"]["ordered_in_window"]) == (True, False)
    # Rule 5.24: seven days, for treated and control alike; the late order came after them.
    assert (rows["BULK_ORDERED"]["ordered_in_window"], rows["BULK_LATE_ORDER"]["ordered_in_window"]) == (True, False)
    assert rows["BULK_OPEN"]["ordered_in_window"] is None  # not yet mature


def test_customer_is_effective_given_use_and_product_kept(told):
    rows = told[1]

    assert rows["CALL_YES"]["is_effective"] is True
    assert rows["CALL_UNUSED"]["is_effective"] is False  # kept, never used
    assert rows["BULK_ORDERED"]["is_effective"] is None  # the month of use still runs
    assert rows["CALL_NO"]["is_effective"] is None


def test_answers_stay_with_the_owner_who_gave_them_given_line_that_was_sold(told):
    settings, rows = told
    version = published.reader_version(settings, "gold.channel_preference")
    found = delta_rs.read(settings, "gold.channel_preference", [("snapshot_date", "=", NIGHT)], version).to_pylist()
    sold = {row["subscription_id"]: row for row in found}["SOLD"]

    assert (rows["BEFORE_SALE"]["response_code"], rows["BEFORE_SALE"]["is_present_owner"]) == ("ACCEPT", False)
    assert (rows["AFTER_SALE"]["is_present_owner"], rows["CALL_YES"]["is_present_owner"]) == (True, True)
    assert (sold["contact_cnt"], sold["accept_cnt"], sold["owner_since"]) == (1, 0, day(-30).date())


def test_history_is_the_same_given_rerun_and_other_order_of_dates(spark, told):
    settings, first = told
    later = history(settings, NEXT)
    respond(
        spark, settings, DateRange.of(NIGHT)
    )  # the earlier night again, alone: the next one is written again with it

    assert history(settings) == first
    assert history(settings, NEXT) == later
    assert "LATER" in later
    assert "TONIGHT" in later


def affinity(settings, night):
    """(resulted, reached, contacted, accepted) by product and channel, as the value of a contact learns from it."""
    version = published.reader_version(settings, "gold.product_channel_affinity")
    table = delta_rs.read(settings, "gold.product_channel_affinity", [("snapshot_date", "=", night)], version)
    counts = ("resulted_cnt", "reached_cnt", "contacted_cnt", "accepted_cnt")
    return {(row["product_id"], row["channel_code"]): tuple(map(row.get, counts)) for row in table.to_pylist()}


def test_reach_and_answers_of_a_product_on_a_channel_are_counted(told):
    tonight = affinity(told[0], NIGHT)

    assert tonight["CRBT", "SMS"] == (9, 8, 6, 2), "one failed; two are open; the later touch and one more ordered"
    assert tonight["CRBT", "OUTBOUND"] == (8, 8, 7, 3), (
        "who was kept was reached, and is no sale; two owners of one line are two"
    )
    assert tonight["CRBT", "STORE"] == (1, 0, 0, 0), "yesterday's customer did not come, today's may still come"
    assert affinity(told[0], NEXT)["CRBT", "STORE"] == (2, 1, 1, 0), (
        "yesterday's was shown it late and said nothing, today's did not come"
    )


def test_unified_query_shows_all_channels_given_number_as_a_person_writes_it(told):
    from jobs.responses.contacts import contact_query

    settings, _ = told
    number = {"token": 4711, "kind": "MSISDN", "value": "13800138000", "first_load_date": day(-100).date()}
    delta_rs.append(settings, "vault.identity", [number])
    put(
        settings,
        silver__msisdn_assignment=[
            {
                "msisdn_token": 4711,
                "subscription_id": "S2",
                "valid_from": day(-300).date(),
                "valid_to": day(-200).date(),
                "load_date": day(-100).date(),
            },  # held it before: not asked for
            {
                "msisdn_token": 4711,
                "subscription_id": "S6",
                "valid_from": day(-90).date(),
                "valid_to": date(9999, 12, 31),
                "load_date": day(-90).date(),
            },
        ],
        silver__cs_contact=[
            {
                "contact_id": "I1",
                "subscription_id": "S6",
                "contact_date": day(-5).date(),
                "channel_code": "HOTLINE",
                "direction": "IN",
                "reason_l1": "TARIFF",
                "load_date": day(-5).date(),
            }
        ],
    )

    rows = contact_query(settings, "+86 138-0013-8000")

    assert [(row["channel"], row["answer"]) for row in rows] == [
        ("HOTLINE", "TARIFF"),
        ("SMS", "ACCEPT"),
        ("SMS", "NO_RESPONSE"),
    ]


@pytest.mark.parametrize("text", ["", "12345", "110", "13900000000"])
def test_unified_query_refuses_given_no_number_of_ours(told, text):
    from conf.errors import InputRefused
    from jobs.responses.contacts import contact_query

    with pytest.raises(InputRefused, match="number:"):
        contact_query(told[0], text)
