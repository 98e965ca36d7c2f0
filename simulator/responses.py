"""How customers answer a contact: reached or not, accept, refuse, consider, opt out; the accepting ones order the product."""

from __future__ import annotations

import numpy as np
import polars as pl

from simulator import clock, hazards
from simulator.changes import Changes, adopt, order
from simulator.usage import Day, fill, pick

BULK = ("SMS", "MMS", "WAP_PUSH")
PASSIVE = ("STORE", "HOTLINE", "WEB")
STAFFED = ("OUTBOUND", "STORE", "HOTLINE", "ACCOUNT_MANAGER")
NEED_OF = {
    "CRBT": "propensity_crbt",
    "CRBT_MUSIC_BOX": "propensity_crbt",
    "MUSIC_CLUB_PREMIUM": "propensity_crbt",
    "NEWSPAPER": "propensity_newspaper",
}
REFUSALS = ["NO_NEED", "TOO_EXPENSIVE", "CANNOT_HEAR", "BUSY"]
SCOPES = ["CHANNEL", "PRODUCT", "SYSTEM"]
STAFF = 40
STAFF_SPREAD = 0.35  # logit between a strong and an average seller
ACCEPT, REFUSE, CONSIDER, NOTHING = range(4)


def need(now: Day, who: np.ndarray, product: str) -> np.ndarray:
    """Planted need of each person for a product, as a standard score over the base."""
    model = NEED_OF.get(product)
    if model is None:
        return np.zeros(len(who))
    if model not in now.needs:
        logit = hazards.score(now.facts.effects[model], hazards.conditions(now.state, now.facts, now.day))
        now.needs[model] = (logit - logit.mean()) / logit.std()
    return now.needs[model][who]


def chances(now: Day, who: np.ndarray, channel: str, product: str, staff: np.ndarray) -> np.ndarray:
    """Chance of an accept once the contact arrived."""
    rule, facts = now.facts.responses[channel], now.facts
    base = np.log(rule["accept"] / (1 - rule["accept"])) + facts.product_appeal.get(product, 0.0)
    skill = np.where(np.isin(channel, STAFFED), STAFF_SPREAD * np.sin(staff * 2.4), 0.0)
    return 1 / (1 + np.exp(-(base + facts.response_need_weight * need(now, who, product) + skill)))


def reached(now: Day, who: np.ndarray, channel: str, visitors: dict[str, np.ndarray]) -> np.ndarray:
    """Whether the contact arrives today: bulk is delivered, calls are answered, passive channels need a visit."""
    rule = now.facts.responses[channel]
    known = who >= 0
    if channel in PASSIVE:
        habit = getattr(now.state, {"STORE": "store_habit", "HOTLINE": "hotline_habit", "WEB": "web_habit"}[channel])
        comes = now.rng.random(len(who)) < np.minimum(rule["reach"] * habit[np.maximum(who, 0)], 0.8)
        return known & (comes | np.isin(who, visitors.get(channel, [])))
    able = now.state.live[np.maximum(who, 0)] & (now.state.status[np.maximum(who, 0)] == 1010)
    return known & able & (now.rng.random(len(who)) < rule["reach"])


def answer(
    now: Day,
    changes: Changes,
    contacts: pl.DataFrame,
    visitors: dict[str, np.ndarray],
    accept: np.ndarray | None = None,
) -> pl.DataFrame:
    """Answers to the contacts of one channel, product and campaign; returns their channel results.

    `contacts` holds contact_id, campaign_id, task_id, wave_no, who, msisdn, script_id (and offer of one product and channel).
    `accept` replaces the usual chance of an accept.
    """
    channel, product, campaign = (contacts[name][0] for name in ("channel_code", "product_id", "campaign_id"))
    who = contacts["who"].to_numpy()
    count, rule, rng = len(who), now.facts.responses[channel], now.rng
    staff = (who * 31 + now.day) % STAFF
    arrives = reached(now, who, channel, visitors)
    chance = chances(now, np.maximum(who, 0), channel, product, staff) if accept is None else accept
    owned = _owns(now, who, product)
    dice = rng.random(count)
    refuse_from = np.where(owned, 0.0, chance)
    outcome = np.where(dice < np.where(owned, 0.0, chance), ACCEPT, NOTHING)
    outcome = np.where((outcome == NOTHING) & (dice < refuse_from + rule["refuse"]), REFUSE, outcome)
    outcome = np.where(
        (outcome == NOTHING) & (dice < refuse_from + rule["refuse"] + rule["consider"]), CONSIDER, outcome
    )
    outcome = np.where(arrives, outcome, NOTHING)
    now.uplifts.append(_truth(campaign, channel, product, arrives, np.where(owned, 0.0, chance)))
    staff_id = _staff_ids(channel, staff)
    numbers = _take(now, changes, who, outcome, (product, campaign, channel), staff_id)
    return _results(now, contacts, channel, arrives, outcome, numbers, staff_id)


def _owns(now: Day, who: np.ndarray, product: str) -> np.ndarray:
    if product not in now.facts.product_ids:
        return np.zeros(len(who), dtype=bool)
    return now.state.owns(now.facts.product(product))[np.maximum(who, 0)]


def _truth(campaign: str, channel: str, product: str, arrives: np.ndarray, chance: np.ndarray) -> dict:
    """Expected adoptions a day's contacts bring about by themselves."""
    extra = float((arrives * chance).sum())
    return {
        "campaign_id": campaign, "channel_code": channel, "product_id": product, "contacts": len(arrives),
        "arrived": int(arrives.sum()), "expected_extra": extra,
    }  # fmt: skip


def _staff_ids(channel: str, staff: np.ndarray) -> pl.Series:
    if channel not in STAFFED:
        return fill(None, len(staff))
    return fill(channel[0], len(staff)) + pl.Series(1000 + staff).cast(pl.String)


def _take(
    now: Day, changes: Changes, who: np.ndarray, outcome: np.ndarray, what: tuple[str, str, str], staff: pl.Series
) -> np.ndarray:
    """Orders of those who accepted; order number by contact, 0 for none."""
    product, campaign, channel = what
    numbers = np.zeros(len(who), dtype=np.int64)
    places = np.flatnonzero(outcome == ACCEPT)
    places = places[np.unique(who[places], return_index=True)[1]] if len(places) else places
    if not len(places):
        return numbers
    sellers = staff.gather(places)
    if product in now.facts.product_ids:
        numbers[places] = adopt(now, changes, who[places], product, campaign, channel=channel, staff=sellers)
    else:
        numbers[places] = order(now, changes, who[places], product, "ADD", campaign, channel=channel, staff=sellers)
    return numbers


def _results(
    now: Day,
    contacts: pl.DataFrame,
    channel: str,
    arrives: np.ndarray,
    outcome: np.ndarray,
    numbers: np.ndarray,
    staff: pl.Series,
) -> pl.DataFrame:
    rng, count, rule = now.rng, len(contacts), now.facts.responses[channel]
    bulk, passive = channel in BULK, channel in PASSIVE
    words = ["DELIVERED", "FAILED"] if bulk else ["SHOWN", "SHOWN"] if passive else ["REACHED", "NOT_REACHED"]
    code = pick(["ACCEPT", "REFUSE", "CONSIDER", "NO_RESPONSE"], outcome)
    code = code.zip_with(pl.Series(arrives), fill("NOT_REACHED", count))
    if bulk:  # delivery only; an answer shows as an order, or as an opt-out
        code = fill("", count)
    opted = arrives & (outcome != ACCEPT) & (rng.random(count) < rule["opt_out"])
    scope = pick(SCOPES, rng.choice(3, count, p=[0.7, 0.2, 0.1])).zip_with(pl.Series(opted), fill("", count))
    frame = contacts.select("contact_id", "campaign_id", "task_id", "wave_no", "msisdn", "script_id").with_columns(
        channel_code=fill(channel, count),
        contact_time=pl.Series(clock.datetime14(now.day, np.clip(clock.busy_seconds(rng, count), 32_400, 71_900))),
        reach_code=pick(words, (~arrives).astype(np.int64)), response_code=code,
        refuse_reason=pick(REFUSALS, rng.integers(0, 4, count)).zip_with(pl.Series(arrives & (outcome == REFUSE) & (not bulk)), fill("", count)),
        staff_id=staff, order_id=pl.Series(numbers).cast(pl.String).zip_with(pl.Series((numbers > 0) & (not bulk)), fill("", count)),
        opt_out_scope=scope,
    )  # fmt: skip
    return frame.filter(pl.Series(arrives)) if passive else frame
