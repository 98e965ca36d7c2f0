"""A whole night on real tables: decided, allocated, frozen, gated, published; refused when it may not run; explained."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta

import pytest
from typer.testing import CliRunner

from conf.campaigns import load_campaigns
from conf.dates import DateRange
from conf.errors import InputRefused
from jobs.cli import app
from jobs.lakehouse import ledger
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.run import Run
from jobs.targeting import job
from jobs.targeting.explain import explain
from jobs.targeting.identity import counts_by_reason
from jobs.targeting.job import budgets_left
from jobs.targeting.readiness import InputsMissing, NightNotClosed, StaleSuppression, require_inputs, skip_night
from tests.builders.targeting_night import NIGHT, a_row, a_subscriber, a_suppression, feeds_are_fresh, msisdn_of, put
from tests.unit.targeting.campaigns_for_tests import CRBT

RANGE = DateRange(NIGHT, NIGHT)


def lake_of(settings) -> Lake:
    return Lake(None, settings, Run("tests", RANGE, settings))


def test_pilot_campaigns_make_lists_on_all_nine_channels(targeted):
    settings, summary = targeted
    assert summary["status"] == "PUBLISHED"
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
    rows = ledger.read(settings, "ops.run_metric", filters=[("step", "=", "allocate")]).to_pylist()
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


def test_rerun_gives_the_same_tables(spark, targeted_copy):
    settings = targeted_copy
    before = {
        name: lake_of(settings).arrow(name).sort_by([(c, "ascending") for c in key]) for name, key in KEYS.items()
    }
    job.run(spark, settings, RANGE)
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
        job.run(None, targeted_copy, RANGE)
    assert f"{feed}: found {status}" in str(refusal.value)
    assert list(targeted_copy.path("alerts").glob("*LISTS_REFUSED*"))


def test_empty_list_snapshot_is_stale_but_no_answers_are_not(targeted_copy):
    feeds_are_fresh(targeted_copy, list_member="EMPTY")
    with pytest.raises(StaleSuppression, match="list_member: found EMPTY"):
        job.run(None, targeted_copy, RANGE)


def test_night_waits_for_the_one_before(targeted_copy):
    after_next = NIGHT + timedelta(days=2)
    feeds_are_fresh(targeted_copy, after_next)
    with pytest.raises(NightNotClosed, match="targeting of 2026-03-11 is not closed") as refusal:
        job.run(None, targeted_copy, DateRange(after_next, after_next))
    assert "closedloop skip --date 2026-03-11 --by NAME" in str(refusal.value)
    with pytest.raises(InputRefused, match="lists published"):
        skip_night(targeted_copy, NIGHT, "desk")
    skipped = CliRunner().invoke(app, ["skip", "--date", "2026-03-11", "--by", "desk"])
    assert "skipped by desk" in skipped.output
    with pytest.raises(InputsMissing, match=r"gold.customer_360 has no rows of that night"):
        job.run(None, targeted_copy, DateRange(after_next, after_next))


def test_unapproved_and_changed_campaigns_do_not_run(spark, targeted_copy):
    known = load_campaigns()
    changed = known["CRBT_SAVE"].model_copy(update={"priority": 7})
    summary = job.run_night(spark, targeted_copy, NIGHT, {"T_CRBT": CRBT, "CRBT_SAVE": changed})
    assert summary["by_campaign"] == {}
    assert any("T_CRBT is not approved" in text for text in summary["refused_campaigns"])
    assert any("CRBT_SAVE was changed after its approval" in text for text in summary["refused_campaigns"])
    assert len(list(targeted_copy.path("alerts").glob("*CAMPAIGN_NOT_APPROVED*"))) == 2
    assert lake_of(targeted_copy).arrow("gold.campaign_contact").num_rows == 0


def test_why_in_and_why_out(targeted):
    settings, _ = targeted
    lake = lake_of(settings)
    rows = lake.arrow("gold.campaign_decision").to_pylist()
    for row in random.Random(5).sample(rows, 40):
        answer = explain(settings, row["campaign_id"], msisdn_of(int(row["subscription_id"][1:])))
        assert answer["verdict"] == row["verdict"]
        assert answer["first_reason"] == row["first_reason"]
        if row["first_reason"]:
            assert answer["all_reasons"][0] == row["first_reason"]
            assert row["first_reason"] in answer["text"]
    outside = explain(settings, "NEWSPAPER_GROWTH", "+86 " + msisdn_of(_nobodys_target(rows)))
    assert outside["verdict"] == "NOT_SELECTED"


def _nobodys_target(rows: list[dict]) -> int:
    targets = {row["subscription_id"] for row in rows if row["campaign_id"] == "NEWSPAPER_GROWTH"}
    return next(number for number in range(500) if f"S{number:05d}" not in targets)


def test_withheld_lists_use_up_no_budget_and_need_no_history(targeted_copy):
    contacts = lake_of(targeted_copy).arrow("gold.campaign_contact").to_pylist()
    campaigns, next_night = load_campaigns(), NIGHT + timedelta(days=1)
    put(targeted_copy, "gold.customer_360", [a_subscriber(1, snapshot_date=next_night)])
    put(targeted_copy, "gold.suppression", [a_suppression(contacts[0], "LIST_BLACK", snapshot_date=next_night)])
    spent = budgets_left(lake_of(targeted_copy), campaigns, next_night)
    with pytest.raises(InputsMissing, match="does not hold the lists of 2026-03-10"):
        require_inputs(lake_of(targeted_copy), next_night)
    names = sorted({row["file_name"] for row in contacts})
    for place, name in enumerate(names):
        status = ("REFUSED", "RECALLED")[place % 2]
        row = a_row("ops.export_ledger", file_name=name, business_date=NIGHT, status=status)
        ledger.append(targeted_copy, "ops.export_ledger", [row])
    full = {name: min(c.budget.per_night_yuan, c.budget.total_yuan) for name, c in campaigns.items()}
    assert budgets_left(lake_of(targeted_copy), campaigns, next_night) == full
    assert sum(spent.values()) <= sum(full.values())
    require_inputs(lake_of(targeted_copy), next_night)


@pytest.mark.parametrize("status", ["RELEASING", "EXPORTED", "RECALLED"])
def test_exported_night_is_frozen(targeted_copy, status):
    row = {"business_date": date(2026, 3, 10), "campaign_id": "C", "channel_code": "SMS", "file_name": "F", "rows": 1, "sha256": "x",
           "status": status, "run_id": "tests"}  # fmt: skip
    ledger.append(targeted_copy, "ops.export_ledger", [row])
    assert job.run(None, targeted_copy, RANGE)[str(NIGHT)]["status"] == "FROZEN"
