"""How customers answer a contact: reached or not, accept, refuse, consider, opt out; the accepting ones order the product."""

from __future__ import annotations

import numpy as np
import polars as pl

from conf.campaigns import load_campaigns
from conf.responses import load_response_rules
from simulator import clock, hazards
from simulator.changes import Changes, adopt, order
from simulator.drawn import Day
from simulator.usage import fill, pick

BULK = ("SMS", "MMS", "WAP_PUSH")
PASSIVE = ("STORE", "HOTLINE", "WEB")
STAFFED = ("OUTBOUND", "STORE", "HOTLINE", "ACCOUNT_MANAGER")
NEED_OF = {
    "CRBT": "propensity_crbt",
    "CRBT_MUSIC_BOX": "propensity_crbt",
    "MUSIC_CLUB_PREMIUM": "propensity_crbt",
    "NEWSPAPER": "propensity_newspaper",
}
NATURAL = {
    "CRBT": "propensity_crbt",
    "NEWSPAPER": "propensity_newspaper",
}  # products people come to by a planted hazard
WITH_ANOTHER = ("CRBT_MUSIC_BOX", "MUSIC_CLUB_PREMIUM")  # nobody takes them up by themselves
LEAVES = {"CRBT": "churn_crbt"}
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
    chance = np.where(owned & (not is_retention(campaign)), 0.0, chance)
    dice = rng.random(count)
    outcome = np.where(dice < chance, ACCEPT, NOTHING)
    outcome = np.where((outcome == NOTHING) & (dice < chance + rule["refuse"]), REFUSE, outcome)
    outcome = np.where((outcome == NOTHING) & (dice < chance + rule["refuse"] + rule["consider"]), CONSIDER, outcome)
    outcome = np.where(arrives, outcome, NOTHING)
    now.uplifts.append(_truth((campaign, channel, product), arrives, chance * _gain(now, who, product, owned)))
    staff_id = _staff_ids(channel, staff)
    numbers = _take(now, changes, who, outcome, (product, campaign, channel), staff_id)
    return _results(now, contacts, channel, arrives, outcome, numbers, staff_id)


def _owns(now: Day, who: np.ndarray, product: str) -> np.ndarray:
    if product not in now.facts.product_ids:
        return np.zeros(len(who), dtype=bool)
    return now.state.owns(now.facts.product(product))[np.maximum(who, 0)]


def is_retention(campaign: str) -> bool:
    """Whether a campaign is for those who have its product and might give it back (goal RETAIN of its file)."""
    known = load_campaigns()
    return campaign in known and known[campaign].keeps_product


def _gain(now: Day, who: np.ndarray, product: str, owned: np.ndarray) -> np.ndarray:
    """What an accept is worth in the window of the lift report: an adoption, or a holder kept, that would not have come anyway."""
    who = np.maximum(who, 0)
    return np.where(owned, _kept_by_offer(now, who, product), 1 - natural_chance(now, who, product))


def natural_chance(now: Day, who: np.ndarray, product: str) -> np.ndarray:
    """Chance that each person takes the product up within the window without being asked."""
    facts = now.facts
    if product in NATURAL:
        daily = _daily(now, NATURAL[product])[who]
    elif product == facts.data_pack:
        daily = np.full(len(who), facts.other_rates["gprs_pack_adopt"])
    else:
        alone = product in facts.product_ids and product not in WITH_ANOTHER
        daily = np.full(len(who), facts.other_rates["other_vas_adopt"] if alone else 0.0)
    return _within_window(daily)


def _kept_by_offer(now: Day, who: np.ndarray, product: str) -> np.ndarray:
    """By how much an accepted retention offer lowers each holder's chance to give the product back within the window."""
    model = LEAVES.get(product)
    if model is None:
        return np.zeros(len(who))
    found = hazards.conditions(now.state, now.facts, now.day)
    intercept = float(now.state.intercepts[hazards.MODELS.index(model)])
    chance = {}
    for kept in (False, True):
        assumed = found | {"kept": np.full(now.state.size, kept), "not_kept": np.full(now.state.size, not kept)}
        daily = hazards.daily(hazards.score(now.facts.effects[model], assumed), intercept)
        chance[kept] = _within_window(daily[who])
    return chance[False] - chance[True]


def _daily(now: Day, model: str) -> np.ndarray:
    """Daily hazard of everyone today."""
    logit = hazards.logits(now.state, now.facts, now.day)[model]
    return hazards.daily(logit, float(now.state.intercepts[hazards.MODELS.index(model)]))


def _within_window(daily: np.ndarray) -> np.ndarray:
    return 1 - (1 - daily) ** load_response_rules().lift.horizon_days


def _truth(what: tuple[str, str, str], arrives: np.ndarray, extra: np.ndarray) -> dict:
    """Expected adoptions (or holders kept) a day's contacts bring about by themselves."""
    campaign, channel, product = what
    return {
        "campaign_id": campaign,
        "channel_code": channel,
        "product_id": product,
        "contacts": len(arrives),
        "arrived": int(arrives.sum()),
        "expected_extra": float((arrives * extra).sum()),
    }


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
    holds = _owns(now, who, product)
    for some, take in ((places[~holds[places]], _adopted), (places[holds[places]], _kept)):
        if len(some):
            details = {"channel": channel, "staff": staff.gather(some)}
            numbers[some] = take(now, changes, who[some], product, campaign, **details)
    return numbers


def _adopted(now: Day, changes: Changes, who: np.ndarray, product: str, campaign: str, **details) -> np.ndarray:
    if product in now.facts.product_ids:
        return adopt(now, changes, who, product, campaign, **details)
    return order(now, changes, who, product, "ADD", campaign, **details)


def _kept(now: Day, changes: Changes, who: np.ndarray, product: str, campaign: str, **details) -> np.ndarray:
    """Holders take the offer of a retention campaign: they are less likely to give the product back while it holds."""
    now.state.kept_until[who] = now.day + now.facts.retention_days
    return order(now, changes, who, product, "CHANGE", campaign, **details)


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
        reach_code=pick(words, (~arrives).astype(np.int64)),
        response_code=code,
        refuse_reason=pick(REFUSALS, rng.integers(0, 4, count)).zip_with(
            pl.Series(arrives & (outcome == REFUSE) & (not bulk)), fill("", count)
        ),
        staff_id=staff,
        order_id=pl.Series(numbers).cast(pl.String).zip_with(pl.Series((numbers > 0) & (not bulk)), fill("", count)),
        opt_out_scope=scope,
    )
    return frame.filter(pl.Series(arrives)) if passive else frame
