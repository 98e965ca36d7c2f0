"""The night's allocation: capacities, budgets and one contact a day hold, and everybody left out gets a reason."""

from __future__ import annotations

from collections import Counter
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from conf.channels import load_channels
from conf.policy import load_policy
from conf.settings import AllocationSettings
from jobs.rules.exclusion_reasons import Reason, first_reason, reasons_of
from jobs.targeting.allocate import NOT_CHOSEN, allocate
from jobs.targeting.channel_rules import bits_of
from jobs.targeting.night_problem import budget_left, build_problem
from jobs.targeting.night_rows import contacts_of, control_rows_of, decisions_of, recommendations_of
from jobs.targeting.tally import IdentityBroken, require_tally
from jobs.targeting.value import Evidence, expected_values
from models.allocation import check_plan, solve
from tests.unit.targeting.campaigns_for_tests import CRBT, CRBT_OTHER, NEWS, a_campaign

DAY, NIGHT, POLICY = date(2026, 3, 11), date(2026, 3, 10), load_policy()
CAMPAIGNS = {campaign.campaign_id: campaign for campaign in (CRBT, CRBT_OTHER, NEWS)}
QUICK = AllocationSettings(gap_target=0.01, time_limit_seconds=20)
PEOPLE = 700


def targets(campaigns=CAMPAIGNS, people: int = PEOPLE, reasons: int = 0, seed: int = 7) -> pa.Table:
    rng = np.random.default_rng(seed)
    rows = []
    for campaign in sorted(campaigns):
        for number in range(people):
            row = {
                "subscription_id": f"S{number:05d}",
                "campaign_id": campaign,
                "product_id": campaigns[campaign].product_id,
                "wave_no": 1,
                "score": float(rng.uniform(0.01, 0.5)),
                "is_model_selected": bool(rng.random() < 0.5),
                "all_reasons": reasons,
                "open_channels": bits_of(campaigns[campaign].channel_codes),
                "is_campaign_control": False,
                "month_contact_cnt": 0,
            }
            rows.append(
                row
                | {
                    f"preference_{code}": float(rng.random()) if rng.random() < 0.5 else None
                    for code in load_channels()
                }
            )
    schema = pa.Table.from_pylist(rows[:1]).schema
    schema = pa.schema(
        [
            pa.field(f.name, pa.int32())
            if f.name == "wave_no"
            else pa.field(f.name, pa.float64() if f.name.startswith("pref") else f.type)
            for f in schema
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)


@pytest.fixture(scope="module")
def night():
    table = targets()
    left = dict.fromkeys(CAMPAIGNS, 1000.0) | {"T_NEWS": 2.0}
    return table, left, allocate(table, CAMPAIGNS, POLICY, DAY, left, QUICK, Evidence())


def test_plan_keeps_every_rule_by_the_referee(night):
    table, left, allocation = night
    values = expected_values(table, CAMPAIGNS, allocation.channels, POLICY, Evidence())
    question = build_problem(table, CAMPAIGNS, values, POLICY, DAY, left, Evidence())
    assert allocation.plan.gap <= 0.01
    hard = [
        fault for fault in check_plan(question.problem, allocation.plan.chosen) if not fault.rule.startswith("minimum_")
    ]
    assert hard == []


def test_capacity_day_cap_and_budget_hold(night):
    table, left, allocation = night
    chosen = np.flatnonzero(allocation.chosen_channel != NOT_CHOSEN)
    per_channel = Counter(allocation.channels[k].channel_code for k in allocation.chosen_channel[chosen])
    expected = {code: count * Evidence().use(load_channels()[code]) for code, count in per_channel.items()}
    assert all(used <= load_channels()[code].capacity_per_day + 1e-9 for code, used in expected.items())
    assert per_channel["OUTBOUND"] == load_channels()["OUTBOUND"].capacity_per_day, "the capacity binds"
    assert per_channel["STORE"] > load_channels()["STORE"].capacity_per_day, "of those listed only some come"
    per_person = Counter(table["subscription_id"][int(row)].as_py() for row in chosen)
    assert max(per_person.values()) == 1
    news = [
        k
        for row, k in zip(chosen, allocation.chosen_channel[chosen], strict=True)
        if table["campaign_id"][int(row)].as_py() == "T_NEWS"
    ]
    costs = [allocation.channels[k].cost_yuan * Evidence().use(allocation.channels[k]) for k in news]
    assert sum(costs) <= left["T_NEWS"] + 1e-9


def test_everybody_left_out_has_one_reason(night):
    _, _, allocation = night
    for chosen, reason in zip(allocation.chosen_channel, allocation.reasons, strict=True):
        assert (chosen == NOT_CHOSEN) == (reason != 0)
    seen = {first_reason(int(reason)) for reason in np.unique(allocation.reasons) if reason}
    assert Reason.NOT_CHOSEN_CONFLICT in seen
    assert seen & {Reason.NOT_CHOSEN_CAPACITY, Reason.NOT_CHOSEN_BUDGET}


def test_excluded_people_are_never_chosen():
    table = targets(reasons=Reason.LIST_BLACK.mask, people=20)
    allocation = allocate(table, CAMPAIGNS, POLICY, DAY, dict.fromkeys(CAMPAIGNS, 1000.0), QUICK, Evidence())
    assert allocation.plan is None
    assert (allocation.chosen_channel == NOT_CHOSEN).all()
    assert (allocation.reasons == 0).all()


def test_worthless_contacts_are_not_made():
    dear = a_campaign("T_DEAR", "CRBT", ["ACCOUNT_MANAGER"], value={"base_response": 0.01})
    table = targets({"T_DEAR": dear}, people=5)
    table = table.set_column(table.column_names.index("score"), "score", pa.array([1e-4] * 5))
    no_minimum = POLICY.model_copy(
        update={"allocation": POLICY.allocation.model_copy(update={"soft_minimum_price_yuan": 0.0})}
    )
    allocation = allocate(table, {"T_DEAR": dear}, no_minimum, DAY, {"T_DEAR": 1000.0}, QUICK, Evidence())
    assert set(allocation.reasons) == {Reason.NOT_CHOSEN_VALUE.mask}


def test_budget_left_is_the_smaller_of_rest_and_night():
    campaign = a_campaign("T_RICH", "CRBT", ["SMS"], budget={"total_yuan": 100, "per_night_yuan": 40})
    assert [budget_left(campaign, spent) for spent in (0, 70, 100, 120)] == [40, 30, 0, 0]


def test_same_night_twice_gives_the_same_lists(night):
    table, left, allocation = night
    again = allocate(targets(), CAMPAIGNS, POLICY, DAY, left, QUICK, Evidence())
    assert (again.chosen_channel == allocation.chosen_channel).all()
    assert contacts_of(table, again, CAMPAIGNS, NIGHT) == contacts_of(table, allocation, CAMPAIGNS, NIGHT)


def test_identity_is_exact_and_a_lost_row_breaks_it(night):
    table, _, allocation = night
    decisions = decisions_of(table, allocation, CAMPAIGNS, POLICY, NIGHT)
    contacts = contacts_of(table, allocation, CAMPAIGNS, NIGHT)
    require_tally(decisions, contacts)
    assert decisions.num_rows == table.num_rows
    with pytest.raises(IdentityBroken):
        require_tally(decisions, contacts.slice(1))
    with pytest.raises(IdentityBroken):
        require_tally(pa.concat_tables([decisions, decisions.slice(0, 1)]), contacts)


def test_frozen_rows_agree_with_the_decisions(night):
    table, _, allocation = night
    contacts = contacts_of(table, allocation, CAMPAIGNS, NIGHT).to_pylist()
    assert len({row["contact_id"] for row in contacts}) == len(contacts)
    lines = Counter((row["file_name"], row["line_number"]) for row in contacts)
    assert max(lines.values()) == 1
    assert all(
        row["file_name"].startswith(f"{row['channel_code']}_20260311_{row['campaign_id']}_001.") for row in contacts
    )
    recommended = recommendations_of(contacts_of(table, allocation, CAMPAIGNS, NIGHT)).to_pylist()
    assert len(recommended) == sum(row["channel_class"] == "PASSIVE" for row in contacts) > 0


def test_control_members_are_written_on_their_first_night_only():
    table = targets({"T_CRBT": CRBT}, people=3, reasons=Reason.CONTROL_GROUP.mask)
    allocation = allocate(table, {"T_CRBT": CRBT}, POLICY, DAY, {"T_CRBT": 10.0}, QUICK, Evidence())
    decisions = decisions_of(table, allocation, {"T_CRBT": CRBT}, POLICY, NIGHT)
    assert set(decisions["verdict"].to_pylist()) == {"CONTROL"}
    rows = control_rows_of(
        table,
        decisions,
        pa.table({"campaign_id": ["T_CRBT", "T_NEWS"], "subscription_id": ["S00001", "S00002"]}),
        NIGHT,
    )
    assert rows["subscription_id"].to_pylist() == ["S00000", "S00002"]


def test_reasons_stand_in_the_order_of_suppression():
    assert [r.name for r in reasons_of(Reason.CAP_PRODUCT.mask | Reason.NOT_LIVE.mask)] == ["NOT_LIVE", "CAP_PRODUCT"]


def _asked(campaign, people: int = 60, left: float = 1000.0):
    table = targets({campaign.campaign_id: campaign}, people=people)
    channels = list(load_channels().values())
    campaigns = {campaign.campaign_id: campaign}
    values = expected_values(table, campaigns, channels, POLICY, Evidence())
    question = build_problem(table, campaigns, values, POLICY, DAY, {campaign.campaign_id: left}, Evidence())
    plan = solve(question.problem, 1e-6, 20.0)
    return question, plan


def test_budget_counts_the_gifts_expected():
    gift = {"offer_id": "GIFT", "title": "gift", "name": "gift", "margin_yuan": 20.0, "cost_yuan": 8.0}
    campaign = a_campaign("T_GIFT", "CRBT", ["SMS"], offers=[gift])
    question, plan = _asked(campaign, left=10.0)
    sales = np.asarray(question.problem.pairs.response)
    spent = question.cost_yuan[plan.chosen].sum()
    assert len(plan.chosen) >= 5
    assert spent <= 10.0 + 1e-8
    assert spent > 9.0, "the budget binds"
    assert (8.0 * sales[plan.chosen]).sum() > 0.8 * spent, "most of it is gifts"
    hard = [fault for fault in check_plan(question.problem, plan.chosen) if not fault.rule.startswith("minimum_")]
    assert hard == []


def test_sales_of_a_night_stay_between_their_bounds():
    most = a_campaign("T_MOST", "CRBT", ["SMS"], sales_per_night={"maximum": 2.5})
    question, plan = _asked(most, people=30)
    sold = np.asarray(question.problem.pairs.response)[plan.chosen].sum()
    assert 2.0 < sold <= 2.5 + 1e-8
    least = a_campaign("T_LEAST", "CRBT", ["SMS"], sales_per_night={"minimum": 1e6})
    assert _asked(least, people=30)[1].violations["minimum_sales_T_LEAST"] > 0, "wished for, not forced"


def test_campaigns_that_name_each_other_are_kept_apart_in_one_night():
    one = a_campaign("T_ONE", "CRBT", ["SMS"], conflicts=[{"campaign_id": "T_TWO", "lag_days": 7}])
    two = a_campaign("T_TWO", "NEWSPAPER", ["SMS"])
    table = targets({"T_ONE": one, "T_TWO": two}, people=5)
    campaigns = {"T_ONE": one, "T_TWO": two}
    values = expected_values(table, campaigns, list(load_channels().values()), POLICY, Evidence())
    question = build_problem(table, campaigns, values, POLICY, DAY, dict.fromkeys(campaigns, 10.0), Evidence())
    assert [(c.campaigns_a, c.campaigns_b) for c in question.problem.conflicts] == [(["T_ONE"], ["T_TWO"])]
    assert (one.excluded_days, two.excluded_days) == ({"T_TWO": 6}, {})


def test_campaign_cannot_conflict_with_itself():
    with pytest.raises(ValueError, match="another campaign"):
        a_campaign("T_ONE", "CRBT", ["SMS"], conflicts=[{"campaign_id": "T_ONE"}])
