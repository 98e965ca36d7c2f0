"""What the customers of a day use, drawn person by person: calls, messages, sessions and pictures before they are records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulator import clock
from simulator.facts import Facts
from simulator.graph import choose_contact
from simulator.identity import other_province_numbers, outside_numbers
from simulator.planted import Planted
from simulator.state import State

OWN, FIXED_LINE = 3, 2
HOTLINE = 10086  # of our own customer service
LOCAL, TOLL, ROAM, SMS, DATA, MMS = 1, 2, 3, 4, 5, 6  # rows of State.charges
WEEKDAY = np.array([1.04, 1.03, 1.0, 1.01, 1.06, 0.95, 0.91])
CLOSING_DAY = 2  # a month's calls are complete for the view on this day of the next


def draw_times(people: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of the day for events of people, never twice the same second for one person; returns (person, second) sorted."""
    key = people.astype(np.int64) * 131_072 + clock.busy_seconds(rng, len(people))
    key = distinct(key)
    return key >> 17, key & 131_071


def distinct(values: np.ndarray) -> np.ndarray:
    """Different values, sorted; numpy.unique, which hashes, takes several times as long."""
    ordered = np.sort(values)
    return ordered[np.concatenate([ordered[:1] == ordered[:1], ordered[1:] != ordered[:-1]])]


class Day:
    """What the generators share: state, facts, day number, intensity and the day's pace."""

    def __init__(self, state: State, facts: Facts, day: int, intensity: float, rng: np.random.Generator):
        self.state, self.facts, self.day, self.intensity, self.rng = state, facts, day, intensity, rng
        self.pace = intensity * WEEKDAY[(day + 3) % 7]
        self.needs: dict[str, np.ndarray] = {}
        self.uplifts: list[dict] = []
        self.planted = Planted()
        self.is_first = False  # of the history: everything is delivered after the day's changes
        self.mood = np.where(state.fading, facts.moods["fading_factor"], 1.0) * state.activity

    def events(self, people: np.ndarray, rate: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """People and seconds of Poisson events."""
        counts = self.rng.poisson(np.broadcast_to(rate * self.pace, len(people)))
        return draw_times(np.repeat(people, counts), self.rng)

    def late(self, people: np.ndarray, feed: str) -> np.ndarray:
        """Day of use: for a few records (roaming) up to three days before the day they are processed."""
        share = self.facts.usage["late_record_share"]
        back = np.where(self.rng.random(len(people)) < share, self.rng.integers(1, 4, len(people)), 0)
        back = np.where(self.state.number_since[people] < self.day - 4, back, 0)
        self.planted.add("D11", feed, np.count_nonzero(back))
        return self.day - back


def opposite_numbers(
    now: Day, callers: np.ndarray, outside_share: np.ndarray, mobile_only: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Who is on the other side: (number, operator code, our subscription or -1)."""
    state, rng = now.state, now.rng
    contact = choose_contact(state, callers, rng)
    is_outside = (rng.random(len(callers)) < outside_share) | (contact < 0)
    reachable = ~is_outside & state.live[np.maximum(contact, 0)]
    own = np.where(
        reachable, state.msisdn[np.maximum(contact, 0)], other_province_numbers(np.maximum(contact, 0), now.facts)
    )
    foreign, operator = outside_numbers(callers * 8 + (8 * rng.random(len(callers)) ** 2).astype(np.int64), now.facts)
    number = np.where(is_outside, foreign, own)
    if mobile_only:
        number = np.where(is_outside & (operator == FIXED_LINE), other_province_numbers(callers, now.facts), number)
    return number, np.where(is_outside, operator, OWN), np.where(reachable, contact, -1)


@dataclass(frozen=True)
class Calls:
    """Legs of calls of one kind, as drawn: who they are charged to, the other side, length, fees in li, day of use."""

    who: np.ndarray
    second: np.ndarray
    other: np.ndarray
    operator: np.ndarray
    seconds: np.ndarray
    call_type: str
    is_toll: np.ndarray
    is_roaming: np.ndarray
    base_fee: np.ndarray
    toll_fee: np.ndarray
    used: np.ndarray
    third: np.ndarray | None = None  # number a forwarded call was meant for


def draw_calls(now: Day, people: np.ndarray) -> Iterator[Calls]:
    """What `voice` writes as records, drawn in its order: what else a record needs is drawn before the next is asked for."""
    state, facts, rng = now.state, now.facts, now.rng
    caller, second = now.events(people, facts.usage["voice_mo"] * now.mood[people])
    share = np.where(state.competitor[caller], facts.moods["competitor_share"], state.outside_share[caller])
    number, operator, contact = opposite_numbers(now, caller, share)
    seconds = np.clip(rng.lognormal(4.1, 0.95, len(caller)), 2, 7_000).astype(np.int64)
    answered = contact >= 0
    mt, mt_second = contact[answered], second[answered]
    outside, outside_second = now.events(people, facts.usage["voice_mt_outside"] * np.sqrt(now.mood[people]))
    far, far_operator = outside_numbers(outside * 8 + rng.integers(0, 8, len(outside)), facts)
    now.planted.add(
        "D9", "cdr_voice", (operator == FIXED_LINE).sum() + (far_operator == FIXED_LINE).sum(), "opposite_no FIXED"
    )
    yield _calls(now, caller, second, number, operator, seconds, "MO")
    own = np.full(len(mt), OWN)
    yield _calls(now, mt, mt_second, state.msisdn[caller[answered]], own, seconds[answered], "MT")
    length = np.clip(rng.lognormal(4.0, 0.9, len(outside)), 2, 7_000).astype(np.int64)
    yield _calls(now, outside, outside_second, far, far_operator, length, "MT")
    yield from _special_calls(now, people)


def _special_calls(now: Day, people: np.ndarray) -> Iterator[Calls]:
    state, facts, rng = now.state, now.facts, now.rng
    chance = np.where(state.competitor[people], facts.moods["competitor_hotline"], 0.0015)
    asking = people[rng.random(len(people)) < chance]
    hotline = np.array(facts.competitor_hotlines, dtype=np.int64)[asking % len(facts.competitor_hotlines)]
    own = people[rng.random(len(people)) < 0.010 * np.minimum(state.hotline_habit[people], 6)]
    caller = np.concatenate([asking, own])
    number = np.concatenate([hotline, np.full(len(own), HOTLINE)])
    operator = np.concatenate([np.where(hotline == 10010, 0, 1), np.full(len(own), OWN)])
    now.planted.add("D9", "cdr_voice", len(caller), "opposite_no SP_CODE")
    length = rng.integers(20, 400, len(caller))
    yield _calls(now, caller, rng.integers(29_000, 79_000, len(caller)), number, operator, length, "MO", free=True)
    often = np.where(state.competitor[people], facts.moods["competitor_forward"], facts.usage["forward"])
    diverted = people[rng.random(len(people)) < often]
    third = np.where(diverted % 5 > 0, state.msisdn[diverted], 0)
    to, to_operator = outside_numbers(diverted * 8, facts)
    leaves = rng.random(len(diverted)) < np.where(state.competitor[diverted], 0.9, facts.usage["forward_outside_share"])
    to = np.where(leaves, to, other_province_numbers(diverted, facts))
    to_operator = np.where(leaves, to_operator, OWN)
    now.planted.add("D9", "cdr_voice", (to_operator == FIXED_LINE).sum(), "opposite_no FIXED")
    second, length = rng.integers(29_000, 79_000, len(diverted)), rng.integers(5, 300, len(diverted))
    yield _calls(now, diverted, second, to, to_operator, length, "FW", free=True, third=third)


def _calls(
    now: Day,
    who: np.ndarray,
    second: np.ndarray,
    other: np.ndarray,
    operator: np.ndarray,
    seconds: np.ndarray,
    call_type: str,
    free: bool = False,
    third: np.ndarray | None = None,
) -> Calls:
    """Draw what a leg costs and whether it is known late; charges and the months of calls follow it."""
    state, facts, rng, count = now.state, now.facts, now.rng, len(who)
    outgoing = call_type == "MO" and not free
    minutes = (seconds + 59) // 60
    toll = (rng.random(count) < facts.usage["toll_share"] * 2) & state.toll_user[who] & outgoing
    roam = rng.random(count) < facts.usage["roam_share"]
    rate = np.array([plan["li_per_minute"] for plan in facts.plans])[state.plan[who]]
    base = np.where(outgoing, minutes * rate, 0) + np.where(roam & (call_type != "FW"), minutes * 200, 0)
    long_distance = np.where(toll, minutes * 300, 0)
    np.add.at(state.charges[LOCAL], who, np.where(roam, 0, base))
    np.add.at(state.charges[ROAM], who, np.where(roam, base, 0))
    np.add.at(state.charges[TOLL], who, long_distance)
    used = now.late(who, "cdr_voice")
    _remember_calls(now, who, used)
    return Calls(who, second, other, operator, seconds, call_type, toll, roam, base, long_distance, used, third)


def _remember_calls(now: Day, who: np.ndarray, used: np.ndarray) -> None:
    """Months in which a line called; records of last month count until that month is closed."""
    months, today = now.state.called, clock.as_date(now.day)
    before = used < now.day - today.day + 1
    months[clock.month_index(now.day) % len(months), who[~before]] = True
    if today.day <= CLOSING_DAY and before.any():
        months[(clock.month_index(now.day) - 1) % len(months), who[before]] = True


@dataclass(frozen=True)
class Messages:
    """Short messages of one kind, as drawn: whose they are, the other side (our line or -1), fee in li, day of use."""

    who: np.ndarray
    second: np.ndarray
    other: np.ndarray
    cdr_type: str
    fee: int
    used: np.ndarray
    service: str = "P2P"


def draw_messages(now: Day, people: np.ndarray) -> Iterator[Messages]:
    """What `sms` writes as records."""
    state, facts, rng = now.state, now.facts, now.rng
    rate = facts.usage["sms_mo"] * now.mood * np.where(state.heavy_sms, 1.62, 0.38)
    sender, second = now.events(people, rate[people])
    number, _, contact = opposite_numbers(now, sender, state.outside_share[sender], mobile_only=True)
    got = contact >= 0
    yield _messages(now, sender, second, number, "00", 100)
    yield _messages(now, contact[got], second[got], state.msisdn[sender[got]], "01", 0)
    outside, outside_second = now.events(people, facts.usage["sms_mt_outside"] * np.sqrt(now.mood[people]))
    far, _ = outside_numbers(outside * 8 + rng.integers(0, 8, len(outside)), facts)
    yield _messages(now, outside, outside_second, far, "01", 0)
    service, service_second = now.events(people, facts.usage["sms_service"])
    codes = np.array([10086, 106580, 106573, 12530, 95588])[rng.integers(0, 5, len(service))]
    now.planted.add("D9", "cdr_sms", len(service), "opposite_no SP_CODE")
    yield _messages(now, service, service_second, codes, "01", 0, "SP")


def _messages(
    now: Day, who: np.ndarray, second: np.ndarray, other: np.ndarray, cdr_type: str, fee: int, service: str = "P2P"
) -> Messages:
    np.add.at(now.state.charges[SMS], who, float(fee))
    return Messages(who, second, other, cdr_type, fee, now.late(who, "cdr_sms"), service)


@dataclass(frozen=True)
class Sessions:
    """Data sessions as drawn: whose, when, bytes, fee in li."""

    who: np.ndarray
    second: np.ndarray
    up: np.ndarray
    down: np.ndarray
    fee: np.ndarray


def draw_sessions(now: Day, people: np.ndarray) -> Sessions:
    """What `gprs` writes as records."""
    state, facts, rng = now.state, now.facts, now.rng
    rate = facts.usage["gprs"] * now.mood * np.where(state.heavy_data, 2.3, 0.15)
    who, second = now.events(people, rate[people])
    count = len(who)
    down = (rng.lognormal(10.6, 1.2, count) * np.where(state.heavy_data[who], 3.0, 0.5)).astype(np.int64)
    up = (down * (0.08 + 0.15 * rng.random(count))).astype(np.int64)
    pack = state.owns(facts.product(facts.data_pack))[who]
    fee = np.where(pack, 0, (down + up) // 1024 * 3)
    np.add.at(state.charges[DATA], who, fee)
    return Sessions(who, second, up, down, fee)


@dataclass(frozen=True)
class Pictures:
    """MMS as drawn: those of people first, then the newspaper's; who pays, the sender's second, the receiver, fee in li."""

    who: np.ndarray
    second: np.ndarray  # of those of people
    receiver: np.ndarray  # of those of people
    is_news: np.ndarray
    fee: np.ndarray


def draw_pictures(now: Day, people: np.ndarray) -> Pictures:
    """What `mms` writes as records."""
    state, facts, rng = now.state, now.facts, now.rng
    rate = facts.usage["mms"] * now.mood * np.where(state.mms_habit, 3.0, 0.0)
    sender, second = now.events(people, rate[people])
    receiver, _, _ = opposite_numbers(now, sender, state.outside_share[sender] * 0.3, mobile_only=True)
    reader = people[state.owns(facts.product("NEWSPAPER"))[people] & (rng.random(len(people)) < 0.97)]
    who = np.concatenate([sender, reader])
    is_news = np.arange(len(who)) >= len(sender)
    fee = np.where(is_news, 0, 300)
    np.add.at(state.charges[MMS], who, fee)
    return Pictures(who, second, receiver, is_news, fee)
