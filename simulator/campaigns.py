"""Campaigns: the two finished ones of the history, and the answers to lists exported by closedloop."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from simulator import clock, hazards, responses, service
from simulator.changes import Changes
from simulator.drawn import Day
from simulator.usage import fill, pick
from simulator.world import NORMAL

NOT_CHOSEN, CONTROL = 0, 9
FOLLOWS_WITHIN = 3  # days: who says yes without any effect would have ordered in these days anyway


def play_history(now: Day, changes: Changes) -> None:
    """Contacts and answers of the finished campaigns on a day."""
    for number, campaign in enumerate(now.facts.history_campaigns):
        first, last = (clock.day_number(_day(campaign[name])) for name in ("first", "last"))
        if now.day == first:
            _choose(now, number, campaign, first, last)
        if first <= now.day <= last:
            _contact(now, changes, number, campaign)


def _day(value: date | str) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _choose(now: Day, number: int, campaign: dict, first: int, last: int) -> None:
    """Pick targets (half by planted need, half at random), their channel or control group, and their day."""
    state, rng = now.state, now.rng
    free = np.flatnonzero(
        state.live
        & (state.kind == NORMAL)
        & (state.user_type == 1)
        & ~state.owns(now.facts.product(campaign["prod_id"]))
    )
    if campaign["prod_id"] == now.facts.data_pack:
        free = free[hazards.device_table()["gprs"][state.tac[free]]]
    wanted = int(min(len(free) * 0.8, campaign["share"] * state.live.sum()))
    need = responses.need(now, free, campaign["prod_id"]) + 0.8 * rng.standard_normal(len(free))
    best = free[np.argsort(-need)[: wanted // 2]]
    rest = rng.choice(np.setdiff1d(free, best), wanted - len(best), replace=False)
    chosen = np.concatenate([best, rest])
    channels = list(campaign["channels"])
    arm = 1 + rng.choice(len(channels), len(chosen), p=list(campaign["channels"].values()))
    state.campaign_arm[number, chosen] = np.where(rng.random(len(chosen)) < campaign["control_share"], CONTROL, arm)
    state.campaign_model[number, best] = True
    state.campaign_day[number, chosen] = rng.integers(first, last + 1, len(chosen))


def _contact(now: Day, changes: Changes, number: int, campaign: dict) -> None:
    state = now.state
    due = np.flatnonzero((state.campaign_day[number] == now.day) & state.live)
    if not len(due):
        return
    channels = list(campaign["channels"])
    arm = state.campaign_arm[number, due]
    channel = np.where(arm == CONTROL, due % len(channels), arm - 1)
    rows = pl.DataFrame(
        {
            "contact_id": fill(f"H{number}", len(due)) + pl.Series(due).cast(pl.String),
            "campaign_id": fill(campaign["campaign_id"], len(due)),
            "task_id": fill(campaign["campaign_id"] + "_T", len(due)) + pl.Series(channel + 1).cast(pl.String),
            "wave_no": fill(1, len(due), pl.Int64),
            "user_id": state.user_id(due),
            "channel_code": pick(channels, channel),
            "prod_id": fill(campaign["prod_id"], len(due)),
            "offer_id": fill(campaign["offer_id"], len(due)),
            "planned_time": clock.datetime14(now.day, np.full(len(due), 32_400)),
            "is_control": (arm == CONTROL).astype(np.int8),
            "is_model_selected": state.campaign_model[number, due].astype(np.int8),
            "who": due,
            "msisdn": state.msisdn[due],
            "script_id": fill("H01", len(due)),
            "product_id": fill(campaign["prod_id"], len(due)),
        }
    )
    changes.add("campaign_execution", rows)
    for name in channels:
        treated = rows.filter((pl.col("is_control") == 0) & (pl.col("channel_code") == name))
        if len(treated):
            results = responses.answer(now, changes, treated, {}, _history_chance(now, treated, campaign, name))
            changes.add(
                "channel_result", _said_yes(now, treated, results) if campaign["uplift"][name] == 0 else results
            )


def _history_chance(now: Day, treated: pl.DataFrame, campaign: dict, channel: str) -> np.ndarray | None:
    """Chance of an accept in a finished campaign: real where it had an effect, else only what would have come anyway."""
    who = treated["who"].to_numpy()
    uplift = campaign["uplift"][channel]
    if uplift == 0:
        now.state.pack_campaign[who[_orders_soon(now, who)]] = 1
        return np.zeros(len(who))
    weight = np.exp(now.facts.response_need_weight * responses.need(now, who, campaign["prod_id"]))
    chance = np.minimum(uplift / now.facts.responses[channel]["reach"] * weight / max(weight.mean(), 1e-9), 0.9)
    return chance


def _orders_soon(now: Day, who: np.ndarray) -> np.ndarray:
    return (now.state.pack_due[who] >= now.day) & (now.state.pack_due[who] <= now.day + FOLLOWS_WITHIN)


def _said_yes(now: Day, treated: pl.DataFrame, results: pl.DataFrame) -> pl.DataFrame:
    """Who would have ordered in these days anyway says yes when asked: accepts without any effect."""
    soon = treated.filter(pl.Series(_orders_soon(now, treated["who"].to_numpy())))["contact_id"]
    yes = pl.col("contact_id").is_in(soon.implode()) & pl.col("response_code").is_in(
        ["REFUSE", "CONSIDER", "NO_RESPONSE"]
    )
    changed = pl.when(yes).then(pl.lit("ACCEPT")).otherwise(pl.col("response_code"))
    reason = pl.when(yes).then(pl.lit("")).otherwise(pl.col("refuse_reason"))
    return results.with_columns(response_code=changed, refuse_reason=reason)


def answer_lists(now: Day, changes: Changes, lists: pl.DataFrame, visitors: dict[str, np.ndarray]) -> None:
    """What customers do about the lists planned for today; numbers nobody holds come back as failed."""
    found = lists.with_columns(
        who=pl.Series(holders(now, lists["msisdn"].cast(pl.Int64, strict=False).fill_null(0).to_numpy()))
    )
    for _, group in found.sort("contact_id").group_by(
        ["channel_code", "campaign_id", "product_id"], maintain_order=True
    ):
        results = responses.answer(now, changes, group, visitors)
        changes.add("channel_result", results)
        channel = group["channel_code"][0]
        if channel in responses.PASSIVE and len(results):
            _visits(now, changes, group, results, channel)


def holders(now: Day, numbers: np.ndarray) -> np.ndarray:
    """Live subscription that holds each number, -1 for none."""
    live = np.flatnonzero(now.state.live & (now.state.kind == NORMAL))
    order = np.argsort(now.state.msisdn[live])
    held = now.state.msisdn[live][order]
    place = np.minimum(np.searchsorted(held, numbers), len(held) - 1)
    return np.where(held[place] == numbers, live[order][place], -1)


def _visits(now: Day, changes: Changes, group: pl.DataFrame, results: pl.DataFrame, channel: str) -> None:
    """A recommendation shown in a passive channel means that the customer was there."""
    who = group.join(results.select("contact_id"), on="contact_id", how="semi")["who"].unique().sort().to_numpy()
    number = responses.PASSIVE.index(channel)
    running = 5 * 10**7 + number * 10**6 + np.arange(len(who)) + len(changes.frames.get("cs_contact", [])) * 10**4
    changes.add("cs_contact", service.contact_rows(now, who, np.full(len(who), number), running))
