"""Report tables from tables: funnel, rates, lift against control, KPI, and cells that are not yet mature."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest

from conf.dates import DateRange
from conf.responses import load_response_rules
from conf.tables import tables_of_job
from jobs.evaluation import page
from jobs.lakehouse import delta_rs, published
from jobs.rules.exclusion_reasons import Reason
from jobs.stage import run_stage
from jobs.targeting.withdrawals import DROPPED, withdraw
from tests.builders.contacts import put

NIGHT = date(2026, 3, 10)
START = date(2025, 11, 20)
BASE, UPLIFT = 0.03, 0.09


def a_contact(number, campaign, **more):
    """A row of contact history as known tonight: an old call that was answered."""
    row = {
        "contact_id": f"{campaign}-{number}",
        "campaign_id": campaign,
        "wave_no": 1,
        "subscription_id": f"S{number}",
        "product_id": "CRBT",
        "offer_id": "O1",
        "channel_code": "OUTBOUND",
        "channel_class": "ACTIVE",
        "contact_class": "ACTIVE",
        "planned_date": START,
        "business_date": START - timedelta(days=1),
        "is_control": False,
        "is_model_selected": True,
        "contacted_at": datetime(2025, 11, 20, 2),
        "reach_code": "REACHED",
        "is_contacted": True,
        "response_code": "NO_RESPONSE",
        "is_inferred": False,
        "staff_id": "A1",
        "attribution_window_ends": START + timedelta(days=7),
        "is_mature": True,
        "counts_to_cap": True,
        "source": "HISTORY",
        "snapshot_date": NIGHT,
    }
    return row | more


def finished_campaign(rng):
    """1,800 treated and 200 held back, a true effect of nine points; orders as BOSS has them."""
    contacts, orders = [], []
    for number in range(2000):
        is_control = number % 10 == 0
        has_ordered = rng.random() < BASE + (0 if is_control else UPLIFT)
        changes = (
            {
                "is_control": True,
                "channel_code": None,
                "staff_id": None,
                "is_contacted": False,
                "reach_code": None,
                "response_code": None,
            }
            if is_control
            else {}
        )
        if has_ordered:
            placed = datetime(2025, 11, 21, 4)
            orders.append(
                {
                    "order_id": f"O{number}",
                    "subscription_id": f"S{number}",
                    "ordered_at": placed,
                    "order_date": placed.date(),
                    "load_date": placed.date(),
                }
            )
            if not is_control:
                changes = {"response_code": "ACCEPT", "is_effective": number % 2 == 1, "accepted_at": placed}
        contacts.append(a_contact(number, "HIST_CRBT_2025Q4", **changes))
    return contacts, orders


def running_campaign():
    """Forty messages of two days ago; three already ordered, the window of the others is open."""
    planned = NIGHT - timedelta(days=2)
    open_sms = {
        "channel_code": "SMS",
        "channel_class": "BROADCAST",
        "contact_class": "BROADCAST",
        "source": "EXPORT",
        "planned_date": planned,
        "response_code": None,
        "is_mature": False,
        "staff_id": None,
        "reach_code": "DELIVERED",
        "attribution_window_ends": planned + timedelta(days=7),
    }
    rows = [a_contact(n, "CRBT_ACQUISITION", **open_sms) for n in range(3000, 3037)]
    ordered = open_sms | {"response_code": "ACCEPT", "is_mature": True, "is_inferred": True}
    rows += [a_contact(n, "CRBT_ACQUISITION", **ordered) for n in range(3037, 3040)]
    call = {
        "source": "EXPORT",
        "planned_date": planned,
        "response_code": "REFUSE",
        "refuse_reason": "PRICE",
        "attribution_window_ends": planned + timedelta(days=7),
    }
    return rows + [a_contact(n, "CRBT_ACQUISITION", **call) for n in range(3040, 3050)]


def before(days):
    """A day before the night."""
    return NIGHT - timedelta(days=days)


def campaign_of_every_night():
    """Twenty became due 20 nights ago; ten of them were contacted on the tenth night only, ten others became due lately.

    Five of the contacted ordered, and one of ten held back, in the days after that contact; another one of those held back
    ordered between the days after becoming due and the days after the contact, which nobody is measured in.
    """
    known = {"campaign": "NEWSPAPER_GROWTH", "product_id": "NEWSPAPER", "source": "EXPORT"}
    late = {"planned_date": before(10), "attribution_window_ends": before(3)}
    new = {"planned_date": before(2), "attribution_window_ends": NIGHT + timedelta(days=5)}
    contacts = [
        *(a_contact(n, **known, **late, response_code="ACCEPT" if n < 4005 else "REFUSE") for n in range(4000, 4010)),
        *(a_contact(n, **known, **new, response_code="ACCEPT") for n in range(4040, 4050)),
        # A second wave to one who refused: the first contact's window has passed, so the refusal still counts.
        a_contact(4005, **known, **new, contact_id="WAVE_2", wave_no=2, response_code=None, is_mature=False),
    ]
    due = {"campaign_id": "NEWSPAPER_GROWTH", "business_date": before(20)}
    decided = [
        *({**due, "subscription_id": f"S{n}", "first_reason": "NOT_CHOSEN_BUDGET"} for n in range(4000, 4020)),
        *({**due, "subscription_id": f"S{n}", "verdict": "CONTROL"} for n in range(4020, 4030)),
        *(
            {**due, "subscription_id": f"S{n}", "verdict": "CONTROL", "business_date": before(11)}
            for n in range(4020, 4030)
        ),
        *(
            {**due, "subscription_id": f"S{n}", "verdict": "EXPORTED", "business_date": before(11)}
            for n in range(4000, 4010)
        ),
        *(
            {**due, "subscription_id": f"S{n}", "verdict": "EXPORTED", "business_date": before(3)}
            for n in range(4040, 4050)
        ),
    ]
    placed = [*((n, 8) for n in range(4000, 4005)), (4020, 8), (4021, 12), *((n, 1) for n in range(4040, 4050))]
    orders = [
        {
            "order_id": f"N{n}",
            "subscription_id": f"S{n}",
            "product_id": "NEWSPAPER",
            "ordered_at": datetime(2026, 3, 1),
            "order_date": before(days),
            "load_date": before(days),
        }
        for n, days in placed
    ]
    return contacts, decided, orders


def campaign_that_keeps_a_product():
    """Ten treated and ten held back, who all had the product when they became due; one and three gave it up in the days after."""
    due = {"campaign_id": "CRBT_SAVE", "business_date": before(20)}
    decided = [
        {**due, "subscription_id": f"S{n}", "verdict": "EXPORTED" if n < 5010 else "CONTROL"} for n in range(5000, 5020)
    ]
    ended = {
        5000: before(16),
        5010: before(16),
        5011: before(15),
        5012: before(13),
        5013: before(12),
    }  # the last one too late
    held = [
        {
            "subscription_id": f"S{n}",
            "valid_date": date(2025, 9, 1),
            "load_date": before(5),
            "expire_date": ended.get(n),
            "state": "CANCELLED" if n in ended else "ACTIVE",
        }
        for n in range(5000, 5020)
    ]
    return decided, held


def campaign_after_a_day_without_contacts():
    """Found on a night before a blackout day, due on the night after: 60 treated, 8 held back, 2 held back from everything.

    One held back ordered on the blackout day, in nobody's days; four treated ordered after their contact.
    """
    on_blackout, due = before(30), before(29)
    people = dict.fromkeys(range(6000, 6060), 0) | dict.fromkeys(range(6060, 6070), Reason.CONTROL_GROUP.mask)
    decided = [
        {
            "campaign_id": "MUSIC_CLUB_PREMIUM",
            "subscription_id": f"S{n}",
            "business_date": night,
            "all_reasons": drawn | closed,
            "verdict": "CONTROL" if drawn else "EXCLUDED" if closed else "EXPORTED",
            "first_reason": "CONTROL_GROUP" if drawn else "BLACKOUT_DATE" if closed else None,
        }
        for n, drawn in people.items()
        for night, closed in ((on_blackout, Reason.BLACKOUT_DATE.mask), (due, 0))
    ]
    groups = [
        {
            "campaign_id": "MUSIC_CLUB_PREMIUM",
            "subscription_id": f"S{n}",
            "business_date": on_blackout,
            "assigned_on": on_blackout,
            "control_kind": "GLOBAL" if n >= 6068 else "CAMPAIGN",
        }
        for n in range(6060, 6070)
    ]
    placed = [(6060, 29), (6068, 25), *((n, 25) for n in range(6000, 6004))]
    orders = [
        {
            "order_id": f"M{n}",
            "subscription_id": f"S{n}",
            "product_id": "MUSIC_CLUB_PREMIUM",
            "ordered_at": datetime(2026, 2, 9),
            "order_date": before(days),
            "load_date": before(days),
        }
        for n, days in placed
    ]
    return decided, groups, orders


def campaign_beside_another():
    """90 treated and 10 held back, whose free places another campaign filled: it reached ten of the one and eight of the other.

    Its contacts before the days that are measured, and one that did not happen, reached nobody in them.
    """
    due = {"campaign_id": "CRBT_ACTIVATION", "business_date": before(20)}
    decided = [
        {**due, "subscription_id": f"S{n}", "verdict": "EXPORTED" if n < 7090 else "CONTROL"} for n in range(7000, 7100)
    ]
    other = {"campaign": "CRBT_SAVE", "source": "EXPORT", "attribution_window_ends": before(3)}
    reached = [*range(7000, 7010), *range(7090, 7098)]
    contacts = [
        *(a_contact(n, **other, planned_date=before(18)) for n in reached),
        a_contact(7098, **other, planned_date=before(18), is_contacted=False, reach_code="NOT_REACHED"),
        *(a_contact(n, **other, planned_date=before(25)) for n in range(7010, 7090)),
    ]
    return contacts, decided


def lines_of_the_year():
    """1,002 lines at the start of the year: S0 had left, S1 is a test number, S3 official free, S4 leaves in February."""
    statuses = [
        {
            "subscription_id": f"S{n}",
            "is_off_network": n == 0,
            "load_date": date(2025, 8, 10),
            "status_time": datetime(2025, 8, 1),
        }
        for n in range(1002)
    ]
    statuses.append(
        {
            "subscription_id": "S4",
            "is_off_network": True,
            "load_date": date(2026, 2, 15),
            "status_time": datetime(2026, 2, 14, 16),
        }
    )
    profiles = [
        {"subscription_id": f"S{n}", "user_type": kind, "load_date": date(2025, 8, 10)}
        for n, kind in ((1, "3"), (2, "1"), (3, "2"))
    ]
    trial = {
        "msisdn_token": 2,
        "subscription_id": "S2",
        "open_date": date(2026, 1, 20),
        "trial_end_date": date(2026, 1, 31),
        "load_date": date(2026, 1, 21),
    }
    downloads = [
        {
            "subscription_id": f"S{n}",
            "event_date": date(2026, 1, 10),
            "load_date": date(2026, 1, 11),
            "crbt_download_cnt": 1,
        }
        for n in (0, 1, 3)
    ]
    return {
        "silver__subscription_status": statuses,
        "silver__subscription": profiles,
        "silver__crbt_subscription": [trial],
        "silver__vas_daily": downloads,
    }


@pytest.fixture(scope="module")
def reported(spark, tmp_path_factory):
    """Reports of one night over a finished and a running campaign."""
    from tests.conftest import settings_for_tests

    settings = settings_for_tests(tmp_path_factory.mktemp("evaluation"))
    contacts, orders = finished_campaign(np.random.default_rng(5))
    decided = [
        *({"subscription_id": f"S{n}", "verdict": "EXPORTED"} for n in range(3000, 3050)),
        *({"subscription_id": f"S{n}", "first_reason": "NOT_CHOSEN_CAPACITY"} for n in range(3050, 3060)),
        *({"subscription_id": f"S{n}", "first_reason": "NOT_CHOSEN_VALUE"} for n in range(3090, 3095)),
        *({"subscription_id": f"S{n}", "first_reason": "LIST_BLACK"} for n in range(3060, 3080)),
        *(
            {"subscription_id": f"S{n}", "verdict": "CONTROL", "first_reason": "CONTROL_GROUP"}
            for n in range(3080, 3090)
        ),
    ]
    nightly_contacts, nightly_decided, nightly_orders = campaign_of_every_night()
    save_decided, held = campaign_that_keeps_a_product()
    late_decided, late_groups, late_orders = campaign_after_a_day_without_contacts()
    crowded_contacts, crowded_decided = campaign_beside_another()
    decided += nightly_decided + save_decided + late_decided + crowded_decided
    # Of tonight, which no report of tonight knows.
    decided += [{"subscription_id": f"S{n}", "verdict": "EXPORTED", "business_date": NIGHT} for n in range(3060, 3080)]
    recalled = {
        "business_date": NIGHT,
        "campaign_id": "CRBT_ACQUISITION",
        "channel_code": "SMS",
        "file_name": "recalled",
        "rows": 1,
        "sha256": "",
        "status": "RECALLED",
        "run_id": "tests",
    }
    put(
        settings,
        gold__contact_history=contacts + running_campaign() + nightly_contacts + crowded_contacts,
        silver__product_order=orders + nightly_orders + late_orders,
        gold__campaign_decision=[{"business_date": NIGHT - timedelta(days=3), **row} for row in decided],
        gold__control_group=late_groups,
        gold__control_share=[
            {
                "campaign_id": "MUSIC_CLUB_PREMIUM",
                "control_share": 0.10,
                "asked_share": 0.10,
                "global_share": 0.02,
                "targeted_cnt": 70,
                "business_date": before(31),
            }
        ],
        gold__campaign_contact=[
            {
                "contact_id": f"T{n}",
                "subscription_id": f"S{n}",
                "planned_date": NIGHT + timedelta(days=1),
                "business_date": NIGHT,
                "file_name": {7: "recalled", 6: "closed"}.get(n, "f"),
            }
            for n in range(8)
        ],
        **lines_of_the_year(),
        silver__product_subscription=[
            *held,
            *(
                {"subscription_id": f"S{n}", "valid_date": date(2025, 9, 1), "load_date": date(2025, 9, 1)}
                for n in range(480)
            ),
            *(
                {"subscription_id": f"S{n}", "valid_date": date(2026, 2, 10), "load_date": date(2026, 2, 10)}
                for n in range(480, 580)
            ),
        ],
    )
    delta_rs.append(settings, "ops.export_ledger", [recalled, recalled | {"file_name": "closed", "status": "CLOSED"}])
    dropped = {
        "contact_id": "T5",
        "business_date": NIGHT,
        "campaign_id": "CRBT_ACQUISITION",
        "channel_code": "SMS",
        "file_name": "f",
    }
    withdraw(settings, [(dropped, "suppressed (SYSTEM)")], DROPPED, "tests", "tests")
    run_stage(spark, settings, "evaluate", DateRange.of(NIGHT))
    return settings


def report(settings, name, **where):
    """Rows of a published report of the night that match."""
    version = published.reader_version(settings, name)
    rows = delta_rs.read(settings, name, [("business_date", "=", NIGHT)], version).to_pylist()
    return [row for row in rows if all(row[key] == value for key, value in where.items())]


def test_funnel_steps_and_rates_are_final_given_finished_campaign(reported):
    (row,) = report(reported, "rpt.campaign_funnel", campaign_id="HIST_CRBT_2025Q4")

    assert (row["targeted"], row["contactable"], row["contacted"], row["control"]) == (2000, 1800, 1800, 200)
    assert row["success_rate_contacted"] == pytest.approx(row["accepted"] / 1800)
    assert row["overall_rate"] == pytest.approx(row["effective"] / 2000)
    assert row["acceptance_text"] == "mature"


def test_funnel_says_not_yet_mature_given_running_campaign(reported):
    (row,) = report(reported, "rpt.campaign_funnel", campaign_id="CRBT_ACQUISITION")

    # 20 black-listed, 10 held back and 10 for whom the channels were full are suppressed; 5 were worth no contact.
    assert (row["targeted"], row["suppressed"], row["contactable"]) == (95, 40, 55)
    assert (row["not_chosen"], row["chosen"], row["contacted"], row["control"]) == (5, 50, 50, 0)
    assert (row["accepted"], row["success_rate_contacted"], row["acceptance_text"]) == (None, None, "not yet mature")
    assert row["accepted_so_far"] == 3


def test_every_targeted_customer_stands_at_one_level_of_the_funnel(reported):
    rows = {row["campaign_id"]: row for row in report(reported, "rpt.campaign_funnel")}

    assert len(rows) == 6
    for row in rows.values():
        assert row["targeted"] == row["suppressed"] + row["contactable"], row["campaign_id"]
        assert row["contactable"] == row["not_chosen"] + row["chosen"], row["campaign_id"]
    # Not chosen on one night and chosen on another: chosen; twice suppressed: once suppressed.
    nightly = rows["NEWSPAPER_GROWTH"]
    assert (nightly["chosen"], nightly["not_chosen"], nightly["suppressed"]) == (20, 10, 10)


def test_answered_channel_is_final_while_bulk_waits_given_running_campaign(reported):
    rows = {
        row["channel_code"]: row for row in report(reported, "rpt.campaign_channel", campaign_id="CRBT_ACQUISITION")
    }

    assert (rows["OUTBOUND"]["acceptance_text"], rows["OUTBOUND"]["success_rate_contacted"]) == ("mature", 0.0)
    assert (rows["SMS"]["acceptance_text"], rows["SMS"]["success_rate_contacted"]) == ("not yet mature", None)


def test_lift_is_positive_and_covers_the_truth_given_planted_effect(reported):
    (row,) = report(reported, "rpt.campaign_lift", campaign_id="HIST_CRBT_2025Q4")

    assert row["lift_low"] > 0
    assert row["lift_low"] <= UPLIFT <= row["lift_high"]
    assert (row["treated"], row["control"], row["is_sample_ratio_ok"], row["lift_text"]) == (
        1800,
        200,
        True,
        "positive",
    )


def test_lift_is_not_yet_mature_given_running_campaign(reported):
    (row,) = report(reported, "rpt.campaign_lift", campaign_id="CRBT_ACQUISITION")

    assert (row["treated"], row["control"]) == (65, 10)  # all whom nothing but the plan or the draw kept out
    assert (row["lift"], row["lift_text"]) == (None, "not yet mature")


def test_rates_are_shown_over_closed_windows_given_campaign_of_every_night(reported):
    (funnel,) = report(reported, "rpt.campaign_funnel", campaign_id="NEWSPAPER_GROWTH")
    (model,) = report(reported, "rpt.eval_model", campaign_id="NEWSPAPER_GROWTH")

    assert (funnel["success_rate_contacted"], funnel["still_open"], funnel["accepted_so_far"]) == (0.5, 10, 15)
    assert funnel["acceptance_text"] == "mature, 10 still open"
    assert (model["precision"], model["still_open"]) == (0.5, 11)


def test_both_arms_are_measured_after_the_late_contact_given_campaign_of_every_night(reported):
    (row,) = report(reported, "rpt.campaign_lift", campaign_id="NEWSPAPER_GROWTH")

    assert (row["treated_successes"], row["mature_treated"]) == (5, 20)
    assert (row["control_successes"], row["mature_control"]) == (1, 10)  # held back: the same days, and no others
    assert (row["treated"], row["still_open"]) == (30, 10)
    assert row["lift"] == pytest.approx(5 / 20 - 1 / 10)


def test_both_arms_become_due_after_the_blackout_given_day_without_contacts(reported):
    (row,) = report(reported, "rpt.campaign_lift", campaign_id="MUSIC_CLUB_PREMIUM")

    assert (row["treated_successes"], row["mature_treated"]) == (4, 60)
    assert (row["control_successes"], row["mature_control"]) == (0, 8)  # the blackout day is none of their days
    assert (row["global_control"], row["is_sample_ratio_ok"], row["is_comparable"]) == (2, True, True)
    assert row["lift"] == pytest.approx(4 / 60)


def test_lift_is_void_given_places_of_the_held_back_filled_by_another_campaign(reported):
    (row,) = report(reported, "rpt.campaign_lift", campaign_id="CRBT_ACTIVATION")

    assert (row["treated_reached_by_others"], row["mature_treated"]) == (10, 90)
    assert (row["control_reached_by_others"], row["mature_control"]) == (8, 10)
    assert (row["treated_other_contacts"], row["control_other_contacts"]) == (10, 8)
    assert row["other_contacts_p_value"] < 0.001
    assert (row["lift"], row["lift_low"], row["is_comparable"]) == (None, None, False)
    assert row["lift_text"] == "void: other campaigns differ"


def test_success_is_the_product_held_given_campaign_that_keeps_it(reported):
    (row,) = report(reported, "rpt.campaign_lift", campaign_id="CRBT_SAVE")

    assert (row["treated_successes"], row["mature_treated"]) == (9, 10)
    assert (row["control_successes"], row["mature_control"]) == (7, 10)


def test_kpi_follows_closing_counts_given_two_closed_months(reported):
    rows = {row["month_id"]: row for row in report(reported, "rpt.kpi_attainment", kpi="CRBT_PAYING")}

    # Of 480 and 580 holders: not who had left, not the test number, in January not who was in trial, in February not who left.
    assert [rows[m]["closing_count"] for m in ("202601", "202602")] == [480 - 3, 580 - 3]
    assert rows["202602"]["ytd_monthly_avg"] == pytest.approx(527)
    assert rows["202602"]["annual_target"] == pytest.approx(560)  # for 1,000 live at the start of the year
    assert rows["202602"]["kpi_attainment"] == pytest.approx(527 / 560)
    assert (rows["202603"]["kpi_attainment"], rows["202603"]["attainment_text"]) == (None, "not yet mature")


def test_only_period_end_subscriptions_count_given_downloads_of_a_test_number_and_a_dead_line(reported):
    (row,) = report(reported, "rpt.kpi_attainment", kpi="CRBT_DOWNLOADERS", month_id="202601")

    assert row["closing_count"] == 1


def test_other_reports_add_up_given_same_contacts(reported):
    (model,) = report(reported, "rpt.eval_model", campaign_id="HIST_CRBT_2025Q4")
    (offer,) = report(reported, "rpt.eval_strategy", campaign_id="HIST_CRBT_2025Q4")
    progress = report(reported, "rpt.campaign_progress", campaign_id="CRBT_ACQUISITION")
    (summary,) = report(reported, "rpt.export_summary")

    assert model["model_contacted"] == offer["contacted"] == 1800
    (running,) = report(reported, "rpt.eval_strategy", campaign_id="CRBT_ACQUISITION")

    assert (running["refused"], running["refuse_reasons"]) == (10, [("PRICE", 10)])
    assert offer["accept_share"] + offer["consider_share"] + offer["other_share"] == pytest.approx(1)
    assert sum(row["planned"] for row in progress) == 50
    assert (
        summary["contacts"] == 5
    )  # the recalled and the closed list did not leave, nor did the contact that was dropped


def test_reports_are_the_same_given_second_run(spark, reported):
    before = {name: report(reported, name) for name in tables_of_job("evaluate")}
    again = run_stage(spark, reported, "evaluate", DateRange.of(NIGHT))

    assert again["rows"] == {name: len(rows) for name, rows in before.items()}, "floor: every table was written again"
    assert min(again["rows"].values()) > 0
    assert "undeclared_reads" not in again, "made_from of the contracts says all that is read"
    assert {name: report(reported, name) for name in tables_of_job("evaluate")} == before


def test_page_of_the_night_needs_no_network_and_names_open_cells(spark, reported):

    summary = page.run(spark, reported, DateRange.of(NIGHT))
    text = (reported.path("reports") / f"{NIGHT}.html").read_text(encoding="utf-8")

    assert summary["pages"] == [f"{NIGHT}.html"]
    assert "not yet mature" in text
    assert "void: other campaigns differ" in text
    assert "10 still open" in text  # the campaign of every night shows its rates and how many they leave out
    assert "contacts withheld: 2" in text
    assert "Contacts taken out of their lists: 1 dropped" in text
    assert f"{load_response_rules().attribution.window_days} days" in text
    for identifier, title in (
        ("HIST_CRBT_2025Q4", "CRBT autumn 2025"),
        ("NEWSPAPER_GROWTH", "Mobile newspaper growth"),
        ("OUTBOUND", "Outbound call"),
    ):
        assert title in text
        assert identifier not in text  # people read names
    assert "src=" not in text  # nothing fetched
    assert "https://" not in text
    assert f"{NIGHT}.html" in (reported.path("reports") / "index.html").read_text(encoding="utf-8")
