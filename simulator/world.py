"""The population on the eve of the history: customers, subscriptions, devices, products, agreements and the social graph."""

from __future__ import annotations

import numpy as np

from simulator import clock
from simulator.facts import BRANDS, Facts
from simulator.graph import build_graph
from simulator.identity import own_numbers
from simulator.state import State

NORMAL, GHOST, FORMER = 0, 1, 2  # FORMER left before the history; GHOST is the second live id of a number (dirt D1)
ACTIVE, TERMINATED = 1010, 2010
FORMER_SHARE = 0.16
CITY_WEIGHT_TOLERANCE = 1e-6
DEVICES = 640
CALL_MONTHS = 6


def build_world(facts: Facts, subscriptions: int, seed: int, first_day: int, last_day: int) -> State:
    """The state before `first_day`; joiners up to `last_day` are already laid out, not yet live."""
    rng = np.random.default_rng([seed, 1])
    months = (last_day - first_day + 1) / 30
    joiners = int(subscriptions * facts.base_rates["churn_offnet"] * 0.93 * months)
    ghosts = max(2, int(subscriptions * facts.dirt["double_live_share"]))
    former = int(subscriptions * FORMER_SHARE)
    kind = np.concatenate([np.zeros(subscriptions + joiners), np.full(former, FORMER), np.full(ghosts, GHOST)]).astype(
        np.int8
    )
    state = State({"kind": kind, "live": np.arange(len(kind)) < subscriptions, "today": np.array(first_day - 1)})
    _places_and_brands(state, facts, rng)
    _dates(state, subscriptions, joiners, first_day, last_day, rng)
    _people(state, facts, first_day, rng)
    _behaviour(state, facts, first_day, rng)
    _numbers_and_devices(state, facts, first_day, rng)
    _products(state, facts, first_day, rng)
    _regimes(state, facts, first_day, rng)
    normal = np.flatnonzero(kind == NORMAL)
    for name, values in build_graph(normal, state.size, rng).items():
        setattr(state, name, values)
    _ghosts(state, first_day, rng)
    return state


def _places_and_brands(state: State, facts: Facts, rng: np.random.Generator) -> None:
    weights = np.array(list(facts.city_weights.values()))
    state.city = rng.choice(len(weights), state.size, p=weights / weights.sum()).astype(np.int8)
    counties = np.array([len(names) for names in facts.counties])
    state.county = (rng.random(state.size) ** 1.4 * counties[state.city]).astype(np.int8)
    shares = np.array([facts.brands[brand]["share"] for brand in BRANDS])
    state.brand = rng.choice(3, state.size, p=shares / shares.sum()).astype(np.int8)
    prepaid = np.array([facts.brands[brand]["prepaid"] for brand in BRANDS])
    state.prepaid = rng.random(state.size) < prepaid[state.brand]
    state.plan = np.zeros(state.size, dtype=np.int8)
    for brand in range(3):
        chosen = state.brand == brand
        state.plan[chosen] = rng.choice(facts.plans_of(brand), int(chosen.sum()))


def _dates(state: State, live: int, joiners: int, first_day: int, last_day: int, rng: np.random.Generator) -> None:
    state.act = np.zeros(state.size, dtype=np.int32)
    state.act[:] = first_day - 1 - np.minimum(rng.exponential(1000, state.size), 4500).astype(np.int32)
    state.act[live : live + joiners] = np.sort(rng.integers(first_day, last_day + 1, joiners))
    state.end = np.zeros(state.size, dtype=np.int32)
    former = state.kind == FORMER
    state.end[former] = first_day - rng.integers(20, 700, int(former.sum()))
    state.act[former] = state.end[former] - 30 - rng.integers(0, 1500, int(former.sum()))
    state.number_since = state.act.copy()
    state.status = np.where(former, rng.choice([2010, 2020, 2030], state.size, p=[0.7, 0.2, 0.1]), ACTIVE).astype(
        np.int16
    )
    state.status_day = np.where(former, state.end, state.act).astype(np.int32)
    state.request_day = np.zeros(state.size, dtype=np.int32)


def _people(state: State, facts: Facts, first_day: int, rng: np.random.Generator) -> None:
    youngest = np.array([facts.brands[brand]["age"][0] for brand in BRANDS])[state.brand]
    oldest = np.array([facts.brands[brand]["age"][1] for brand in BRANDS])[state.brand]
    age = youngest + rng.random(state.size) ** 1.3 * (oldest - youngest)
    state.birth = (first_day - age * 365.25).astype(np.int32)
    state.sex = rng.integers(1, 3, state.size).astype(np.int8)
    # Sentinels of D13 are properties of the record, not of the day: the same customer shows the same gap every time.
    for name in ("birth", "marital", "occupation", "education", "sex"):
        setattr(state, f"hide_{name}", rng.random(state.size) < facts.dirt["sentinel_share"])
    state.marital = np.where(age > 27, rng.random(state.size) < 0.8, rng.random(state.size) < 0.1).astype(np.int8) + 1
    state.occupation = rng.integers(1, 21, state.size).astype(np.int8)
    state.education = rng.integers(11, 18, state.size).astype(np.int8)
    state.user_type = np.where(
        rng.random(state.size) < facts.dirt["test_share"], rng.integers(2, 4, state.size), 1
    ).astype(np.int8)
    state.line_use = rng.choice([3, 1, 2], state.size, p=[0.95, 0.03, 0.02]).astype(np.int8)
    customer = np.arange(state.size, dtype=np.int32)
    second = (rng.random(state.size) < 0.06) & (state.kind == NORMAL) & (customer > 0)
    customer[second] = customer[customer[second] - 1]
    state.customer = customer
    state.owner_since = np.zeros(state.size, dtype=np.int32)  # day of the transfer (D6), 0 = none
    companies = max(4, state.size // 60)
    is_corporate = (rng.random(state.size) < 0.14) & (state.brand != 2)
    state.corporate = np.where(is_corporate, rng.integers(0, companies, state.size), -1).astype(np.int32)
    state.company_registered = is_corporate & (rng.random(state.size) < 0.3)
    state.company_count = np.array(companies)
    state.vip = np.where(state.brand == 0, rng.choice([0, 3, 2, 1], state.size, p=[0.6, 0.25, 0.11, 0.04]), 0).astype(
        np.int8
    )
    state.sensitive = rng.random(state.size) < 0.01
    state.manager_count = np.array(max(6, state.size // 400))
    managed = (state.vip > 0) | is_corporate
    state.manager = np.where(managed, rng.integers(0, int(state.manager_count), state.size), -1).astype(np.int32)


def _behaviour(state: State, facts: Facts, first_day: int, rng: np.random.Generator) -> None:
    size = state.size
    brand_factor = np.array([1.4, 0.85, 1.0])[state.brand]
    level = rng.lognormal(0, 0.45, size) * brand_factor
    state.activity = (level / level.mean()).astype(np.float32)
    state.heavy_data = rng.random(size) < np.array([0.45, 0.30, 0.60])[state.brand]
    state.heavy_sms = rng.random(size) < np.array([0.45, 0.45, 0.60])[state.brand]
    state.mms_habit = rng.random(size) < 0.38
    state.outside_share = rng.beta(2, 11, size).astype(np.float32)
    state.toll_user = rng.random(size) < 0.4
    state.vpn = (state.corporate >= 0) & (rng.random(size) < 0.7)
    state.store_habit = rng.gamma(0.6, 1 / 0.6, size).astype(np.float32)
    state.hotline_habit = rng.gamma(0.6, 1 / 0.6, size).astype(np.float32)
    state.web_habit = (rng.gamma(0.5, 2.0, size) * np.where(state.heavy_data, 1.5, 0.4)).astype(np.float32)
    has_contract = rng.random(size) < 0.42
    length = rng.choice([365, 730], size)
    begun = first_day - rng.integers(0, 700, size)
    state.contract_from = np.where(has_contract, np.maximum(begun, state.act), 0).astype(np.int32)
    state.contract_to = np.where(has_contract, state.contract_from + length, 0).astype(np.int32)
    state.contract_seq = has_contract.astype(np.int16)
    state.bundle = rng.integers(1, 8, size).astype(np.int8)


def _numbers_and_devices(state: State, facts: Facts, first_day: int, rng: np.random.Generator) -> None:
    index = np.arange(state.size, dtype=np.int64)
    state.msisdn = own_numbers(index, facts)
    state.next_number = np.array(state.size, dtype=np.int64)
    state.imsi = 460_000_000_000_000 + index * 9_973 % 10**10
    popularity = 1 / np.arange(3, DEVICES + 3) ** 0.7
    state.tac = rng.choice(DEVICES, state.size, p=popularity / popularity.sum()).astype(np.int16)
    state.device_serial = rng.integers(100_000, 9_999_999, state.size).astype(np.int32)
    state.device_since = np.maximum(first_day - rng.integers(1, 900, state.size), state.act).astype(np.int32)
    state.handset_from = np.full(state.size, -1, dtype=np.int32)  # line that had a joiner's handset the month before
    joined = np.array([clock.month_index(day) for day in range(int(state.act.min()), int(state.act.max()) + 900)])
    in_month = lambda days: joined[days - int(state.act.min())]  # noqa: E731
    state.first_handset = in_month(state.device_since) == in_month(
        state.act
    )  # the handset of the activation month is known
    devices = device_table()
    supports_gprs = devices["gprs"][state.tac]
    state.heavy_data &= supports_gprs
    state.mms_habit &= devices["mms"][state.tac]


def device_table() -> dict[str, np.ndarray]:
    """Abilities of the handset models by model number: price class 1 to 4 and what they support. The same in every world."""
    rng = np.random.default_rng(20080401)
    price = rng.choice([1, 2, 3, 4], DEVICES, p=[0.28, 0.27, 0.27, 0.18])
    return {
        "price": price,
        "gprs": rng.random(DEVICES) < 0.86 + 0.035 * price,
        "mms": rng.random(DEVICES) < 0.60 + 0.10 * price,
        "java": rng.random(DEVICES) < 0.50 + 0.12 * price,
        "fetion": rng.random(DEVICES) < 0.30 + 0.15 * price,
        "wap": rng.random(DEVICES) < 0.90,
        "brand": rng.integers(0, 10, DEVICES),
        "tac": 35_000_000 + np.arange(DEVICES) * 1_237 % 9_000_000,
        "launch": 13_300 - rng.integers(0, 1800, DEVICES),
    }


def _products(state: State, facts: Facts, first_day: int, rng: np.random.Generator) -> None:
    size, count = state.size, len(facts.products)
    state.prod_on = np.zeros((count, size), dtype=np.int32)
    state.prod_off = np.zeros((count, size), dtype=np.int32)
    mms = device_table()["mms"][state.tac]
    for number, product in enumerate(facts.products):
        share = product["start_share"] * (mms if product["prod_id"] == "NEWSPAPER" else 1)
        owner = (rng.random(size) < share) & state.live
        age = np.minimum(rng.exponential(420, size), first_day - 1 - state.act).astype(np.int32)
        state.prod_on[number] = np.where(owner, np.maximum(first_day - 1 - age, state.act), 0)
    crbt, box = facts.product("CRBT"), facts.product("CRBT_MUSIC_BOX")
    has_crbt = state.prod_on[crbt] > 0
    in_box = has_crbt & (rng.random(size) < 0.28)
    state.prod_on[box] = np.where(in_box, state.prod_on[crbt], 0)
    state.crbt_channel = rng.integers(0, 5, size).astype(np.int8)
    state.crbt_reason = np.zeros(size, dtype=np.int8)
    state.tone_habit = (rng.gamma(0.55, 1 / 0.55, size)).astype(np.float32)
    state.tone_habit[rng.random(size) < 0.35] = 0.05
    last = first_day - rng.integers(1, 150, size)
    state.tone_last = np.where(has_crbt, np.maximum(last, state.prod_on[crbt]), 0).astype(np.int32)
    state.kept_until = np.zeros(size, dtype=np.int32)  # last day on which an accepted retention offer holds
    state.tone_taste = rng.integers(0, 6, size).astype(np.int8)
    state.club = np.where(has_crbt, rng.choice([0, 1, 2], size, p=[0.6, 0.33, 0.07]), 0).astype(np.int8)
    club = facts.product("MUSIC_CLUB_PREMIUM")
    state.prod_on[club] = np.where((state.club == 2) & has_crbt, state.prod_on[crbt], 0)


def _regimes(state: State, facts: Facts, first_day: int, rng: np.random.Generator) -> None:
    size = state.size
    for name in ("fading", "competitor", "trouble"):
        start, end = facts.moods[f"{name}_start"], facts.moods[f"{name}_end"]
        setattr(state, name, rng.random(size) < start / (start + end))
    state.fading_since = (first_day - rng.geometric(facts.moods["fading_end"], size)).astype(np.int32)
    state.complained = np.where(rng.random(size) < 0.05, first_day - rng.integers(1, 60, size), 0).astype(np.int32)
    state.balance = np.where(state.trouble, rng.integers(50, 450, size), rng.integers(1600, 9000, size)).astype(
        np.int32
    )
    state.owe = np.where(state.trouble & ~state.prepaid, rng.integers(2000, 9000, size), 0).astype(np.int32)
    state.paid_month = np.zeros(size, dtype=np.int32)
    state.last_bill = rng.integers(1500, 12000, size).astype(np.int32)
    state.charges = np.zeros((8, size), dtype=np.float64)  # li of the running month by item group, see money.ITEMS
    state.tone_fees = np.zeros(size, dtype=np.float64)
    state.bill = np.zeros((8, size), dtype=np.int64)
    state.bill_crbt, state.bill_news, state.bill_discount = (np.zeros(size, dtype=np.int64) for _ in range(3))
    state.grace_day, state.quarantine_day = np.zeros(size, dtype=np.int32), np.zeros(size, dtype=np.int32)
    state.pack_due = (first_day + rng.geometric(facts.other_rates["gprs_pack_adopt"], size)).astype(np.int32)
    state.pack_campaign = np.zeros(size, dtype=np.int8)
    finished = len(facts.history_campaigns)
    state.campaign_arm, state.campaign_model = (
        np.zeros((finished, size), dtype=np.int8),
        np.zeros((finished, size), dtype=bool),
    )
    state.campaign_day = np.zeros((finished, size), dtype=np.int32)
    state.intercepts = np.zeros(4)
    state.called = np.zeros((CALL_MONTHS, size), dtype=bool)  # whether the line called, by month modulo CALL_MONTHS
    state.order_seq = np.array(0, dtype=np.int64)


def _ghosts(state: State, first_day: int, rng: np.random.Generator) -> None:
    """Second live ids of a live number, created earlier: never any traffic, to be terminated by the data-quality rule."""
    ghosts = np.flatnonzero(state.kind == GHOST)
    recent = np.flatnonzero(state.live & (state.act < first_day - 400) & (state.user_type == 1))
    twins = rng.choice(recent, len(ghosts), replace=False)
    state.msisdn[ghosts] = state.msisdn[twins]
    state.act[ghosts] = state.act[twins] - rng.integers(30, 300, len(ghosts))
    state.status_day[ghosts] = state.act[ghosts]
    state.number_since[ghosts] = state.act[ghosts]
    for name in ("city", "county", "brand", "prepaid", "plan"):
        getattr(state, name)[ghosts] = getattr(state, name)[twins]
    state.user_type[ghosts] = 1
    state.ghost_twin = twins.astype(np.int64)
