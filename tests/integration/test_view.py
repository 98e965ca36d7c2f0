"""Five days of a small town, checked by hand: who held a number, what a resend changes, what the view says."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from conf.dates import DateRange
from conf.tables import tables_of_job
from jobs.lakehouse import delta_rs, published
from jobs.lakehouse.content import rows_hash
from jobs.people.tokens import Tokenizer
from jobs.rekey.job import rekey
from jobs.stack.kill_matrix import fingerprint, prove_point
from jobs.stage import run_stage
from tests.builders.bronze import a_call, a_status, a_subscription, deliver
from tests.builders.contacts import put
from tests.builders.targeting_night import copy_of
from tests.conftest import settings_for_tests

pytestmark = pytest.mark.slow

ANNA, BEN, OLD, YOUNG, TWIN_A, TWIN_B = "ANNA", "BEN", "OLD", "YOUNG", "TWIN_A", "TWIN_B"
DAY = date(2026, 3, 5)


def night_of_march_3(settings):
    """The town as it is: OLD left in October; two live subscriptions hold number 500; one newspaper reader."""
    deliver(
        settings,
        "subscription",
        "2026-03-03",
        [
            a_subscription(ANNA, 100, brand_id="1", pay_type="1", change_date=date(2026, 3, 3)),
            a_subscription(BEN, 200),
            a_subscription(OLD, 300, create_date=date(2018, 5, 1)),
            a_subscription(TWIN_A, 500, create_date=date(2021, 1, 1)),
            a_subscription(
                TWIN_B, 500, create_date=date(2024, 1, 1), cust_id="C-TWIN_A", brand_id="1", channel_id="DEALER"
            ),
        ],
    )
    deliver(
        settings,
        "subscription_status",
        "2026-03-03",
        [
            a_status(ANNA),
            a_status(BEN),
            {**a_status(OLD, "2010", "2025-10-01"), "suspension_type": "1"},
            a_status(TWIN_A),
            a_status(TWIN_B),
        ],
    )
    deliver(
        settings,
        "customer",
        "2026-03-03",
        [
            {
                "cust_id": f"C-{ANNA}",
                "birthday": date(1980, 3, 6),
                "sex": "2",
                "home_region": "59101",
                "vip_tier": "1",
                "cust_name_token": 71,
                "customer_class": "1",
                "id_type": "3",
                "is_sensitive": True,
                "sensitive_channels": "SMS,MMS",
                "corporate_id": "E1",
            },
            {
                "cust_id": f"C-{BEN}",
                "home_region": "59101",
                "vip_tier": "2",
                "sex": "9",
                "customer_class": "3",
                "id_type": "77",
            },
            {"cust_id": "C-TWIN_A", "home_region": "59101", "vip_tier": "2", "sex": "1", "customer_class": "2"},
        ],
    )
    deliver(
        settings,
        "product_offering",
        "2026-03-03",
        [
            {"prod_id": "NEWSPAPER", "prod_type": "VAS", "monthly_fee": 300},
            {"prod_id": "GPRS_PACK_5", "prod_type": "ADD_ON", "monthly_fee": 500},
        ],
    )
    deliver(
        settings,
        "product_subscription",
        "2026-03-03",
        [
            {
                "product_no_token": 100,
                "user_id": ANNA,
                "busi_type": "12",
                "prod_id": "NEWSPAPER",
                "sp_code": "801234",
                "serv_code": "NEWS01",
                "sts": "0",
                "valid_date": date(2025, 6, 1),
                "expire_date": date(2025, 5, 1),
            },
            {
                "product_no_token": 200,
                "user_id": BEN,
                "busi_type": "14",
                "prod_id": "GPRS_PACK_5",
                "sp_code": "000000",
                "serv_code": "G",
                "sts": "0",
                "valid_date": date(2025, 6, 1),
            },
            {
                "product_no_token": 100,
                "user_id": ANNA,
                "busi_type": "12",
                "prod_id": "CRBT_MUSIC_BOX",
                "sp_code": "801234",
                "serv_code": "BOX01",
                "sts": "0",
                "valid_date": date(2026, 2, 10),
            },
        ],
    )
    deliver(
        settings,
        "agreement",
        "2026-03-03",
        [
            {"agreement_id": "1", "user_id": TWIN_B, "start_date": date(2024, 5, 4), "end_date": date(2026, 5, 4)},
            {"agreement_id": "2", "user_id": YOUNG, "start_date": date(2026, 3, 4), "end_date": date(2027, 3, 4)},
            {"agreement_id": "3", "user_id": OLD, "start_date": date(2025, 3, 4), "end_date": date(2026, 4, 4)},
        ],
    )
    deliver(
        settings,
        "bill_summary",
        "2026-03-03",
        [
            {"acct_id": "A", "user_id": ANNA, "bill_cycle": month, "item_group": item, "fee_fen": fee}
            for month, item, fee in [
                ("202511", "LOCL", 9000),
                ("202512", "LOCL", 8000),
                ("202601", "LOCL", 6000),
                ("202602", "LOCL", 4500),
                ("202602", "DISC", -500),
            ]
        ],
        data_date="2026-02-28",
    )
    deliver(
        settings,
        "crbt_subscription",
        "2026-03-03",
        [
            {"msisdn_token": 200, "open_date": date(2025, 1, 1), "music_box_flag": False, "music_club_level": "2"},
            {
                "msisdn_token": 500,
                "open_date": date(2025, 1, 1),
                "close_date": date(2025, 12, 1),
                "close_reason": "SILENT",
                "music_club_level": "0",
            },
        ],
    )
    deliver(
        settings,
        "cdr_voice",
        "2026-03-03",
        [
            a_call(100, "2026-03-03", seconds=90),
            a_call(100, "2026-03-03", seconds=30, base_call_fee=13),
            a_call(300, "2026-03-03"),
            a_call(200, "2026-03-03", opp_operator="CUCC"),
            a_call(999, "2026-03-03"),
        ],
    )
    # ANNA has the line since March 3 only: what was before is the owner's before.
    deliver(
        settings,
        "complaint",
        "2026-03-03",
        [
            {"complaint_id": f"{who}{day}", "user_id": who, "created_at": datetime(2026, 3, day, 12), "status": "OPEN"}
            for who in (ANNA, BEN)
            for day in (2, 3)
        ],
    )
    deliver(
        settings,
        "cs_contact",
        "2026-03-03",
        [
            {
                "contact_id": f"V{day}",
                "user_id": ANNA,
                "contact_time": datetime(2026, 3, day, 12),
                "channel_code": "HOTLINE",
                "direction": "IN",
            }
            for day in (1, 3)
        ],
    )
    deliver(
        settings,
        "product_order",
        "2026-03-03",
        [
            {
                "order_id": f"O{day}",
                "user_id": ANNA,
                "op_time": datetime(2026, 3, day, 12),
                "prod_id": "PLAN_X",
                "action": "CHANGE",
            }
            for day in (1, 3)
        ],
    )
    put(
        settings,
        gold__channel_preference=[
            {"subscription_id": ANNA, "owner_since": date(2026, 3, 3), "snapshot_date": DAY},
            {"subscription_id": BEN, "snapshot_date": DAY},
        ],
        gold__contact_history=[
            {
                "contact_id": answer,
                "subscription_id": ANNA,
                "planned_date": date(2026, 3, day),
                "response_code": answer,
                "is_control": False,
                "is_contacted": True,
                "counts_to_cap": True,
                "is_present_owner": day >= 3,
                "snapshot_date": DAY,
            }
            for day, answer in ((1, "REFUSE"), (3, "ACCEPT"))
        ],
    )
    deliver(
        settings,
        "list_member",
        "2026-03-03",
        [
            {"msisdn_token": 300, "list_code": "BLACK", "list_colour": "BLACK", "added_at": datetime(2025, 1, 1)},
        ],
    )


def night_of_march_4(settings):
    """ANNA takes number 101; OLD's number goes to YOUNG, who asks to end at once; a call of yesterday comes late; BEN's two calls are one too few."""
    deliver(
        settings,
        "subscription",
        "2026-03-04",
        [
            a_subscription(ANNA, 101, brand_id="1", pay_type="1", change_date=date(2026, 3, 4)),
            a_subscription(YOUNG, 300, create_date=date(2026, 3, 4), brand_id="3", acct_id=f"A-{BEN}"),
        ],
    )
    deliver(
        settings,
        "subscription_imei",
        "2026-03-04",
        [
            {
                "user_id": YOUNG,
                "imei_token": 77,
                "tac": "35000001",
                "first_seen": date(2026, 3, 4),
            },  # nobody has seen it end
        ],
    )
    deliver(settings, "subscription_status", "2026-03-04", [a_status(YOUNG, "1040", since="2026-03-04")])
    deliver(
        settings,
        "cdr_voice",
        "2026-03-04",
        [
            a_call(101, "2026-03-04"),
            a_call(300, "2026-03-04"),
            a_call(100, "2026-03-03", seconds=45),
            a_call(200, "2026-03-04"),
            a_call(200, "2026-03-04", other=901),
        ],
    )
    deliver(
        settings,
        "list_member",
        "2026-03-04",
        [
            {"msisdn_token": 300, "list_code": "BLACK", "list_colour": "BLACK", "added_at": datetime(2025, 1, 1)},
            {"msisdn_token": 300, "list_code": "GREY", "list_colour": "GREY", "added_at": datetime(2026, 3, 4, 12)},
        ],
    )


def night_of_march_5(settings):
    """A corrected file of March 4 replaces the whole first one; payments with a reversal; BEN downloads a tone."""
    deliver(
        settings,
        "cdr_voice",
        "2026-03-05",
        [
            a_call(101, "2026-03-04"),
            a_call(300, "2026-03-04"),
            a_call(100, "2026-03-03", seconds=45),
            *(a_call(200, "2026-03-04", other=other) for other in (900, 901, 902)),
        ],
        data_date="2026-03-04",
        resend_no=1,
    )
    deliver(
        settings,
        "cdr_voice",
        "2026-03-05",
        [
            a_call(200, "2026-03-05"),
            *(a_call(200, "2026-03-05", other=other, call_type="FW") for other in range(910, 916)),
            *(a_call(500, "2026-03-05", other=other, call_type="FW", opp_operator="CUCC") for other in range(920, 925)),
        ],
    )
    deliver(
        settings,
        "payment",
        "2026-03-05",
        [
            {
                "pay_time": datetime(2026, 3, 5, 9),
                "amount_fen": 5000,
                "acct_id": "A",
                "user_id": BEN,
                "reversal_flag": False,
            },
            {
                "pay_time": datetime(2026, 3, 5, 10),
                "amount_fen": -2000,
                "acct_id": "A",
                "user_id": BEN,
                "reversal_flag": True,
            },
        ],
    )
    deliver(
        settings,
        "crbt_tone_event",
        "2026-03-05",
        [
            {
                "msisdn_token": 200,
                "tone_id": "1",
                "action": "DOWNLOAD",
                "event_time": datetime(2026, 3, 5, 9),
                "price_fen": 200,
                "category": "POP",
            },
        ],
    )


def in_one_range(spark, home):
    settings = settings_for_tests(home)
    for night in (night_of_march_3, night_of_march_4, night_of_march_5):
        night(settings)
    run_stage(spark, settings, "conform", DateRange.of("2026-03-03", "2026-03-05"))
    run_stage(spark, settings, "view", DateRange.of(DAY))
    return settings


@pytest.fixture(scope="module")
def town(spark, tmp_path_factory):
    return in_one_range(spark, tmp_path_factory.mktemp("town"))


def rows_of(settings, table, **equal):
    version = published.reader_version(settings, table)
    filters = [(name, "=", value) for name, value in equal.items()]
    return delta_rs.read(settings, table, filters=filters or None, version=version).to_pylist()


def calls_as_of(settings, night):
    """Outgoing calls by subscription and day, as of a night."""
    counted: dict = {}
    for row in rows_of(settings, "silver.usage_daily"):
        if row["load_date"] <= night < row["superseded_on"]:
            key = (row["subscription_id"], row["event_date"].day)
            counted[key] = counted.get(key, 0) + row["voice_mo_cnt"]
    return counted


def test_calls_belong_to_who_held_the_number_that_day(town):
    assert calls_as_of(town, date(2026, 3, 3)) == {(ANNA, 3): 2, (OLD, 3): 1, (BEN, 3): 1}
    # ANNA's number changed and her late call of the 3rd still counts for her; number 300 is YOUNG's now; 999 is nobody's
    assert calls_as_of(town, date(2026, 3, 4)) == {
        (ANNA, 3): 3,
        (OLD, 3): 1,
        (BEN, 3): 1,
        (ANNA, 4): 1,
        (YOUNG, 4): 1,
        (BEN, 4): 2,
    }


def test_a_resend_counts_from_its_night_on_and_not_before(town):
    assert calls_as_of(town, date(2026, 3, 4))[BEN, 4] == 2
    assert calls_as_of(town, date(2026, 3, 5))[BEN, 4] == 3
    assert calls_as_of(town, date(2026, 3, 5))[ANNA, 3] == 3  # its late record came again and is not counted twice


def test_charges_in_li_become_fen_half_up_on_the_day(town):
    fees = {
        row["subscription_id"]: row["voice_fee_fen"]
        for row in rows_of(town, "silver.usage_daily", load_date=date(2026, 3, 3))
    }
    assert fees == {ANNA: 3, OLD: 1, BEN: 1}  # 12 + 13 = 25 li -> 3 fen; 12 li -> 1 fen


def test_assignment_names_every_holder(town):
    held = {
        (r["msisdn_token"], r["subscription_id"]): (r["valid_from"], r["valid_to"])
        for r in sorted(rows_of(town, "silver.msisdn_assignment"), key=lambda r: r["load_date"])
    }
    always = date(9999, 12, 31)
    assert held[100, ANNA] == (date(2020, 1, 1), date(2026, 3, 4))
    assert held[101, ANNA] == (date(2026, 3, 4), always)
    assert held[300, OLD] == (date(2018, 5, 1), date(2026, 3, 4))
    assert held[300, YOUNG] == (date(2026, 3, 4), always)
    assert held[500, TWIN_A] == (date(2021, 1, 1), date(2024, 1, 1))


def test_lists_stay_with_the_holder_of_the_day_they_were_added(town):
    newest = {
        row["list_code"]: row["subscription_id"]
        for row in rows_of(town, "silver.list_member", load_date=date(2026, 3, 4))
    }
    assert newest == {"BLACK": OLD, "GREY": YOUNG}


def test_an_end_before_the_start_becomes_the_start(town):
    product = rows_of(town, "silver.product_subscription", subscription_id=ANNA, product_id="NEWSPAPER")[0]
    assert (product["expire_date"], product["dq_flag"]) == (date(2025, 6, 1), "EXPIRE_BEFORE_VALID")


def view_of(town):
    return {row["subscription_id"]: row for row in rows_of(town, "gold.customer_360", snapshot_date=DAY)}


def test_the_view_knows_who_is_live(town):
    view = view_of(town)
    assert {name for name, row in view.items() if row["is_live"]} == {ANNA, BEN, YOUNG, TWIN_B}
    assert (view[TWIN_A]["dq_flag"], view[TWIN_A]["churn_type"]) == ("DUPLICATE_LIVE_MSISDN", "DUPLICATE")
    assert (view[OLD]["churn_type"], view[OLD]["churn_month"]) == ("VOLUNTARY", "202510")
    assert view[OLD]["personality_segment"] == "UNSEGMENTED"


def test_the_view_of_anna(town):
    anna = view_of(town)[ANNA]
    wanted = {
        "msisdn": 101,
        "cust_name": 71,
        "gender_code": "FEMALE",
        "age_years": 45,
        "vip_tier": "DIAMOND",
        "brand_code": "GOTONE",
        "customer_class": "HIGH_VALUE",
        "id_type_code": "OFFICER_CERTIFICATE",
        "payment_mode": "POSTPAID",
        "is_in_grace": None,
        "acquisition_channel_code": "UNKNOWN",
        "tenure_days": 2255,
        "sensitive_channels": ["SMS", "MMS"],
        "is_corporate": True,
        "arpu_fen": 4000,
        "arpu_3m_fen": 6000,
        "arpu_slope_3m": pytest.approx(-1 / 3),
        "arpu_change_3m": pytest.approx(-0.5),
        "voice_mo_cnt_30d": 4,
        "active_days_30d": 2,
        "mou_minutes_30d": pytest.approx((90 + 30 + 45 + 60) / 60),
        "days_since_last_use": 1,
        "is_communicating": True,
        "has_newspaper": False,
        "crbt_lifecycle_state": "NONE",
        "home_area_code": "591",
        "contacts_this_month": 1,
        "lifecycle_stage": "DECLINE",
        "crbt_last_event_date": date(2026, 2, 10),
        "crbt_days_since_event": 23,
    }
    assert {name: anna[name] for name in wanted} == wanted


def test_what_the_owner_before_did_counts_not_for_the_present_one(town):
    anna, ben = view_of(town)[ANNA], view_of(town)[BEN]
    counts = ("accept_cnt_6m", "refuse_cnt_6m", "last_response_code", "hotline_calls_3m")
    assert [anna[name] for name in counts] == [1, 0, "ACCEPT", 1]
    assert (anna["complaint_cnt_90d"], ben["complaint_cnt_90d"]) == (1, 2)
    assert (anna["complaint_open_cnt"], ben["complaint_open_cnt"]) == (1, 2)


def test_the_view_of_ben(town):
    ben = view_of(town)[BEN]
    wanted = {
        "vip_tier": None,
        "acquisition_channel_code": None,
        "is_in_grace": False,
        "payment_mode": "PREPAID",
        "voice_mo_cnt_30d": 5,
        "calls_to_competitor_30d": 1,
        "payment_fen_90d": 3000,
        "topup_cnt_90d": 1,
        "days_since_last_payment": 0,
        "has_crbt": True,
        "crbt_lifecycle_state": "ACTIVE",
        "crbt_downloads_2m": 1,
        "crbt_paid_tones_90d": 1,
        "crbt_last_event_date": DAY,
        "crbt_content_preference": "POP",
        "is_music_club_premium": True,
        "vas_codes": ["CRBT"],
        "vas_active_cnt": 1,
        "pay_ability": None,
    }
    assert {name: ben[name] for name in wanted} == wanted
    assert view_of(town)[TWIN_B]["crbt_lifecycle_state"] == "CHURNED"


def test_codes_are_words_and_an_unknown_code_is_unknown_and_loses_nobody(town):
    view = view_of(town)
    assert (view[BEN]["gender_code"], view[BEN]["customer_class"], view[BEN]["id_type_code"]) == (
        "UNKNOWN",
        "ORDINARY",
        "UNKNOWN",
    )
    assert (view[TWIN_B]["gender_code"], view[TWIN_B]["customer_class"]) == ("MALE", "MID")
    assert (view[TWIN_B]["brand_code"], view[TWIN_B]["acquisition_channel_code"]) == ("GOTONE", "DEALER")
    assert view[TWIN_B]["vip_tier"] is None, "pays in advance"
    old = rows_of(town, "silver.subscription_status", subscription_id=OLD)[0]
    assert old["suspension_type"] == "ARREARS"


def test_a_handset_nobody_saw_end_is_the_one_of_the_activation_month(town):
    assert view_of(town)[YOUNG]["activation_month_imei"] == 77


def test_only_calls_forwarded_to_another_network_are_an_anomaly(town):
    view = view_of(town)
    found = {who: (view[who]["forward_cnt_30d"], view[who]["forward_other_network_30d"]) for who in (BEN, TWIN_B)}
    assert found == {BEN: (6, 0), TWIN_B: (5, 5)}
    assert "FORWARDING" not in view[BEN]["anomaly_reasons"]
    assert "FORWARDING" in view[TWIN_B]["anomaly_reasons"]


def test_lines_on_one_account_hold_each_other(town):
    view = view_of(town)
    assert view[BEN]["stickiness_score"] == pytest.approx(
        0.25 + 0.125
    )  # the account shared with YOUNG; one of two services
    assert view[TWIN_B]["stickiness_score"] == 0.0  # its customer has two lines on two accounts


def test_a_commitment_about_to_end_is_tagged_and_not_everyone_to_be_saved(town):
    view = view_of(town)
    assert (view[TWIN_B]["bundle_days_left"], view[YOUNG]["bundle_days_left"], view[ANNA]["bundle_days_left"]) == (
        60,
        364,
        None,
    )
    assert {view[TWIN_B]["lifecycle_stage"], view[YOUNG]["lifecycle_stage"]} == {"SAVE"}
    assert {row["subscription_id"] for row in rows_of(town, "gold.customer_tag", tag_id="BUNDLE_ENDING")} == {TWIN_B}


def test_party_and_segments_follow_the_view(town):
    twins = rows_of(town, "gold.customer_360_party", customer_id="C-TWIN_A")[0]
    assert (twins["subscription_cnt"], twins["live_subscription_cnt"]) == (2, 1)
    schemes = {
        (row["subscription_id"], row["scheme"]): row["segment_code"] for row in rows_of(town, "gold.customer_segment")
    }
    assert schemes[ANNA, "LIFECYCLE_STAGE"] == "DECLINE"
    strategic = {who: code for (who, scheme), code in schemes.items() if scheme == "STRATEGIC"}
    # three are judged by value: ANNA stands above two thirds of them and is MID; the others were used on five days at most
    assert strategic == {ANNA: "SS3", BEN: "SS5", YOUNG: "SS5", TWIN_B: "SS5"}


def test_a_view_killed_after_its_commit_is_equal_after_the_rerun(town, tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSEDLOOP_PROFILE", "local")
    wanted = fingerprint(town)
    assert len(wanted) > 60, "floor: tables are compared"

    prove_point(tmp_path / "home", town.home, ("view",), "gold.customer_360.after_commit", DAY, wanted)


def test_loading_in_another_order_gives_the_same_tables(spark, town, tmp_path):
    settings = settings_for_tests(tmp_path / "other")
    night_of_march_5(settings)
    night_of_march_4(settings)
    run_stage(spark, settings, "conform", DateRange.of("2026-03-05"))
    night_of_march_3(settings)
    run_stage(
        spark, settings, "conform", DateRange.of("2026-03-03", "2026-03-04")
    )  # widens to the 5th, which was built before
    run_stage(spark, settings, "view", DateRange.of(DAY))
    tables = [*tables_of_job("conform"), *tables_of_job("view")]
    assert {name: rows_hash(settings, name) for name in tables} == {name: rows_hash(town, name) for name in tables}


def test_silver_and_view_built_anew_under_another_token_key_are_those_that_were_rekeyed(spark, town, tmp_path):
    """Some of the town's tokens stand for values of the vault, the others for people it does not hold any more."""
    settings = copy_of(town, tmp_path / "home")
    known = [100, 101, 200, 300, 500]
    vault = [{"token": t, "kind": "MSISDN", "value": f"13800000{t}", "first_load_date": DAY} for t in known]
    delta_rs.append(settings, "vault.identity", vault)
    before = {row["subscription_id"]: row["msisdn"] for row in rows_of(settings, "gold.customer_360")}

    assert rekey(settings, "wu.dp")["strangers"] > 10

    new = Tokenizer.of(settings).token
    held = {row["subscription_id"]: row["msisdn"] for row in rows_of(settings, "gold.customer_360")}
    wanted = {who: token and new("MSISDN", f"13800000{token}") for who, token in before.items()}
    assert held == wanted
    assert len(set(held.values())) >= 4
    tables = [name for name in published.published_versions(settings) if name.startswith(("silver.", "gold."))]
    rekeyed = {name: rows_hash(settings, name) for name in tables}
    assert len(rekeyed) > 20
    run_stage(spark, settings, "conform", DateRange.of("2026-03-03", "2026-03-05"))
    viewed = run_stage(spark, settings, "view", DateRange.of(DAY))
    assert "undeclared_reads" not in viewed, "made_from of the contracts says all that is read"
    assert {name: rows_hash(settings, name) for name in tables} == rekeyed


def test_view_is_what_a_script_for_duckdb_says(town):
    """Two engines and two hands, one result: the script of `closedloop bench view` on the same silver tables."""
    from jobs.lakehouse.tables import Tables
    from jobs.view.bench_view import differences, peer, peer_rows

    tables = Tables(town)
    with peer(tables) as connection:
        written = peer_rows(connection, DAY)
    view = tables.arrow("gold.customer_360", [("snapshot_date", "=", DAY)])

    assert written.num_rows == view.num_rows > 0
    assert len(written.column_names) > 60
    assert differences(view, written) == {"rows": 0}
    changed = written.set_column(
        written.column_names.index("voice_mo_cnt_90d"), "voice_mo_cnt_90d", [[7] * view.num_rows]
    )
    assert differences(view, changed)["voice_mo_cnt_90d"] > 0
