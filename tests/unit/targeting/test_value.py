"""What a contact is worth: reach, chance of a yes, what an offer keeps, and what answers correct; and what binds between campaigns."""

from __future__ import annotations

from collections import Counter
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from conf.campaigns import load_campaigns
from conf.channels import load_channels
from conf.policy import load_policy
from conf.responses import load_response_rules
from conf.settings import AllocationSettings
from jobs.targeting.allocate import NOT_CHOSEN, allocate
from jobs.targeting.channel_rules import bits_of
from jobs.targeting.night_problem import build_problem, tiers_of
from jobs.targeting.value import Evidence, evidence_of, expected_values
from tests.unit.targeting.campaigns_for_tests import a_campaign

CHANNELS, POLICY, DAY = list(load_channels().values()), load_policy(), date(2026, 3, 11)
SMS, STORE, OUTBOUND, IVR = (load_channels()[code] for code in ("SMS", "STORE", "OUTBOUND", "IVR"))
QUICK = AllocationSettings(gap_target=0.001, time_limit_seconds=20)
MARGIN = 20.0 - 2.0  # of the offer of a_campaign
SELL = a_campaign("T_SELL", "CRBT", ["SMS", "STORE", "OUTBOUND"])
KEEP_RULE = {
    "score": "churn_crbt",
    "base_response": 0.2,
    "kept_share": 0.35,
    "kept_share_channel": "OUTBOUND",
    "kept_share_reason": "measured in a pilot",
}
KEEP = a_campaign("T_KEEP", "CRBT", ["OUTBOUND", "IVR"], goal="RETAIN", value=KEEP_RULE)


def targets(*campaigns, people=1, score=0.4, is_model_selected=True, **preferences) -> pa.Table:
    """Everybody contactable for every campaign on all its channels; `score` is one number or one for each campaign."""
    scores = score if isinstance(score, tuple) else (score,) * len(campaigns)
    rows = [
        {
            "subscription_id": f"S{number:05d}",
            "campaign_id": campaign.campaign_id,
            "product_id": campaign.product_id,
            "wave_no": 1,
            "score": of_campaign,
            "is_model_selected": is_model_selected,
            "all_reasons": 0,
            "open_channels": bits_of(campaign.channel_codes),
            "is_campaign_control": False,
            "month_contact_cnt": 0,
            **{
                f"preference_{channel.channel_code}": preferences.get(channel.channel_code, 0.5) for channel in CHANNELS
            },
        }
        for campaign, of_campaign in zip(campaigns, scores, strict=True)
        for number in range(people)
    ]
    return pa.Table.from_pylist(rows)


def values_of(table: pa.Table, *campaigns, evidence: Evidence | None = None) -> np.ndarray:
    by_id = {campaign.campaign_id: campaign for campaign in campaigns}
    return expected_values(table, by_id, CHANNELS, POLICY, evidence or Evidence())


def shown(channel, resulted, reached, contacted=0, accepted=0, product="CRBT"):
    """A row of gold.product_channel_affinity."""
    return {
        "product_id": product,
        "channel_code": channel.channel_code,
        "resulted_cnt": resulted,
        "reached_cnt": reached,
        "contacted_cnt": contacted,
        "accepted_cnt": accepted,
    }


def test_value_is_reach_times_chance_times_margin_less_expected_cost():
    values = values_of(targets(SELL, SMS=0.9), SELL)[0]

    chance = 0.4 * SMS.response_multiplier * (POLICY.preference.floor + 0.9)
    assert values[SMS.bit] == pytest.approx(SMS.reach.share * chance * MARGIN - SMS.cost_yuan)
    at_store = 0.4 * STORE.response_multiplier
    assert values[STORE.bit] == pytest.approx(STORE.reach.share * (at_store * MARGIN - STORE.cost_yuan)), (
        "who does not come costs nothing"
    )
    assert np.isnan(values[load_channels()["WEB"].bit]), "the campaign has no task on WEB"


def test_reach_is_believed_until_results_tell_and_then_learnt():
    few, many = evidence_of([shown(STORE, 20, 2)]), evidence_of([shown(STORE, 100_000, 12_000), shown(SMS, 0, 0)])
    weight, share = STORE.reach.weight_contacts, STORE.reach.share

    assert Evidence().reach(STORE) == share == 0.36, "4.13 J3, J5: between 32 and 40 of 100 listed"
    assert few.reach(STORE) == pytest.approx((2 + weight * share) / (20 + weight))
    assert many.reach(STORE) == pytest.approx(0.12, abs=0.001)
    assert many.reach(SMS) == SMS.reach.share
    assert (many.use(SMS), many.use(STORE)) == (1.0, many.reach(STORE)), "a text is sent whether it arrives or not"


def test_results_of_all_products_tell_the_reach_of_a_channel():
    evidence = evidence_of([shown(STORE, 4000, 400), shown(STORE, 6000, 1000, product="NEWSPAPER")])

    assert evidence.reach(STORE) == pytest.approx(STORE.reach.after(10_000, 1400))


def test_beliefs_are_the_decks_and_not_the_simulators():
    believed = {code: channel.reach.share for code, channel in load_channels().items()}

    assert 0.5992 <= believed["OUTBOUND"] <= 0.6682  # J1, J6
    assert 0.3230 <= believed["STORE"] <= 0.4049  # J3, J5
    assert believed["SMS"] == 0.92  # M3


def test_row_on_a_passive_channel_uses_capacity_hours_and_budget_by_reach():
    evidence = evidence_of([shown(STORE, 1e9, 1.2e8)])
    table, one = targets(SELL, people=3), {"T_SELL": SELL}
    question = build_problem(
        table, one, expected_values(table, one, CHANNELS, POLICY, evidence), POLICY, DAY, {"T_SELL": 9.0}, evidence
    )
    rules = {rule.name: rule.bound for rule in question.problem.rules}
    activities = question.problem.activities

    assert evidence.reach(STORE) == pytest.approx(0.12, abs=1e-6)
    assert rules["capacity_STORE"] == int(STORE.capacity_per_day / evidence.reach(STORE)) > 8 * STORE.capacity_per_day
    assert rules["capacity_OUTBOUND"] == OUTBOUND.capacity_per_day
    place = activities.name.index("T_SELL_STORE")
    assert activities.cost[place] == pytest.approx(0.12 * STORE.cost_yuan, abs=1e-6)
    assert activities.staff_hours[place] == pytest.approx(0.12 * STORE.staff_minutes / 60, abs=1e-6)
    assert activities.cost[activities.name.index("T_SELL_OUTBOUND")] == OUTBOUND.cost_yuan


def test_answers_correct_the_chance_the_more_there_are():
    believed = 0.4 * SMS.response_multiplier
    weight = load_response_rules().affinity.prior_contacts

    def chance(contacted, accepted):
        value = values_of(targets(SELL), SELL, evidence=evidence_of([shown(SMS, 0, 0, contacted, accepted)]))[
            0, SMS.bit
        ]
        return (value + SMS.cost_yuan) / MARGIN / SMS.reach.share

    assert chance(0, 0) == pytest.approx(believed), "the propensity with its base rate, as long as nobody answered"
    assert chance(10, 0) == pytest.approx(weight * believed / (10 + weight))
    assert chance(20_000, 500) == pytest.approx(0.025, rel=0.01), "the rate that was seen"
    assert chance(10**6, 10**6) == 0.95


def test_answers_move_the_level_and_keep_the_order_of_the_customers():
    table = targets(SELL, people=2)
    table = table.set_column(table.column_names.index("score"), "score", pa.array([0.1, 0.3]))
    evidence = evidence_of([shown(OUTBOUND, 0, 0, 10**9, 10**8)])
    low, high = (values_of(table, SELL, evidence=evidence)[:, OUTBOUND.bit] + OUTBOUND.cost_yuan) / (
        MARGIN * OUTBOUND.reach.share
    )

    assert (low + high) / 2 == pytest.approx(0.1, rel=1e-3)
    assert high / low == pytest.approx(3.0)


def test_score_of_leaving_counts_only_as_far_as_the_offer_keeps():
    leaving = values_of(targets(KEEP, score=0.8), KEEP)[0]
    expected = OUTBOUND.reach.share * 0.8 * 0.35 * MARGIN - OUTBOUND.cost_yuan

    assert leaving[OUTBOUND.bit] == pytest.approx(expected)
    carried_over = 0.35 * IVR.response_multiplier / OUTBOUND.response_multiplier
    assert leaving[IVR.bit] == pytest.approx(IVR.reach.share * 0.8 * carried_over * MARGIN - IVR.cost_yuan)


def test_win_back_without_a_score_keeps_its_base_rate():
    gone = values_of(targets(KEEP, score=0.2, is_model_selected=False), KEEP)[0]

    chance = 0.2 * OUTBOUND.response_multiplier
    assert gone[OUTBOUND.bit] == pytest.approx(OUTBOUND.reach.share * chance * MARGIN - OUTBOUND.cost_yuan)


def test_sales_of_the_product_say_nothing_about_keeping_it():
    evidence = evidence_of([shown(OUTBOUND, 0, 0, 10**6, 0)])

    assert values_of(targets(KEEP), KEEP, evidence=evidence) == pytest.approx(
        values_of(targets(KEEP), KEEP), nan_ok=True
    )


def test_save_campaign_of_the_pilots_says_what_its_offer_keeps_and_why():
    value = load_campaigns()["CRBT_SAVE"].value

    assert (value.kept_share, value.kept_share_channel) == (0.35, "OUTBOUND")
    assert "4.13 F2" in value.kept_share_reason


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"goal": "RETAIN", "value": {"score": "churn_crbt", "base_response": 0.2}}, "needs kept_share"),
        ({"goal": "ACQUIRE", "value": KEEP_RULE}, "only with goal RETAIN"),
        ({"goal": "RETAIN", "value": {"base_response": 0.2, "kept_share": 0.3}}, "only with goal RETAIN and a score"),
        ({"binding": "weight"}, "a weight other than 1"),
        ({"weight": 3.0}, "a weight other than 1"),
        ({"binding": "loose"}, "strict"),
    ],
)
def test_campaign_is_refused_that_says_half_of_its_value(changes, told):
    with pytest.raises(ValueError, match=told):
        a_campaign("T_HALF", "CRBT", ["SMS"], **changes)


def served(*campaigns, score, people=400) -> Counter:
    """Contacts of each campaign when all want the same people and one channel."""
    by_id = {campaign.campaign_id: campaign for campaign in campaigns}
    left = dict.fromkeys(by_id, 1e6)
    plan = allocate(targets(*campaigns, people=people, score=score), by_id, POLICY, DAY, left, QUICK, Evidence())
    chosen = np.repeat(list(by_id), people)[plan.chosen_channel != NOT_CHOSEN]
    return Counter(chosen.tolist())


def a_pair(**of_first):
    """First by priority and worth less; second by priority and worth more."""
    first = a_campaign("T_FIRST", "CRBT", ["SMS"], priority=1, **of_first)
    return first, a_campaign("T_SECOND", "NEWSPAPER", ["SMS"], priority=2)


@pytest.mark.parametrize(
    ("of_first", "winner"),
    [
        ({}, "T_SECOND"),  # value decides
        ({"binding": "strict"}, "T_FIRST"),  # rule 5.14: priority before value
        ({"binding": "weight", "weight": 1.5}, "T_SECOND"),  # 1.5 x 0.2 is still less than 0.4
        ({"binding": "weight", "weight": 4.0}, "T_FIRST"),
    ],
)
def test_campaign_says_whether_its_priority_binds(of_first, winner):
    assert served(*a_pair(**of_first), score=(0.2, 0.4)) == {winner: SMS.capacity_per_day}


def test_strict_campaigns_are_served_by_priority_and_share_the_rest_by_value():
    second = a_campaign("T_SECOND", "CRBT", ["SMS"], priority=2, binding="strict")
    first = a_campaign("T_FIRST", "NEWSPAPER", ["SMS"], priority=1, binding="strict")
    free = a_campaign("T_FREE", "MUSIC_CLUB_PREMIUM", ["SMS"], priority=1)

    assert tiers_of([second, first, free]).tolist() == [1, 0, 2]
    assert tiers_of([free, free]).tolist() == [0, 0]
    by_id = {campaign.campaign_id: campaign for campaign in (first, second, free)}
    table = pa.concat_tables(
        [targets(first, people=60, score=0.1), targets(second, free, people=400, score=(0.2, 0.5))]
    )
    plan = allocate(table, by_id, POLICY, DAY, dict.fromkeys(by_id, 1e6), QUICK, Evidence())
    chosen = np.asarray(table["campaign_id"].to_pylist())[plan.chosen_channel != NOT_CHOSEN]
    assert Counter(chosen.tolist()) == {"T_FIRST": 60, "T_SECOND": SMS.capacity_per_day - 60}
    assert plan.plan.gap <= QUICK.gap_target


def test_among_strict_campaigns_of_one_priority_value_decides():
    first, second = a_pair(binding="strict")
    equal = second.model_copy(update={"priority": 1, "binding": "strict"})

    assert served(first, equal, score=(0.2, 0.4)) == {"T_SECOND": SMS.capacity_per_day}
