"""30-day probabilities of the planted events, walked day by day: clocks run on as they must, regimes change as they may.

Clocks are known on the day itself (a contract ends, a complaint fades, a CRBT subscriber falls silent or becomes an old
one, a birthday); regimes change by chance (visible fading, interest in a competitor, trouble, a tone event that breaks the
silence). Not foreseen: new complaints, renewed contracts, and what contacts will do.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from simulator import hazards
from simulator.facts import Facts
from simulator.state import State

Mass = dict[tuple[bool, ...], np.ndarray]  # chance of being there still, by the regimes held
REFRESH_DAYS = 5  # hazards of five days are those of the middle one: the clocks need no finer look
REGIMES = {
    "churn_offnet": ("fading", "competitor", "trouble"),
    "churn_crbt": ("trouble", "heard"),
    "propensity_crbt": (),
    "propensity_newspaper": (),
}
HEARD = "heard"  # a tone event since the date: nobody falls silent again within 30 days
LEAVING = 1040


def chances(state: State, facts: Facts, day: int, intensity: float = 1.0) -> dict[str, np.ndarray]:
    """Chance of each model's event within 30 days of a date, for every subscription; leaving the network ends the others."""
    today = hazards.conditions(state, facts, day)
    circle = hazards.contagion(state, facts, day)
    masses = {model: _start(state, names, today) for model, names in REGIMES.items()}
    happened = {model: np.zeros(state.size) for model in REGIMES}
    daily: dict[str, Mass] = {}
    for ahead in range(1, hazards.HORIZON + 1):
        if ahead % REFRESH_DAYS == 1:
            daily = _hazards(state, facts, day + ahead + REFRESH_DAYS // 2, circle)
        moves, staying = _moves(state, facts, day, ahead, intensity), np.ones(1)
        for model, names in REGIMES.items():
            masses[model] = _change(masses[model], names, moves, but=HEARD)
            lost = {regime: share * daily[model][regime] for regime, share in masses[model].items()}
            happened[model] += _sum(lost) * staying
            masses[model] = {regime: share - lost[regime] for regime, share in masses[model].items()}
            staying = _sum(masses[model]) if model == "churn_offnet" else staying  # who left today does nothing else
        masses["churn_crbt"] = _change(masses["churn_crbt"], REGIMES["churn_crbt"], moves, only=HEARD)
    happened["churn_offnet"] = np.where(state.status == LEAVING, 1.0, happened["churn_offnet"])
    return happened


def _start(state: State, names: tuple[str, ...], today: dict[str, np.ndarray]) -> Mass:
    """All of everyone's chances lie on the regimes held today."""
    held = {**today, HEARD: np.zeros(state.size, dtype=bool)}
    found = {}
    for regime in product((False, True), repeat=len(names)):
        match = [held[name] == value for name, value in zip(names, regime, strict=True)]
        found[regime] = np.logical_and.reduce(match).astype(float) if match else np.ones(state.size)
    return found


def _hazards(state: State, facts: Facts, day: int, circle: np.ndarray) -> dict[str, Mass]:
    """Daily hazard by model and regime on a day to come, with every clock where it will then be."""
    found = hazards.conditions(state, facts, day)
    daily: dict[str, Mass] = {}
    for number, (model, names) in enumerate(REGIMES.items()):
        extra = float(state.intercepts[number]) + (circle if model == "propensity_crbt" else 0.0)
        daily[model] = {
            regime: hazards.daily(hazards.score(facts.effects[model], _assuming(found, names, regime)), extra)
            for regime in product((False, True), repeat=len(names))
        }
    return daily


def _assuming(found: dict[str, np.ndarray], names: tuple[str, ...], regime: tuple[bool, ...]) -> dict[str, np.ndarray]:
    """The conditions of a day if these regimes held."""
    assumed = dict(found)
    for name, holds in zip(names, regime, strict=True):
        condition = "crbt_silent" if name == HEARD else name
        values = found[condition] & (not holds) if name == HEARD else np.full(len(found["prepaid"]), holds)
        assumed[condition], assumed[f"not_{condition}"] = values, ~values
    return assumed


def _moves(state: State, facts: Facts, day: int, ahead: int, intensity: float) -> dict[str, tuple]:
    """Chances to enter and to leave each regime on a day to come, as simulator.life and simulator.service draw them."""
    moods = facts.moods
    plain = {name: (moods[f"{name}_start"], moods[f"{name}_end"]) for name in ("competitor", "trouble")}
    heard = np.minimum(facts.usage["tone_events"] * intensity * state.tone_habit, 1.0)
    return {**plain, "fading": _fading(state, moods, day, ahead), HEARD: (heard, 0.0)}


def _fading(state: State, moods: dict, day: int, ahead: int) -> tuple[np.ndarray, np.ndarray]:
    """Who began to fade becomes visible after 8 days and stops being so after 70, or earlier."""
    age = day + ahead - state.fading_since
    lasts = 1 - moods["fading_end"]
    seen_from, seen_to = hazards.FADING_SEEN_FROM, hazards.FADING_SEEN_TO
    begins = moods["fading_start"] * lasts**seen_from if ahead > seen_from else 0.0
    enter = np.where(state.fading, (age == seen_from) * lasts**ahead, begins)
    return enter, np.where(state.fading & (age > seen_to), 1.0, moods["fading_end"])


def _change(mass: Mass, names: tuple[str, ...], moves: dict[str, tuple], but: str = "", only: str = "") -> Mass:
    """The chances after the regimes, all `but` one or `only` one, had their chance to change."""
    for place, name in enumerate(names):
        if name == but or (only and name != only):
            continue
        enter, leave = moves[name]
        moved = {}
        for regime, share in mass.items():
            other = mass[*regime[:place], not regime[place], *regime[place + 1 :]]
            stay, come = (1 - leave, enter) if regime[place] else (1 - enter, leave)
            moved[regime] = share * stay + other * come
        mass = moved
    return mass


def _sum(mass: Mass) -> np.ndarray:
    return np.sum(list(mass.values()), axis=0)
