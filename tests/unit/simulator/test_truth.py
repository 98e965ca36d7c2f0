"""The truth foresees what is certain to come, and its ceilings lie where models can be told apart."""

from __future__ import annotations

import copy

import numpy as np
import polars as pl
import pytest

from simulator import clock, hazards, horizon, life, service, truth
from simulator.changes import Changes
from simulator.drawn import Day
from simulator.facts import load_facts
from simulator.graph import choose_contact, ties
from simulator.state import State
from simulator.world import NORMAL, build_world

FACTS = load_facts()
FIRST, CUT_OFF, LAST = 20_000, 20_120, 20_150
ROOM = 75


@pytest.fixture(scope="module")
def played():
    """(state at the cut-off, truth of the cut-off with what happened) of 2,500 subscriptions that lived 150 days."""
    state, events = build_world(FACTS, 2_500, 5, FIRST, LAST + ROOM), []
    for day in range(FIRST, LAST + 1):
        if day == FIRST or clock.as_date(day).day == 1:
            state.intercepts = hazards.calibrate(state, FACTS, day)
        now, changes = Day(state, FACTS, day, 1.0, np.random.default_rng([5, day])), Changes()
        life.advance(now, changes)
        service.tone_events(now, changes)
        service.complaints(now)
        events += changes.events
        if day == CUT_OFF:
            then, rows = State(copy.deepcopy(state.arrays)), truth.snapshot(state, FACTS, day)
    return then, truth.with_labels(rows, truth.event_frame(events), CUT_OFF)


def known(rows: pl.DataFrame, model: str) -> pl.DataFrame:
    return rows.filter(pl.col(truth.COLUMNS[model]).is_not_null())


def expected_auc(chance: np.ndarray) -> float:
    """AUC these chances have if they are true: everyone counts as a case by the chance, as none by the rest."""
    case = np.sort(chance)
    other = 1 - case
    return float((case * (np.cumsum(other) - other / 2)).sum() / (case.sum() * other.sum()))


@pytest.mark.parametrize("model", hazards.MODELS)
def test_ceilings_leave_room_above_chance_and_below_certainty(played, model):
    chance = known(played[1], model)[truth.COLUMNS[model]].to_numpy()
    assert 0.75 <= expected_auc(chance) <= 0.88


@pytest.mark.parametrize("model", hazards.MODELS)
def test_as_many_events_happen_as_the_chances_say(played, model):
    rows = known(played[1], model)
    expected, found = rows[truth.COLUMNS[model]].sum(), rows[truth.LABELS[model]].sum()
    assert found == pytest.approx(expected, abs=3 * expected**0.5)
    score = truth.area_under_curve(rows[truth.COLUMNS[model]].to_numpy(), rows[truth.LABELS[model]].to_numpy() > 0)
    assert score == pytest.approx(expected_auc(rows[truth.COLUMNS[model]].to_numpy()), abs=0.06)


def chances_with(state: State, who: int, **values) -> dict[str, float]:
    """Chances of one subscription with some of its values set."""
    changed = State(copy.deepcopy(state.arrays))
    for name, value in values.items():
        getattr(changed, name)[who] = value
    return {model: chance[who] for model, chance in horizon.chances(changed, FACTS, CUT_OFF).items()}


def test_calls_are_shared_out_among_all_ties_the_first_most(played):
    state = played[0]
    people = np.flatnonzero(np.diff(state.contact_start) > 3)[:500]
    place, contact, share = ties(state, people)
    assert np.bincount(place, weights=share) == pytest.approx(np.ones(len(people)))
    first = np.flatnonzero(np.diff(place, prepend=-1))
    assert (contact[first] == state.closest[people, 0]).all()
    assert (share[first] > share[first + 1]).all()
    drawn = choose_contact(state, np.repeat(people[:1], 20_000), np.random.default_rng(1))
    assert (drawn == contact[0]).mean() == pytest.approx(share[0], abs=0.02)


def test_contagion_needs_a_threshold_fades_and_has_a_most():
    rule = FACTS.contagion
    heard = np.array([0.0, rule["exposure_from"], rule["exposure_full"], 1.0])
    assert hazards.pull(FACTS, heard).tolist() == [0.0, 0.0, rule["most"], rule["most"]]


def test_contagion_can_be_learnt_from_the_view_but_is_no_column_of_it(played):
    state = played[0]
    place, contact, share = ties(state, np.arange(state.size))
    holds = state.live & state.owns(FACTS.product("CRBT"))
    counted = np.bincount(place, weights=holds[contact], minlength=state.size)  # partners_with_crbt_cnt
    weighted = np.bincount(place, weights=holds[contact] * share, minlength=state.size)  # crbt_contact_share
    inside = hazards.population(state, FACTS, "propensity_crbt")
    added = hazards.contagion(state, FACTS, CUT_OFF)[inside]
    for seen in (counted[inside], weighted[inside]):
        assert 0.3 < np.corrcoef(np.argsort(np.argsort(seen)), np.argsort(np.argsort(added)))[0, 1] < 0.95


def test_adoptions_brought_about_are_shared_among_those_who_are_heard(played):
    state, rows = played
    caused = rows[truth.COLUMNS["influence_adoption"]].drop_nulls()
    adopts = known(rows, "propensity_crbt")[truth.COLUMNS["propensity_crbt"]].sum()
    assert 0.05 * adopts < caused.sum() < adopts
    silent = truth.adoptions_caused(state, FACTS, CUT_OFF, np.ones(state.size))[~state.owns(FACTS.product("CRBT"))]
    assert (silent == 0).all()


def holder(state: State) -> int:
    return int(np.flatnonzero(hazards.population(state, FACTS, "churn_crbt") & ~state.prepaid & ~state.trouble)[0])


def test_a_subscriber_about_to_fall_silent_is_nearer_to_leaving_than_one_who_downloads(played):
    state = played[0]
    chance = {
        quiet: chances_with(state, holder(state), tone_last=CUT_OFF - quiet, tone_habit=0.0)["churn_crbt"]
        for quiet in (1, 74, 90)
    }
    assert chance[1] < chance[74] <= chance[90], "silence begins on day 76, within the 30 days"
    often = chances_with(state, holder(state), tone_last=CUT_OFF - 74, tone_habit=20.0)["churn_crbt"]
    assert often < chance[74], "who sets tones often will not fall silent"


def test_a_contract_that_ends_and_a_complaint_that_fades_are_foreseen(played):
    state, who = played[0], holder(played[0])
    leave = {
        left: chances_with(state, who, contract_to=CUT_OFF + left, fading=False, competitor=False)["churn_offnet"]
        for left in (20, 45, 300)
    }
    assert leave[300] < leave[45] < leave[20]
    complained = {
        ago: chances_with(state, who, complained=CUT_OFF - ago, contract_to=0)["churn_offnet"] for ago in (1, 55, 70)
    }
    assert complained[70] < complained[55] < complained[1]


def test_a_second_line_is_as_old_as_its_owner(played):
    state = played[0]
    second = np.flatnonzero((state.customer != np.arange(state.size)) & (state.kind == NORMAL))
    assert len(second) > 50
    found = hazards.conditions(state, FACTS, CUT_OFF)
    age = (CUT_OFF - state.birth[state.customer[second]]) / 365.25
    assert (found["young"][second] == (age < 28)).all()
    assert (found["middle_age"][second] == ((age >= 26) & (age < 42))).all()


def test_some_joiners_use_the_handset_of_a_line_that_ended_the_month_before(played):
    state = played[0]
    takers = np.flatnonzero(state.handset_from >= 0)
    givers = state.handset_from[takers]
    assert len(takers) > 5
    assert len(np.unique(givers)) == len(givers)
    for taker, giver in zip(takers, givers, strict=True):
        joined, ended = clock.as_date(state.act[taker]), clock.as_date(state.end[giver])
        assert joined.year * 12 + joined.month == ended.year * 12 + ended.month + 1
    kept = state.device_since[takers] == state.act[takers]
    assert (state.device_serial[takers[kept]] == state.device_serial[givers[kept]]).all()
