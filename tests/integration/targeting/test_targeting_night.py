"""A whole night on real tables: decided, allocated, frozen, gated, published; refused when it may not run; explained."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import date, timedelta
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from conf.campaigns import load_campaigns
from conf.channels import load_channels
from conf.dates import DateRange
from conf.errors import InputRefused
from jobs.cli import app
from jobs.lakehouse import delta_rs
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.run import Run
from jobs.stage import run_stage
from jobs.targeting.explain import explain
from jobs.targeting.job import budgets_left
from jobs.targeting.readiness import InputsMissing, NightNotClosed, StaleSuppression, require_inputs, skip_night
from jobs.targeting.tally import counts_by_reason
from jobs.targeting.value import Evidence, read_evidence
from tests.builders.targeting_night import (
    NIGHT,
    a_row,
    a_subscriber,
    a_suppression,
    a_town,
    feeds_are_fresh,
    msisdn_of,
    put,
)
from tests.integration.targeting.conftest import PEOPLE, SEED
from tests.unit.targeting.campaigns_for_tests import CRBT

RANGE = DateRange(NIGHT, NIGHT)


def lake_of(settings) -> Lake:
    return Lake(None, settings, Run("tests", RANGE, settings))


def night_of(spark, settings, campaigns) -> dict:
    """The job's summary of the night with these campaigns."""
    with patch("jobs.targeting.decide.load_campaigns", lambda: campaigns):
        return run_stage(spark, settings, "target", RANGE)[str(NIGHT)]


def test_pilot_campaigns_make_lists_on_all_nine_channels(targeted):
    settings, summary = targeted
    assert summary["status"] == "PUBLISHED"
    assert "undeclared_reads" not in summary, "made_from of the contracts says all that is read"
    assert set(summary["by_campaign"]) == set(load_campaigns())
    assert len(summary["by_channel"]) == 9
    assert min(summary["by_channel"].values()) >= 20
    assert summary["allocation.gap"] <= settings.allocation.gap_target


def test_targeted_is_listed_plus_first_reasons_exactly(targeted):
    settings, _ = targeted
    lake = lake_of(settings)
    decisions, contacts = lake.arrow("gold.campaign_decision"), lake.arrow("gold.campaign_contact")
    listed = Counter(contacts["campaign_id"].to_pylist())
    by_reason = counts_by_reason(decisions)
    for campaign_id, targeted_cnt in Counter(decisions["campaign_id"].to_pylist()).items():
        excluded = sum(
            n for (c, key), n in by_reason.items() if c == campaign_id and key not in ("EXPORTED", "RECOMMENDED")
        )
        assert targeted_cnt == listed[campaign_id] + excluded
    assert lake.arrow("gold.recommendation").num_rows == sum(
        c in ("STORE", "HOTLINE", "WEB") for c in contacts["channel_code"].to_pylist()
    )


def test_control_members_are_contactable_and_uncontacted(targeted):
    settings, _ = targeted
    lake = lake_of(settings)
    held = {(r["campaign_id"], r["subscription_id"]) for r in lake.arrow("gold.control_group").to_pylist()}
    listed = {(r["campaign_id"], r["subscription_id"]) for r in lake.arrow("gold.campaign_contact").to_pylist()}
    assert held
    assert not held & listed
    decisions = Counter(lake.arrow("gold.campaign_decision")["verdict"].to_pylist())
    assert decisions["CONTROL"] == len(held)


def test_bound_gap_and_shadow_prices_are_kept(targeted):
    settings, _ = targeted
    rows = delta_rs.read(settings, "ops.run_metric", filters=[("step", "=", "allocate")]).to_pylist()
    found = {row["metric"]: row["value"] for row in rows}
    assert found["allocation.objective"] <= found["allocation.bound"] + 1e-6
    assert found["allocation.greedy"] <= found["allocation.bound"] + 1e-6
    assert any(name.startswith("allocation.shadow_price.capacity_") and value > 0 for name, value in found.items())


def test_shares_of_the_control_groups_are_fixed_with_the_night(targeted):
    settings, summary = targeted
    rows = {row["campaign_id"]: row for row in lake_of(settings).arrow("gold.control_share").to_pylist()}
    assert set(rows) == set(summary["by_campaign"])
    assert {row["control_share"] for row in rows.values()} == {0.10}
    assert sum(row["targeted_cnt"] for row in rows.values()) == summary["targeted"]


def test_night_that_fixes_no_share_is_published_without_that_table(spark, targeted_copy):
    fixed = lake_of(targeted_copy).arrow("gold.control_share").to_pylist()
    put(targeted_copy, "gold.control_share", [row | {"business_date": NIGHT - timedelta(days=1)} for row in fixed])

    summary = night_of(spark, targeted_copy, {"CRBT_SAVE": load_campaigns()["CRBT_SAVE"]})

    assert summary["status"] == "PUBLISHED"
    assert summary["targeted"] > 0, "floor: the night was decided"
    assert lake_of(targeted_copy).arrow("gold.control_share").num_rows == len(fixed)


def test_rerun_gives_the_same_tables(spark, targeted_copy):
    settings = targeted_copy
    before = {
        name: lake_of(settings).arrow(name).sort_by([(c, "ascending") for c in key]) for name, key in KEYS.items()
    }
    assert run_stage(spark, settings, "target", RANGE)[str(NIGHT)]["status"] == "PUBLISHED", (
        "floor: the night was made again"
    )
    for name, key in KEYS.items():
        assert lake_of(settings).arrow(name).sort_by([(c, "ascending") for c in key]).equals(before[name]), name


KEYS = {
    "gold.campaign_decision": ["campaign_id", "subscription_id"],
    "gold.campaign_contact": ["contact_id"],
    "gold.control_group": ["campaign_id", "subscription_id"],
    "gold.control_share": ["campaign_id"],
    "gold.recommendation": ["contact_id"],
}


@pytest.mark.parametrize("status", ["MISSING", "LATE", "REJECTED", "CARRIED"])
@pytest.mark.parametrize("feed", ["list_member", "channel_result", "complaint"])
def test_nothing_is_made_given_a_stale_suppression_feed(targeted_copy, feed, status):
    feeds_are_fresh(targeted_copy, **{feed: status})
    with pytest.raises(StaleSuppression) as refusal:
        run_stage(None, targeted_copy, "target", RANGE)
    assert f"{feed}: found {status}" in str(refusal.value)
    assert list(targeted_copy.path("alerts").glob("*LISTS_REFUSED*"))


def test_nothing_is_made_given_protected_people_nobody_can_read(targeted_copy):
    rows = delta_rs.read(targeted_copy, "ops.feed_status").to_pylist()
    changed = [{**row, "rows_good": 80, "rows_unreadable": 20 if row["feed"] == "list_member" else 0} for row in rows]
    delta_rs.replace(targeted_copy, "ops.feed_status", changed, None)
    with pytest.raises(
        StaleSuppression, match="list_member: found 20 unreadable rows beside 80 good ones, wanted at most 5%"
    ):
        run_stage(None, targeted_copy, "target", RANGE)


def test_empty_list_snapshot_is_stale_but_no_answers_are_not(targeted_copy):
    feeds_are_fresh(targeted_copy, list_member="EMPTY")
    with pytest.raises(StaleSuppression, match="list_member: found EMPTY"):
        run_stage(None, targeted_copy, "target", RANGE)


def test_night_waits_for_the_one_before(targeted_copy):
    after_next = NIGHT + timedelta(days=2)
    feeds_are_fresh(targeted_copy, after_next)
    with pytest.raises(NightNotClosed, match="targeting of 2026-03-11 is not closed") as refusal:
        run_stage(None, targeted_copy, "target", DateRange(after_next, after_next))
    assert "closedloop skip --date 2026-03-11 --by NAME" in str(refusal.value)
    with pytest.raises(InputRefused, match="lists published"):
        skip_night(targeted_copy, NIGHT, "desk")
    skipped = CliRunner().invoke(app, ["skip", "--date", "2026-03-11", "--by", "desk"])
    assert "skipped by desk" in skipped.output
    with pytest.raises(InputsMissing, match=r"gold.customer_360 has no rows of that night"):
        run_stage(None, targeted_copy, "target", DateRange(after_next, after_next))


def test_unapproved_and_changed_campaigns_do_not_run(spark, targeted_copy):
    known = load_campaigns()
    changed = known["CRBT_SAVE"].model_copy(update={"priority": 7})
    summary = night_of(spark, targeted_copy, {"T_CRBT": CRBT, "CRBT_SAVE": changed})
    assert summary["by_campaign"] == {}
    assert any("T_CRBT is not approved" in text for text in summary["refused_campaigns"])
    assert any("CRBT_SAVE was changed after its approval" in text for text in summary["refused_campaigns"])
    alerts = [json.loads(path.read_text()) for path in targeted_copy.path("alerts").glob("*CAMPAIGN_NOT_APPROVED*")]
    assert len(alerts) == 2
    assert {alert["campaign_id"]: alert["owner"] for alert in alerts} == {
        "T_CRBT": CRBT.owner,
        "CRBT_SAVE": changed.owner,
    }
    assert lake_of(targeted_copy).arrow("gold.campaign_contact").num_rows == 0


def test_why_out_is_what_the_town_says_of_the_person(targeted):
    settings, _ = targeted
    selected_by = {
        row["subscription_id"]: row["campaign_id"]
        for row in lake_of(settings).arrow("gold.campaign_decision").to_pylist()
    }
    for reason, people in _who_is_out(a_town(PEOPLE, SEED)).items():
        asked = [person for person in people if person in selected_by][:3]
        assert asked, f"nobody with {reason} was selected: the test asks nothing"
        for person in asked:
            answer = explain(settings, selected_by[person], msisdn_of(int(person[1:])))
            assert (answer["subscription_id"], answer["verdict"], answer["first_reason"]) == (
                person,
                "EXCLUDED",
                reason,
            )
            assert answer["all_reasons"][0] == reason
            assert f"not contacted because of {reason}" in answer["text"]


def _who_is_out(town: dict[str, list[dict]]) -> dict[str, list[str]]:
    """People of the town by the first reason that the facts of their rows give."""
    protected: dict[str, set[str]] = {}
    for row in town["suppressions"]:
        if row["scope_type"] == "SYSTEM":
            protected.setdefault(row["subscription_id"], set()).add(row["reason"])
    found: dict[str, list[str]] = {"NOT_LIVE": [], "TEST_NUMBER": [], "LIST_BLACK": [], "DND_SYSTEM": []}
    for person in town["subscribers"]:
        reasons = protected.get(person["subscription_id"], set())
        first = "NOT_LIVE" if not person["is_live"] else "TEST_NUMBER" if person["user_type"] != "1" else None
        first = first or next((reason for reason in ("LIST_BLACK", "DND_SYSTEM") if reason in reasons), None)
        if first:
            found[first].append(person["subscription_id"])
    return found


def test_why_in_is_what_the_list_says_of_the_contact(targeted):
    settings, _ = targeted
    contacts = lake_of(settings).arrow("gold.campaign_contact").to_pylist()
    for contact in random.Random(5).sample(contacts, 10):
        answer = explain(settings, contact["campaign_id"], msisdn_of(int(contact["subscription_id"][1:])))
        assert answer["verdict"] == ("RECOMMENDED" if contact["channel_class"] == "PASSIVE" else "EXPORTED")
        assert (answer["channel_code"], answer["wave_no"]) == (contact["channel_code"], contact["wave_no"])
        assert contact["channel_code"] in answer["open_channels"]
        assert f"{contact['channel_code']}, wave {contact['wave_no']}" in answer["text"]


def test_who_is_no_target_was_not_selected(targeted):
    settings, _ = targeted
    rows = lake_of(settings).arrow("gold.campaign_decision").to_pylist()
    outside = explain(settings, "NEWSPAPER_GROWTH", "+86 " + msisdn_of(_nobodys_target(rows)))
    assert outside["verdict"] == "NOT_SELECTED"


def _nobodys_target(rows: list[dict]) -> int:
    targets = {row["subscription_id"] for row in rows if row["campaign_id"] == "NEWSPAPER_GROWTH"}
    return next(number for number in range(500) if f"S{number:05d}" not in targets)


def test_earlier_lists_are_charged_by_the_contacts_and_gifts_expected_of_them(targeted_copy):
    channels, night = load_channels(), NIGHT + timedelta(days=1)
    campaigns = {
        name: campaign.model_copy(
            update={"budget": campaign.budget.model_copy(update={"total_yuan": campaign.budget.per_night_yuan})}
        )
        for name, campaign in load_campaigns().items()
    }
    put(
        targeted_copy,
        "gold.product_channel_affinity",
        [
            a_row(
                "gold.product_channel_affinity",
                product_id="CRBT",
                channel_code="STORE",
                resulted_cnt=10**9,
                reached_cnt=10**8,
                contacted_cnt=0,
                accepted_cnt=0,
                smoothed_rate=0.0,
                affinity_band="MID",
                snapshot_date=night,
            )
        ],
    )
    lake = lake_of(targeted_copy)
    evidence = read_evidence(lake, night)
    rows = lake.arrow("gold.campaign_contact").to_pylist()
    left = budgets_left(lake, campaigns, night, evidence)

    assert evidence.reach(channels["STORE"]) == pytest.approx(0.1, abs=1e-6)
    assert sum(row["channel_code"] == "STORE" for row in rows) > channels["STORE"].capacity_per_day
    for name, campaign in campaigns.items():
        spent = gifts = 0.0
        for row in (row for row in rows if row["campaign_id"] == name):
            code, offer = row["channel_code"], campaign.offer(row["offer_id"])
            contacts = channels[code].cost_yuan * (0.1 if code == "STORE" else evidence.use(channels[code]))
            sales = (row["expected_value_yuan"] + contacts) / (offer.margin_yuan - offer.cost_yuan)
            gifts += offer.cost_yuan * max(0.0, sales)
            spent += contacts + offer.cost_yuan * max(0.0, sales)
        assert gifts > 0 or not spent, "floor: gifts are in it"
        assert left[name] == pytest.approx(campaign.budget.total_yuan - spent, abs=0.01), name


def test_withheld_lists_use_up_no_budget_and_need_no_history(targeted_copy):
    contacts = lake_of(targeted_copy).arrow("gold.campaign_contact").to_pylist()
    campaigns, next_night = load_campaigns(), NIGHT + timedelta(days=1)
    put(targeted_copy, "gold.customer_360", [a_subscriber(1, snapshot_date=next_night)])
    put(targeted_copy, "gold.suppression", [a_suppression(contacts[0], "LIST_BLACK", snapshot_date=next_night)])
    spent = budgets_left(lake_of(targeted_copy), campaigns, next_night, Evidence())
    with pytest.raises(InputsMissing, match="does not hold the lists of 2026-03-10"):
        require_inputs(lake_of(targeted_copy), next_night)
    names = sorted({row["file_name"] for row in contacts})
    for place, name in enumerate(names):
        status = ("REFUSED", "RECALLED")[place % 2]
        row = a_row("ops.export_ledger", file_name=name, business_date=NIGHT, status=status)
        delta_rs.append(targeted_copy, "ops.export_ledger", [row])
    full = {name: min(c.budget.per_night_yuan, c.budget.total_yuan) for name, c in campaigns.items()}
    assert budgets_left(lake_of(targeted_copy), campaigns, next_night, Evidence()) == full
    assert sum(spent.values()) <= sum(full.values())
    require_inputs(lake_of(targeted_copy), next_night)


@pytest.mark.parametrize("status", ["RELEASING", "EXPORTED", "RECALLED"])
def test_exported_night_is_frozen(targeted_copy, status):
    row = {
        "business_date": date(2026, 3, 10),
        "campaign_id": "C",
        "channel_code": "SMS",
        "file_name": "F",
        "rows": 1,
        "sha256": "x",
        "status": status,
        "run_id": "tests",
    }
    delta_rs.append(targeted_copy, "ops.export_ledger", [row])
    assert run_stage(None, targeted_copy, "target", RANGE)[str(NIGHT)]["status"] == "FROZEN"
