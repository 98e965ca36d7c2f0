"""Bills, payments and balances: charges collected from usage and products, in li until a bill rounds them to fen."""

from __future__ import annotations

import numpy as np
import polars as pl

from simulator import clock
from simulator.drawn import Day
from simulator.extract import MONEY
from simulator.facts import Facts
from simulator.state import State
from simulator.usage import fill, pick
from simulator.world import NORMAL

ITEMS = ["RENT", "LOCL", "TOLL", "ROAM", "SMSF", "DATA", "MMSF", "VASF"]  # rows of State.charges
PAY_METHODS = ["CASH", "BANK", "CARD", "WEB"]
PAY_CHANNELS = ["STORE", "BANK", "WEB", "DEALER", "KIOSK"]
POSTPAID_FIRST, POSTPAID_LAST = 3, 22  # days of the month on which a bill is paid


def charge_day(now: Day, before: np.ndarray) -> np.ndarray:
    """Rent and product fees of a day are added to the month; returns what each subscription used up today, in fen."""
    state, facts = now.state, now.facts
    rent = np.array([plan["rent_fen"] for plan in facts.plans])[state.plan] * 10 / 30
    state.charges[0] += np.where(state.live, rent, 0)
    fees = sum(product["fee_fen"] * 10 / 30 * state.owns(number) for number, product in enumerate(facts.products))
    state.charges[7] += np.where(state.live, fees, 0)
    return (state.charges.sum(axis=0) - before) / 10


def payments(now: Day, used: np.ndarray) -> pl.DataFrame:
    """Top-ups of prepaid and bill payments of postpaid subscriptions; a few are booked wrongly and reversed (D12)."""
    state, rng = now.state, now.rng
    active = state.live & (state.kind == NORMAL)
    state.balance = np.where(active & state.prepaid, state.balance - used, state.balance).astype(np.int32)
    low = active & state.prepaid & (state.balance < np.where(state.trouble, 60, 1500))
    top_up = low & (rng.random(state.size) < np.where(state.trouble, 0.35, 0.7))
    amount = np.where(
        state.trouble, 100 + 100 * rng.integers(1, 3, state.size), 1000 * rng.choice([3, 5, 10], state.size)
    )
    calendar = clock.as_date(now.day)
    month = calendar.year * 12 + calendar.month
    pays = active & ~state.prepaid & ~state.trouble & (state.paid_month != month)
    pays &= (calendar.day >= POSTPAID_FIRST) & ((rng.random(state.size) < 0.11) | (calendar.day == POSTPAID_LAST))
    amount = np.where(pays, np.maximum(state.last_bill, 100) + state.owe, amount)
    who = np.flatnonzero(top_up | pays)
    state.balance[top_up] += amount[top_up].astype(np.int32)
    state.paid_month[pays], state.owe[pays] = month, 0
    paid = amount[who].astype(np.int64)
    second = np.minimum(clock.busy_seconds(rng, len(who)), 86_000)
    wrong = np.flatnonzero(rng.random(len(who)) < now.facts.other_rates["reversal_share"])
    extra = [
        (who, paid, second, 0),
        (who[wrong], paid[wrong], second[wrong] + 40, 0),
        (who[wrong], -paid[wrong], second[wrong] + 90, 1),
    ]
    return pl.concat([_payment_rows(now, *part) for part in extra])


def _payment_rows(now: Day, who: np.ndarray, fen: np.ndarray, second: np.ndarray, reversal: int) -> pl.DataFrame:
    state, count = now.state, len(who)
    sign = pick(["", "-"], (fen < 0).astype(np.int64))
    yuan = sign + pl.Series(np.abs(fen) // 100).cast(pl.String)
    cents = pl.Series(np.abs(fen) % 100).cast(pl.String).str.pad_start(2, "0")
    return pl.DataFrame(
        {
            "channel_id": pick(PAY_CHANNELS, who % 5),
            "pay_method": pick(PAY_METHODS, who // 5 % 4),
            "pay_time": clock.datetime14(now.day, second),
            "amount_yuan": yuan + fill(".", count) + cents,
            "acct_id": state.acct_id(who),
            "reversal_flag": fill(reversal, count, pl.Int64),
            "user_id": state.user_id(who),
            MONEY: fen.astype(np.int64),
        }
    )


def balances(now: Day) -> pl.DataFrame:
    """Balance of every live subscription; arrears are bills overdue, not the current bill."""
    state = now.state
    who = np.flatnonzero(state.live & (state.kind == NORMAL))
    return pl.DataFrame(
        {
            "acct_id": state.acct_id(who),
            "user_id": state.user_id(who),
            "balance_fen": np.where(state.prepaid[who], state.balance[who], 0),
            "owe_fen": state.owe[who],
            "valid_to": clock.yyyymmdd(np.where(state.prepaid[who], now.day + 90, 0)),
        }
    )


def close_month(state: State, rng: np.random.Generator, facts: Facts) -> None:
    """Keep the month's charges as the bill to be sent and start the next month."""
    state.bill = np.round(state.charges / 10).astype(np.int64)
    crbt, news = facts.product("CRBT"), facts.product("NEWSPAPER")
    monthly = state.bill[7]
    state.bill_crbt = np.minimum(
        np.where(state.owns(crbt), 500, 0) + np.round(state.tone_fees / 10).astype(np.int64), monthly
    )
    state.bill_news = np.minimum(np.where(state.owns(news), 300, 0), monthly - state.bill_crbt)
    total = state.bill.sum(axis=0)
    state.bill_discount = -np.where(rng.random(state.size) < 0.18, total * rng.integers(5, 25, state.size) // 100, 0)
    state.last_bill = np.maximum(total + state.bill_discount, 0).astype(np.int32)
    state.charges[:] = 0
    state.tone_fees[:] = 0


def bills(state: State, month_end: int) -> pl.DataFrame:
    """Bill of the month that ended, by item group; discounts are negative items."""
    groups = dict(zip(ITEMS, state.bill, strict=True))
    groups["VASF"] = state.bill[7] - state.bill_crbt - state.bill_news
    groups.update(CRBT=state.bill_crbt, NEWS=state.bill_news, DISC=state.bill_discount)
    cycle = int(clock.yyyymmdd(np.array([month_end]))[0]) // 100
    parts = []
    for group, fee in groups.items():
        who = np.flatnonzero((fee != 0) if group != "RENT" else (state.bill.sum(axis=0) > 0))
        parts.append(
            pl.DataFrame(
                {
                    "acct_id": state.acct_id(who),
                    "user_id": state.user_id(who),
                    "bill_cycle": fill(cycle, len(who), pl.Int64),
                    "item_group": fill(group, len(who)),
                    "fee_fen": fee[who],
                }
            )
        )
    return pl.concat(parts)
