"""One day in the lives of all subscriptions: joining, moods, leaving, adopting and giving back products, new handsets."""

from __future__ import annotations

import numpy as np

from simulator import clock, hazards
from simulator.changes import CRBT_LOST, CRBT_WON, LEFT, NEWSPAPER_WON, Changes, adopt, give_back
from simulator.drawn import Day
from simulator.graph import ties
from simulator.identity import own_numbers
from simulator.world import DEVICES, NORMAL

GRACE_DAYS = 30
RECYCLE_DAYS = 90


def advance(now: Day, changes: Changes) -> None:
    """Let a day pass; the state is changed in place."""
    _join(now, changes)
    _number_changes(now, changes)
    _owner_changes(now, changes)
    _moods(now, changes)
    _agreements(now, changes)
    found = hazards.conditions(now.state, now.facts, now.day)
    scores = hazards.logits(now.state, now.facts, now.day, found)
    leavers = _leave(now, changes, scores)
    _crbt(now, changes, scores, leavers)
    _newspaper(now, changes, scores, leavers)
    _other_products(now, changes, leavers)
    _handsets_and_plans(now, changes)


def drawn(now: Day, scores: dict[str, np.ndarray], model: str, excluded: np.ndarray | None = None) -> np.ndarray:
    """Subscriptions whose event of a model happens today."""
    hazard = hazards.daily(scores[model], float(now.state.intercepts[hazards.MODELS.index(model)]))
    happens = hazards.population(now.state, now.facts, model) & (now.rng.random(now.state.size) < hazard)
    if excluded is not None:
        happens[excluded] = False
    return np.flatnonzero(happens)


def _join(now: Day, changes: Changes) -> None:
    state, rng = now.state, now.rng
    who = np.flatnonzero((state.act == now.day) & (state.kind == NORMAL) & ~state.live & (state.end == 0))
    if not len(who):
        return
    free = np.flatnonzero(
        (state.end > 0) & (state.end < now.day - RECYCLE_DAYS) & (state.status < 2040) & (state.kind != 1)
    )
    wanted = who[rng.random(len(who)) < now.facts.dirt["recycled_share"]][: len(free)]
    before = rng.choice(free, len(wanted), replace=False)
    state.msisdn[wanted] = state.msisdn[before]
    now.planted.add("D4", "subscription", len(wanted))
    state.status[before], state.status_day[before] = 2050, now.day
    state.live[who], state.number_since[who], state.status_day[who] = True, now.day, now.day
    state.device_since[who], state.first_handset[who] = now.day, True
    _take_over_handsets(now, who)
    changes.mark("subscription_status", before)
    for feed in ("customer", "subscription", "subscription_status", "subscription_imei"):
        changes.mark(feed, state.customer[who] if feed == "customer" else who)
    changes.mark("agreement", who[state.contract_seq[who] > 0])
    order_plan = who[rng.random(len(who)) < 0.5]
    crbt = order_plan[rng.random(len(order_plan)) < 0.30]
    if len(crbt):
        adopt(now, changes, crbt, "CRBT")


def _take_over_handsets(now: Day, who: np.ndarray) -> None:
    """Some joiners use the handset of a line that ended in the calendar month before; each handset is passed on once."""
    state, rng = now.state, now.rng
    month_before = clock.month_starts(now.day, 2)
    ended = (state.end >= month_before[0]) & (state.end < month_before[1]) & (state.kind == NORMAL)
    ended[state.handset_from[state.handset_from >= 0]] = False
    takers = who[rng.random(len(who)) < now.facts.other_rates["handset_passed_on"]]
    givers = rng.permutation(np.flatnonzero(ended))[: len(takers)]
    takers = takers[: len(givers)]
    devices, tac = hazards.device_table(), state.tac[givers]
    fits = (devices["gprs"][tac] | ~state.heavy_data[takers]) & (devices["mms"][tac] | ~state.mms_habit[takers])
    takers, givers = takers[fits], givers[fits]
    state.tac[takers], state.device_serial[takers] = state.tac[givers], state.device_serial[givers]
    state.handset_from[takers] = givers


def _number_changes(now: Day, changes: Changes) -> None:
    """D5: the same subscription gets another number; the old one is not given out again."""
    state = now.state
    moved = state.live & (state.kind == NORMAL) & (now.rng.random(state.size) < now.facts.other_rates["number_change"])
    moved[state.ghost_twin] = False
    moved &= (state.act < now.day) & (not now.is_first)  # the old number was delivered
    who = np.flatnonzero(moved)
    now.planted.add("D5", "subscription", len(who))
    state.msisdn[who] = own_numbers(int(state.next_number) + np.arange(len(who)), now.facts)
    state.next_number = np.array(int(state.next_number) + len(who))
    state.number_since[who] = now.day
    changes.mark("subscription", who)
    number, owner = np.nonzero((state.prod_on[:, who] > 0) & (state.prod_off[:, who] == 0))
    changes.products.append((number, who[owner]))
    changes.mark("crbt_subscription", who[state.owns(now.facts.product("CRBT"))[who]])


def _owner_changes(now: Day, changes: Changes) -> None:
    """D6: a line goes to another person, a customer of ours; each line changes hands at most once, companies' lines never.

    Drawn from a stream of its own, so that a rate of transfers changes nobody else's days.
    """
    state, rng = now.state, now.rng.spawn(1)[0]
    personal = (state.kind == NORMAL) & state.live & (state.act < now.day) & (state.corporate[state.customer] < 0)
    personal[state.ghost_twin] = False
    sold = personal & (state.owner_since == 0) & (rng.random(state.size) < now.facts.other_rates["owner_change"])
    who = np.flatnonzero(sold & (not now.is_first))  # the owner before was delivered
    buyers = state.customer[rng.choice(np.flatnonzero(personal), len(who))]
    is_other = state.cust_id(buyers) != state.cust_id(state.customer[who])
    who, buyers = who[is_other], buyers[is_other]
    now.planted.add("D6", "subscription", len(who))
    state.customer[who], state.owner_since[who] = buyers, now.day
    changes.mark("subscription", who)
    changes.mark("customer", buyers)


def _moods(now: Day, changes: Changes) -> None:
    state, moods = now.state, now.facts.moods
    for name in ("fading", "competitor", "trouble"):
        regime = getattr(state, name)
        chance = np.where(regime, moods[f"{name}_end"], moods[f"{name}_start"])
        changed = now.rng.random(state.size) < chance
        setattr(state, name, regime ^ changed)
        if name == "fading":
            state.fading_since[changed & ~regime] = now.day
    ill = state.live & state.trouble & (state.kind == NORMAL)
    dice = now.rng.random(state.size)
    barred = np.flatnonzero(ill & (state.status == 1010) & (dice < 0.003))
    state.status[barred] = np.where(state.prepaid[barred], 1022, 1021)
    state.grace_day[barred] = np.where(state.prepaid[barred], now.day, state.grace_day[barred])
    cold = np.flatnonzero(ill & (state.status == 1022) & (now.day - state.status_day >= GRACE_DAYS))
    state.status[cold], state.quarantine_day[cold] = 1023, now.day
    well = np.flatnonzero(state.live & ~state.trouble & (state.status >= 1021) & (state.status <= 1023))
    state.status[well] = 1010
    changed = np.concatenate([barred, cold, well])
    state.status_day[changed] = now.day
    changes.mark("subscription_status", changed)
    start = np.flatnonzero(ill & (state.balance > 450))
    state.balance[start] = now.rng.integers(50, 450, len(start))
    behind = np.flatnonzero(ill & ~state.prepaid & (state.owe == 0))
    state.owe[behind] = now.rng.integers(2000, 9000, len(behind))
    now.mood = np.where(state.fading, moods["fading_factor"], 1.0) * state.activity * (state.status == 1010)


def _agreements(now: Day, changes: Changes) -> None:
    state, rng = now.state, now.rng
    ended = state.live & (state.contract_to == now.day) & (rng.random(state.size) < 0.55)
    fresh = (
        state.live & (state.contract_to < now.day) & (rng.random(state.size) < now.facts.other_rates["agreement_start"])
    )
    who = np.flatnonzero((ended | fresh) & (state.kind == NORMAL))
    state.contract_from[who] = now.day
    state.contract_to[who] = now.day + rng.choice([365, 730], len(who))
    state.contract_seq[who] += 1
    changes.mark("agreement", who)


def _leave(now: Day, changes: Changes, scores: dict[str, np.ndarray]) -> np.ndarray:
    state, rng = now.state, now.rng
    due = np.flatnonzero(state.live & (state.status == 1040) & (now.day - state.status_day >= 5))
    who = drawn(now, scores, "churn_offnet")
    who = who[state.status[who] != 1040]
    who = np.setdiff1d(who, state.ghost_twin)
    asked = who[~state.prepaid[who] & (rng.random(len(who)) < 0.10)]
    state.status[asked], state.status_day[asked], state.request_day[asked] = 1040, now.day, now.day
    gone = np.union1d(np.setdiff1d(who, asked), due)
    state.live[gone], state.end[gone], state.status_day[gone] = False, now.day, now.day
    state.status[gone] = np.where(state.trouble[gone], 2020, np.where(rng.random(len(gone)) < 0.08, 2030, 2010))
    changes.mark("subscription_status", np.concatenate([asked, gone]))
    changes.event(LEFT, now.day, gone)
    return gone


def _crbt(now: Day, changes: Changes, scores: dict[str, np.ndarray], leavers: np.ndarray) -> None:
    state, rng = now.state, now.rng
    lost = drawn(now, scores, "churn_crbt", leavers)
    silent = now.day - state.tone_last[lost] > 60
    state.crbt_reason[lost] = np.where(silent, 1, rng.integers(2, 5, len(lost)))
    give_back(now, changes, lost, "CRBT")
    for extra in ("CRBT_MUSIC_BOX", "MUSIC_CLUB_PREMIUM"):
        also = lost[state.owns(now.facts.product(extra))[lost]]
        give_back(now, changes, also, extra)
    state.club[lost] = 0
    changes.mark("crbt_subscription", lost)
    changes.event(CRBT_LOST, now.day, lost)
    won = np.setdiff1d(drawn(now, scores, "propensity_crbt", leavers), lost)
    cause = _cause(now, won)
    adopt(now, changes, won, "CRBT")
    changes.event(CRBT_WON, now.day, won, cause)
    copied = (cause >= 0) & (rng.random(len(won)) < 0.75)
    changes.copies.append((won[copied], cause[copied]))
    box = won[rng.random(len(won)) < 0.22]
    adopt(now, changes, box, "CRBT_MUSIC_BOX")


def _cause(now: Day, who: np.ndarray) -> np.ndarray:
    """Which contact brought an adoption about, in proportion to what was heard of each; -1 for those who came by themselves."""
    loud = hazards.loudness(now.state, now.facts, now.day)
    place, contact, share = ties(now.state, who)
    part = share * loud[contact]
    heard = np.bincount(place, weights=part, minlength=len(who))
    caused = np.flatnonzero(now.rng.random(len(who)) < 1 - np.exp(-hazards.pull(now.facts, heard)))
    running, before = np.cumsum(part), np.cumsum(heard) - heard
    drawn_at = before[caused] + now.rng.random(len(caused)) * heard[caused]
    cause = np.full(len(who), -1)
    cause[caused] = contact[np.searchsorted(running, drawn_at, side="right")]
    return cause


def _newspaper(now: Day, changes: Changes, scores: dict[str, np.ndarray], leavers: np.ndarray) -> None:
    state = now.state
    ends = state.live & state.owns(now.facts.product("NEWSPAPER"))
    ends &= now.rng.random(state.size) < now.facts.other_rates["newspaper_cancel"]
    won = drawn(now, scores, "propensity_newspaper", leavers)
    give_back(now, changes, np.flatnonzero(ends), "NEWSPAPER")
    adopt(now, changes, won, "NEWSPAPER")
    changes.event(NEWSPAPER_WON, now.day, won)


def _other_products(now: Day, changes: Changes, leavers: np.ndarray) -> None:
    state, rates = now.state, now.facts.other_rates
    live = state.live & (state.kind == NORMAL)
    live[leavers] = False
    for prod_id in ("MISSED_CALL_ALERT", "FETION", "MMS_PACK", "VPN_BUNDLE"):
        owned = state.owns(now.facts.product(prod_id))
        dice = now.rng.random(state.size)
        give_back(now, changes, np.flatnonzero(live & owned & (dice < rates["other_vas_cancel"])), prod_id)
        adopt(now, changes, np.flatnonzero(live & ~owned & (dice < rates["other_vas_adopt"])), prod_id)
    data_pack = now.facts.data_pack
    pack = now.facts.product(data_pack)
    due = live & ~state.owns(pack) & (state.pack_due == now.day)
    ends = live & state.owns(pack) & (now.rng.random(state.size) < rates["other_vas_cancel"])
    give_back(now, changes, np.flatnonzero(ends), data_pack)
    state.pack_due[ends] = now.day + now.rng.geometric(rates["gprs_pack_adopt"], int(ends.sum()))
    prompted = due & (state.pack_campaign == 1)
    for who, campaign in ((prompted, now.facts.campaign_without_effect), (due & ~prompted, None)):
        adopt(now, changes, np.flatnonzero(who), data_pack, campaign)


def _handsets_and_plans(now: Day, changes: Changes) -> None:
    state, rng, rates = now.state, now.rng, now.facts.other_rates
    live = state.live & (state.kind == NORMAL)
    swap = np.flatnonzero(live & (rng.random(state.size) < rates["handset_change"]))
    devices = hazards.device_table()
    better = rng.integers(0, DEVICES, len(swap))
    fits = (devices["gprs"][better] | ~state.heavy_data[swap]) & (devices["mms"][better] | ~state.mms_habit[swap])
    state.tac[swap] = np.where(fits, better, state.tac[swap])
    state.device_serial[swap] = rng.integers(100_000, 9_999_999, len(swap))
    state.handset_from[swap[state.device_since[swap] == now.day]] = -1  # never seen with the handset taken over
    state.device_since[swap] = now.day
    state.first_handset[swap] &= not now.is_first  # swapped before anything was delivered
    changes.mark("subscription_imei", swap)
    moved = np.flatnonzero(live & (rng.random(state.size) < rates["plan_change"]))
    for brand in range(3):
        same = moved[state.brand[moved] == brand]
        state.plan[same] = rng.choice(now.facts.plans_of(brand), len(same))
    changes.mark("subscription", moved)
    corrected = np.flatnonzero((state.kind == NORMAL) & live & (rng.random(state.size) < 0.002))
    changes.mark("customer", state.customer[corrected])
