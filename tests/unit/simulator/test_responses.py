"""Who answers a list and what it changes: holders are kept by retention campaigns only, and uplift is what would not have come anyway."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from simulator import hazards, responses
from simulator.changes import Changes
from simulator.drawn import Day
from simulator.facts import load_facts
from simulator.world import build_world

FACTS = load_facts()
TODAY = 20_100


@pytest.fixture
def now():
    """A day of an operator of 2,000 subscriptions."""
    world = build_world(FACTS, 2_000, 5, TODAY - 1, TODAY + 30)
    world.intercepts = hazards.calibrate(world, FACTS, TODAY)
    return Day(world, FACTS, TODAY, 1.0, np.random.default_rng(3))


def ask(now, who, campaign, changes=None, product="CRBT"):
    """Answers of these people to a call of a campaign."""
    names = ("contact_id", "task_id", "wave_no", "script_id")
    contacts = pl.DataFrame({"who": who, "msisdn": now.state.msisdn[who].astype(str)}).with_columns(
        *[pl.lit("1").alias(name) for name in names],
        channel_code=pl.lit("OUTBOUND"),
        product_id=pl.lit(product),
        campaign_id=pl.lit(campaign),
    )
    return responses.answer(now, changes or Changes(), contacts, {})


def people(now, model):
    return np.flatnonzero(hazards.population(now.state, FACTS, model) & (now.state.status == 1010))


def test_holders_accept_a_retention_campaign_and_no_other(now):
    holders, changes = people(now, "churn_crbt"), Changes()
    assert (ask(now, holders, "CRBT_ACQUISITION")["response_code"] == "ACCEPT").sum() == 0
    answers = ask(now, holders, "CRBT_SAVE", changes)
    accepted = holders[(answers["response_code"] == "ACCEPT").to_numpy()]
    assert len(accepted) > 20
    assert (now.state.kept_until[accepted] == TODAY + FACTS.retention_days).all()
    assert set(changes.rows("product_order")["action"]) == {"CHANGE"}
    assert (now.state.prod_on[FACTS.product("CRBT"), accepted] < TODAY).all(), "they keep what they have"


def test_who_was_kept_is_less_likely_to_give_crbt_back_for_ninety_days(now):
    holders = people(now, "churn_crbt")
    before = hazards.logits(now.state, FACTS, TODAY)["churn_crbt"][holders]
    now.state.kept_until[holders] = TODAY + 90
    for day, is_kept in ((TODAY, True), (TODAY + 90, True), (TODAY + 91, False)):
        assert hazards.conditions(now.state, FACTS, day)["kept"][holders].all() == is_kept
    assert (hazards.logits(now.state, FACTS, TODAY)["churn_crbt"][holders] < before - 1).all()


def test_true_uplift_leaves_out_those_who_would_have_adopted_anyway(now):
    open_minded = people(now, "propensity_crbt")
    ask(now, open_minded, "CRBT_ACQUISITION")
    one = now.uplifts[-1]["expected_extra"]
    natural = responses.natural_chance(now, open_minded, "CRBT")
    assert 0.005 < natural.mean() < 0.05
    now.state.intercepts = now.state.intercepts + 4  # everybody comes by himself
    now.needs.clear()
    now.state.prod_on[FACTS.product("CRBT"), open_minded] = 0
    ask(now, open_minded, "CRBT_ACQUISITION")
    assert now.uplifts[-1]["expected_extra"] < 0.8 * one


def test_keeping_holders_counts_the_losses_it_prevents(now):
    holders = people(now, "churn_crbt")
    ask(now, holders, "CRBT_SAVE")
    truth = now.uplifts[-1]
    assert 0 < truth["expected_extra"] / truth["arrived"] < 0.02, "a week's churn is about two percent"


def test_the_campaign_without_effect_and_its_product_are_those_of_the_file():
    assert FACTS.campaign_without_effect in {row["campaign_id"] for row in FACTS.history_campaigns}
    assert FACTS.data_pack in FACTS.product_ids
