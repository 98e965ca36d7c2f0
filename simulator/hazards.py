"""The planted truth: daily hazards as logistic functions of what a customer view can see (effects of simulator/operator.yaml).

Every condition below has an observable trace: fading usage in mou_trend, competitor interest in calls_to_competitor_30d and
hotline_competitor_90d, trouble in balance_fen and arrears_fen, and so on (simulator/README.md has the list).
"""

from __future__ import annotations

import numpy as np

from simulator.facts import Facts
from simulator.graph import ties
from simulator.state import State
from simulator.world import NORMAL, device_table

MODELS = ("churn_offnet", "churn_crbt", "propensity_crbt", "propensity_newspaper")
HORIZON = 30
FADING_SEEN_FROM, FADING_SEEN_TO = 8, 70
_PRICE = device_table()["price"]
_MMS = device_table()["mms"]


def conditions(state: State, facts: Facts, day: int) -> dict[str, np.ndarray]:
    """Named yes/no conditions of every subscription on a day; the vocabulary of the planted effects."""
    crbt = facts.product("CRBT")
    has_crbt = state.owns(crbt) & state.live
    age = (day - state.birth[state.customer]) / 365.25  # the owner's: what the customer master says of a second line
    close = np.where(state.closest >= 0, state.closest, 0)
    known = state.closest >= 0
    left_recently = (state.end > day - 90) & (state.end > 0)
    found = {
        "prepaid": state.prepaid,
        "long_tenure": day - state.act > 730,
        "young": age < 28,
        "middle_age": (age >= 26) & (age < 42),
        "heavy_data": state.heavy_data,
        "heavy_sms": state.heavy_sms,
        "mms_user": state.mms_habit,
        "costly_device": _PRICE[state.tac] >= 3,
        "contract": state.contract_to > day + 30,
        "trouble": state.trouble,
        "complained": (state.complained > day - 60) & (state.complained > 0),
        "fading": state.fading & _in_window(day - state.fading_since),
        "competitor": state.competitor,
        "circle_left": (left_recently[close] & known).any(axis=1),
        "circle_crbt": (has_crbt[close] & known).sum(axis=1) >= 3,
        "kept": state.kept_until >= day,
        "crbt_silent": day - state.tone_last > 75,
        "crbt_old": day - state.prod_on[crbt] > 300,
        "music_box": state.owns(facts.product("CRBT_MUSIC_BOX")),
    }
    found.update({f"not_{name}": ~values for name, values in found.items()})
    return found


def _in_window(age: np.ndarray) -> np.ndarray:
    """Usage fades visibly against the 60 days before only while the fall is between 8 and 70 days old."""
    return (age >= FADING_SEEN_FROM) & (age <= FADING_SEEN_TO)


def score(effects: list[dict], found: dict[str, np.ndarray]) -> np.ndarray:
    """Sum of the effects: `all` counts its weight when every condition holds, `xor` plus or minus its weight."""
    total = np.zeros(len(found["prepaid"]))
    for effect in effects:
        if "xor" in effect:
            one, other = effect["xor"]
            total += effect["weight"] * np.where(found[one] ^ found[other], 1.0, -1.0)
        else:
            total += effect["weight"] * np.logical_and.reduce([found[name] for name in effect["all"]])
    return total


def population(state: State, facts: Facts, model: str) -> np.ndarray:
    """Whom a model is about: live subscriptions with, or without, the product."""
    live = state.live & (state.kind == NORMAL)
    if model == "churn_crbt":
        return live & state.owns(facts.product("CRBT"))
    if model == "propensity_crbt":
        return live & ~state.owns(facts.product("CRBT"))
    if model == "propensity_newspaper":
        return live & ~state.owns(facts.product("NEWSPAPER")) & _MMS[state.tac]
    return live


def loudness(state: State, facts: Facts, day: int) -> np.ndarray:
    """How much of each subscription's CRBT others hear about: 1 just after a tone event, less with time; 0 without CRBT."""
    rule = facts.contagion
    holds = state.live & state.owns(facts.product("CRBT"))
    fresh = 0.5 ** (np.maximum(day - state.tone_last, 0) / rule["half_life_days"])
    return np.where(holds, rule["least"] + (1 - rule["least"]) * fresh, 0.0)


def exposure(state: State, loud: np.ndarray) -> np.ndarray:
    """What each subscription hears in all: loudness of all its contacts, weighted by the share of its calls they get."""
    place, contact, share = ties(state, np.arange(state.size))
    return np.bincount(place, weights=share * loud[contact], minlength=state.size)


def pull(facts: Facts, heard: np.ndarray) -> np.ndarray:
    """Log-hazard of adopting CRBT that an exposure adds: none up to a threshold, then rising to the most."""
    rule = facts.contagion
    rise = (heard - rule["exposure_from"]) / (rule["exposure_full"] - rule["exposure_from"])
    return rule["most"] * np.clip(rise, 0.0, 1.0)


def contagion(state: State, facts: Facts, day: int) -> np.ndarray:
    """Log-hazard that contacts add to each subscription's adoption of CRBT."""
    return pull(facts, exposure(state, loudness(state, facts, day)))


def logits(state: State, facts: Facts, day: int, found: dict[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
    """Logit of the daily hazard by model, without the intercept."""
    found = found or conditions(state, facts, day)
    scores = {model: score(facts.effects[model], found) for model in MODELS}
    scores["propensity_crbt"] = scores["propensity_crbt"] + contagion(state, facts, day)
    return scores


def daily(logit: np.ndarray, intercept: np.ndarray | float) -> np.ndarray:
    """Daily hazard of a logit."""
    return 1.0 / (1.0 + np.exp(-(logit + intercept)))


def within_horizon(hazard: np.ndarray) -> np.ndarray:
    """Chance of the event within 30 days at a constant daily hazard."""
    return 1.0 - (1.0 - hazard) ** HORIZON


def calibrate(state: State, facts: Facts, day: int) -> np.ndarray:
    """Intercepts that give each model its mean 30-day probability of simulator/operator.yaml over its population of the day."""
    scores = logits(state, facts, day)
    found = []
    for model in MODELS:
        logit = scores[model][population(state, facts, model)]
        low, high = -16.0, 0.0
        for _ in range(30):
            middle = (low + high) / 2
            too_many = within_horizon(daily(logit, middle)).mean() > facts.base_rates[model]
            low, high = (low, middle) if too_many else (middle, high)
        found.append((low + high) / 2)
    return np.array(found)
