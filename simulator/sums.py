"""A day of use as the sums it adds up to in silver, without a record of it: what a town too large to write out has as history.

Drawn by the functions that draw the records (simulator/drawn.py), so that the sums have the same distributions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import numpy as np
import polars as pl

from simulator import clock
from simulator.drawn import (
    FIXED_LINE,
    HOTLINE,
    OWN,
    Calls,
    Day,
    Messages,
    distinct,
    draw_calls,
    draw_messages,
    draw_pictures,
    draw_sessions,
)
from simulator.state import State
from simulator.usage import fill
from simulator.world import NORMAL

STANDS = date(9999, 12, 31)
LI_PER_FEN, BYTES_PER_KB = 10, 1024
NUMBER_BITS, KIND_BITS = 35, 3  # of the keys of the call graph: who, number of the other side, kind of contact
CALLED, WAS_CALLED, WROTE, WAS_WRITTEN, GAVE, WAS_COPIED = range(6)
TONES = {"DOWNLOAD": "download", "GIFT": "gift", "COPY": "copy", "SET": "set", "GROUP_SET": "set"}
SUBSCRIBES, UNSUBSCRIBES = ["01", "06", "11"], ["02", "07", "12", "89", "99"]
BILL_COLUMNS = {
    "RENT": "rent_fen",
    "LOCL": "local_fen",
    "TOLL": "toll_fen",
    "ROAM": "roam_fen",
    "DATA": "data_fen",
    "SMSF": "sms_fen",
    "MMSF": "mms_fen",
    "VASF": "vas_fen",
    "CRBT": "crbt_fen",
    "NEWS": "newspaper_fen",
    "OTHR": "other_fen",
    "DISC": "discount_fen",
}


class DayUse:
    """The use of one day, drawn once: its sums, its part of the call graph and of the areas called from."""

    def __init__(self, now: Day):
        self.now, state = now, now.state
        live = np.flatnonzero(state.live & (state.kind == NORMAL))
        self.calls = list(draw_calls(now, live))
        self.messages = list(draw_messages(now, live))
        self.sessions, self.pictures = draw_sessions(now, live), draw_pictures(now, live)
        self.sessions_used = now.late(self.sessions.who, "cdr_gprs")
        drawn = [(part.who, part.used) for part in self.calls] + [(part.who, part.used) for part in self.messages]
        drawn.append((self.sessions.who, self.sessions_used))
        self._late = distinct(np.concatenate([self._late_keys(who, used) for who, used in drawn]))

    def _late_keys(self, who: np.ndarray, used: np.ndarray) -> np.ndarray:
        is_late = used < self.now.day
        return (self.now.day - used[is_late]) * self.now.state.size + who[is_late]

    def _rows(self, who: np.ndarray, used: np.ndarray) -> np.ndarray:
        """Row of each record: its subscription's; behind those, of late records, one for each subscription and day of use."""
        is_late = used < self.now.day
        rows = who.astype(np.int64)
        rows[is_late] = self.now.state.size + np.searchsorted(self._late, self._late_keys(who, used))
        return rows

    def sums(self) -> pl.DataFrame:
        """Rows of silver.usage_daily the day adds."""
        size = self.now.state.size + len(self._late)
        found = {name: np.zeros(size) for name in (*COUNTS, *AMOUNTS)}

        def add(name: str, rows: np.ndarray, weights: np.ndarray | None = None) -> None:
            found[name] += np.bincount(rows, weights, size)

        for calls in self.calls:
            self._add_calls(add, calls, self._rows(calls.who, calls.used))
        for messages in self.messages:
            rows = self._rows(messages.who, messages.used)
            kind = "sms_sp" if messages.service == "SP" else "sms_mo" if messages.cdr_type == "00" else "sms_mt"
            add(f"{kind}_cnt", rows)
            add("sms_fee_fen", rows, np.full(len(rows), float(messages.fee)))
        rows = self._rows(self.sessions.who, self.sessions_used)
        add("gprs_sessions", rows)
        add("data_volume_kb", rows, (self.sessions.up + self.sessions.down).astype(float))
        add("gprs_fee_fen", rows, self.sessions.fee.astype(float))
        add("mms_p2p_cnt", self.pictures.who[~self.pictures.is_news])
        add("mms_sp_cnt", self.pictures.who[self.pictures.is_news])
        add("mms_fee_fen", self.pictures.who, self.pictures.fee.astype(float))
        return self._frame(found)

    def _add_calls(self, add, calls: Calls, rows: np.ndarray) -> None:
        seconds, kind = calls.seconds.astype(float), calls.call_type
        add("toll_seconds", rows, np.where(calls.is_toll, seconds, 0))
        add("roam_seconds", rows, np.where(calls.is_roaming, seconds, 0))
        add("voice_fee_fen", rows, (calls.base_fee + calls.toll_fee).astype(float))
        elsewhere = calls.operator != OWN
        if kind == "FW":
            add("forward_cnt", rows)
            add("forward_other_network_cnt", rows[elsewhere])
            return
        add(f"voice_{kind.lower()}_cnt", rows)
        add(f"voice_{kind.lower()}_seconds", rows, seconds)
        if kind == "MO":
            service = is_service(calls.other)
            add("calls_to_competitor_cnt", rows[elsewhere & ~service])
            add("hotline_10086_cnt", rows[calls.other == HOTLINE])
            add("hotline_competitor_cnt", rows[service & (calls.other != HOTLINE)])

    def _frame(self, found: dict[str, np.ndarray]) -> pl.DataFrame:
        state, day = self.now.state, self.now.day
        used = np.flatnonzero(np.logical_or.reduce([found[name] > 0 for name in COUNTS]))
        is_late = used >= state.size
        late = self._late[used[is_late] - state.size]
        who, back = used.copy(), np.zeros(len(used), np.int64)
        who[is_late], back[is_late] = late % state.size, late // state.size
        columns = {name: _in_unit(name, found[name][used]) for name in (*COUNTS, *AMOUNTS)}
        return pl.DataFrame(
            {
                "subscription_id": names_of(state, who),
                "event_date": pl.Series((day - back).astype(np.int32)).cast(pl.Date),
            }
            | columns
        ).with_columns(**loaded(day))

    def edges(self) -> np.ndarray:
        """Who was in touch with which mobile number how: sorted keys, one for each contact (see `edge_rows`)."""
        return np.sort(np.concatenate([*map(_call_keys, self.calls), *map(_message_keys, self.messages)]))

    def areas(self) -> np.ndarray:
        """Calls by subscription and area, as one array of subscription * 10 + area."""
        size, rng = self.now.state.size, self.now.rng
        total = np.zeros(size * 10, dtype=np.int64)
        for calls in self.calls:
            home = self.now.state.city[calls.who].astype(np.int64)
            area = np.where(calls.is_roaming, rng.integers(0, 9, len(home)), home)
            total += np.bincount(calls.who.astype(np.int64) * 10 + area, minlength=size * 10)
        return total


COUNTS = (
    "voice_mo_cnt",
    "voice_mt_cnt",
    "calls_to_competitor_cnt",
    "hotline_competitor_cnt",
    "hotline_10086_cnt",
    "forward_cnt",
    "forward_other_network_cnt",
    "sms_mo_cnt",
    "sms_mt_cnt",
    "sms_sp_cnt",
    "gprs_sessions",
    "mms_p2p_cnt",
    "mms_sp_cnt",
)
AMOUNTS = (
    "voice_mo_seconds",
    "voice_mt_seconds",
    "toll_seconds",
    "roam_seconds",
    "voice_fee_fen",
    "sms_fee_fen",
    "data_volume_kb",
    "gprs_fee_fen",
    "mms_fee_fen",
)


def _in_unit(name: str, values: np.ndarray) -> np.ndarray:
    """Sums in the unit of their column: charges were drawn in li and round half up, volume in bytes."""
    if name.endswith("_fen"):
        return (values.astype(np.int64) + LI_PER_FEN // 2) // LI_PER_FEN
    if name.endswith("_kb"):
        return values.astype(np.int64) // BYTES_PER_KB
    return values.astype(np.int64 if name.endswith("_seconds") else np.int32)


def is_service(number: np.ndarray) -> np.ndarray:
    """Whether numbers are those of services, which have few digits."""
    return number < 10**7


def _is_mobile(calls: Calls) -> np.ndarray:
    return (calls.operator != FIXED_LINE) & ~is_service(calls.other)


def _keys(who: np.ndarray, other: np.ndarray, kind: int) -> np.ndarray:
    return ((who.astype(np.int64) << NUMBER_BITS) | other.astype(np.int64)) << KIND_BITS | kind


def _call_keys(calls: Calls) -> np.ndarray:
    if calls.call_type == "FW":
        return np.zeros(0, dtype=np.int64)
    mobile = _is_mobile(calls)
    return _keys(calls.who[mobile], calls.other[mobile], CALLED if calls.call_type == "MO" else WAS_CALLED)


def _message_keys(messages: Messages) -> np.ndarray:
    if messages.service == "SP":
        return np.zeros(0, dtype=np.int64)
    return _keys(messages.who, messages.other, WROTE if messages.cdr_type == "00" else WAS_WRITTEN)


def tone_keys(state: State, tones: pl.DataFrame) -> np.ndarray:
    """Gifts and copies of tones as keys of the call graph; copies stand with whom they were copied from."""
    with_other = tones.filter(pl.col("other_msisdn").is_not_null() & pl.col("action").is_in(["GIFT", "COPY"]))
    is_gift = (with_other["action"] == "GIFT").to_numpy()
    mine, theirs = with_other["msisdn"].to_numpy(), with_other["other_msisdn"].to_numpy()
    who = holders_of(state, np.where(is_gift, mine, theirs))
    known = who >= 0
    keys = _keys(np.maximum(who, 0), np.where(is_gift, theirs, mine), 0)
    return np.sort((keys | np.where(is_gift, GAVE, WAS_COPIED))[known])


def edge_rows(state: State, days: Sequence[np.ndarray], who: range, month_end: int) -> pl.DataFrame:
    """Rows of silver.contact_edge_month of some subscriptions, from the sorted keys of the month's days.

    The other side stands as `other_number`, in clear: only the pipeline has its tokens.
    """
    bounds = [np.int64(place) << (NUMBER_BITS + KIND_BITS) for place in (who.start, who.stop)]
    keys = np.sort(np.concatenate([day[slice(*np.searchsorted(day, bounds))] for day in days]))
    pairs = distinct(keys >> KIND_BITS)
    place = np.searchsorted(pairs, keys >> KIND_BITS)
    kind = keys & ((1 << KIND_BITS) - 1)
    counts = [np.bincount(place[kind == wanted], minlength=len(pairs)).astype(np.int32) for wanted in range(6)]
    number = pairs & ((1 << NUMBER_BITS) - 1)
    other = holders_of(state, number)
    calls, messages = counts[CALLED] + counts[WAS_CALLED], counts[WROTE] + counts[WAS_WRITTEN]
    return pl.DataFrame(
        {
            "subscription_id": names_of(state, pairs >> NUMBER_BITS),
            "other_number": pl.Series(number).cast(pl.String),
            "other_subscription_id": _where(names_of(state, np.maximum(other, 0)), other >= 0),
            "month_id": fill(f"{clock.as_date(month_end):%Y%m}", len(pairs)),
            "contact_cnt": calls + messages,
            "call_cnt": calls,
            "sms_cnt": messages,
            "mt_cnt": counts[WAS_CALLED] + counts[WAS_WRITTEN],
            "gift_cnt": counts[GAVE],
            "copy_cnt": counts[WAS_COPIED],
        }
    ).with_columns(**loaded(month_end + 2))


def area_rows(state: State, calls: np.ndarray, month_end: int) -> pl.DataFrame:
    """Rows of silver.call_area_month from the month's calls by subscription and area."""
    place = np.flatnonzero(calls)
    return pl.DataFrame(
        {
            "subscription_id": names_of(state, place // 10),
            "month_id": fill(f"{clock.as_date(month_end):%Y%m}", len(place)),
            "area_code": pl.Series(591 + place % 10).cast(pl.String),
            "call_cnt": calls[place].astype(np.int32),
        }
    ).with_columns(**loaded(month_end + 2))


def vas_rows(now: Day, use: DayUse, tones: pl.DataFrame, fees: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """Rows of silver.vas_daily the day adds."""
    state, number = now.state, pl.col("msisdn").alias("msisdn")
    action, price = pl.col("action"), pl.col("price_fen")
    downloads = action == "DOWNLOAD"
    counted = tones.group_by(number).agg(
        *[
            (action.is_in([a for a, b in TONES.items() if b == name])).sum().alias(f"crbt_{name}_cnt")
            for name in dict.fromkeys(TONES.values())
        ],
        (downloads & (price > 0)).sum().alias("crbt_paid_download_cnt"),
        pl.col("category").filter(downloads).mode().min().alias("tone_category_top"),
    )
    paid = fees.group_by(number).agg(pl.col("fee").sum().alias("crbt_fee_fen"))
    news = pl.DataFrame({"msisdn": state.msisdn[use.pictures.who[use.pictures.is_news]]})
    issues = news.group_by("msisdn").agg(pl.len().alias("newspaper_issue_cnt"))
    code = pl.col("opr_code")
    ordered = orders.group_by(pl.col("phone_no").alias("msisdn")).agg(
        code.is_in(SUBSCRIBES).sum().alias("misc_subscribe_cnt"),
        code.is_in(UNSUBSCRIBES).sum().alias("misc_unsubscribe_cnt"),
    )
    rows = counted
    for other in (paid, issues, ordered):
        rows = rows.join(other, on="msisdn", how="full", coalesce=True)
    who = holders_of(state, rows["msisdn"].to_numpy())
    rows = rows.drop("msisdn").with_columns(
        pl.exclude("tone_category_top").fill_null(0),
        crbt_music_box_cnt=pl.lit(0),
        subscription_id=names_of(state, np.maximum(who, 0)),
        event_date=pl.lit(clock.as_date(now.day)),
        **loaded(now.day),
    )
    return rows.filter(pl.Series(who >= 0))


def payment_rows(now: Day, payments: pl.DataFrame, money: str) -> pl.DataFrame:
    """Rows of silver.payment the day adds; `money` names the column of amounts in fen."""
    amount, is_reversal = pl.col(money), pl.col("reversal_flag") == 1
    rows = payments.group_by(pl.col("user_id").cast(pl.String).alias("subscription_id")).agg(
        amount.sum().alias("amount_fen"),
        ((amount > 0) & ~is_reversal).sum().alias("payment_cnt"),
        ((amount < 0) | is_reversal).sum().alias("reversal_cnt"),
    )
    return rows.with_columns(pay_date=pl.lit(clock.as_date(now.day)), **loaded(now.day))


def bill_rows(bills: pl.DataFrame, day: int) -> pl.DataFrame:
    """Rows of silver.bill_month of the bills delivered on a day."""
    fee, group = pl.col("fee_fen"), pl.col("item_group")
    items = [fee.filter(group == item).sum().alias(name) for item, name in BILL_COLUMNS.items()]
    rows = bills.group_by(
        pl.col("user_id").cast(pl.String).alias("subscription_id"),
        pl.col("bill_cycle").cast(pl.String).alias("month_id"),
    ).agg(fee.sum().alias("total_fen"), *items)
    return rows.with_columns(**loaded(day))


def names_of(state: State, who: np.ndarray) -> pl.Series:
    """Subscription ids as texts."""
    return pl.Series(state.user_id(who)).cast(pl.String)


def holders_of(state: State, numbers: np.ndarray) -> np.ndarray:
    """Which live subscription has each number, -1 for none."""
    live = np.flatnonzero(state.live & (state.kind == NORMAL))
    order = live[np.argsort(state.msisdn[live], kind="stable")]
    known = state.msisdn[order]
    place = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
    return np.where(known[place] == numbers, order[place], -1)


def loaded(day: int) -> dict[str, pl.Expr]:
    """The two times of a row that stands: loaded on the day, never replaced."""
    return {"load_date": pl.lit(clock.as_date(day)), "superseded_on": pl.lit(STANDS)}


def _where(values: pl.Series, condition: np.ndarray) -> pl.Series:
    return values.zip_with(pl.Series(condition), pl.Series([None], dtype=pl.String).new_from_index(0, len(values)))


def joined(parts: Iterable[np.ndarray]) -> np.ndarray:
    """Sorted keys of one day from several sorted arrays."""
    return np.sort(np.concatenate(list(parts)))
