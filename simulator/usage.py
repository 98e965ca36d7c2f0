"""Voice, SMS, GPRS and MMS records of one day for a block of subscriptions; no two records of a file are equal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from simulator import clock
from simulator.drawn import FIXED_LINE, Calls, Day, Messages, draw_calls, draw_messages, draw_pictures, draw_sessions
from simulator.state import State
from simulator.world import device_table

_TAC = device_table()["tac"]
OPERATORS = ["CUCC", "CTCC", "CTCC", "CMCC"]


def fill(value: object, count: int, dtype: type[pl.DataType] = pl.String) -> pl.Series:
    """A column that holds one value."""
    return pl.Series([value], dtype=dtype).new_from_index(0, count)


def pick(values: Sequence[str | None], index: np.ndarray) -> pl.Series:
    """Texts by number."""
    return pl.Series(values).gather(index)


def imei_of(state: State, index: np.ndarray) -> np.ndarray:
    """IMEI of the handset in use: 8 digits type allocation code, 7 digits serial number."""
    return _TAC[state.tac[index]] * 10**7 + state.device_serial[index]


def shown(number: np.ndarray, operator: np.ndarray) -> pl.Series:
    """Numbers as the switch writes them: fixed lines with their leading 0."""
    text = pl.Series(number).cast(pl.String)
    fixed = operator == FIXED_LINE
    return (
        (pl.Series("", ["0"]).new_from_index(0, len(text)) + text).zip_with(pl.Series(fixed), text)
        if fixed.any()
        else text
    )


def voice(now: Day, people: np.ndarray) -> pl.DataFrame:
    """Outgoing legs, the incoming legs at our own customers, calls from outside, hotlines and a few forwarded calls."""
    return pl.concat([_voice_rows(now, calls) for calls in draw_calls(now, people)])


def _voice_rows(now: Day, calls: Calls) -> pl.DataFrame:
    state, rng, who, count = now.state, now.rng, calls.who, len(calls.who)
    city = 591 + state.city[who].astype(np.int64)
    third = fill(None, count) if calls.third is None else pl.Series(calls.third).cast(pl.String)
    return pl.DataFrame(
        {
            "product_no": state.msisdn[who],
            "imei": imei_of(state, who),
            "opposite_no": shown(calls.other, calls.operator),
            "third_no": third,
            "city_id": city,
            "roam_locn": np.where(calls.is_roaming, 591 + rng.integers(0, 9, count), city),
            "opp_city_id": np.where(calls.is_toll, 10 + rng.integers(0, 12, count), city),
            "opp_operator": pick(OPERATORS, calls.operator),
            "cell_id": 20_000 + state.city[who].astype(np.int64) * 500 + who % 431,
            "start_time": clock.datetime14(calls.used, calls.second),
            "call_duration": calls.seconds,
            "base_call_fee": calls.base_fee.astype(np.int64),
            "toll_call_fee": calls.toll_fee.astype(np.int64),
            "info_fee": np.zeros(count, dtype=np.int64),
            "roam_type": np.where(calls.is_roaming, 1, 0),
            "toll_type": np.where(calls.is_toll, 1, 0),
            "call_type": fill(calls.call_type, count),
            "service_code": fill("001", count),
        }
    )


def sms(now: Day, people: np.ndarray) -> pl.DataFrame:
    """Messages sent (00), the received legs (01), messages from outside and service messages of SP codes."""
    return pl.concat([_sms_rows(now, messages) for messages in draw_messages(now, people)])


def _sms_rows(now: Day, messages: Messages) -> pl.DataFrame:
    who, count = messages.who, len(messages.who)
    return pl.DataFrame(
        {
            "product_no": now.state.msisdn[who],
            "opposite_no": pl.Series(messages.other).cast(pl.String),
            "city_id": 591 + now.state.city[who].astype(np.int64),
            "cdr_type": fill(messages.cdr_type, count),
            "svc_type": fill(messages.service, count),
            "comm_fee": fill(messages.fee, count, pl.Int64),
            "info_fee": fill(0, count, pl.Int64),
            "sms_status": fill("0", count),
            "input_time": clock.datetime14(messages.used, messages.second),
        }
    )


def gprs(now: Day, people: np.ndarray) -> pl.DataFrame:
    """Data sessions: heavy users many and large, others few and small."""
    state, rng, drawn = now.state, now.rng, draw_sessions(now, people)
    who, count = drawn.who, len(drawn.who)
    return pl.DataFrame(
        {
            "product_no": state.msisdn[who],
            "roam_type": (rng.random(count) < now.facts.usage["roam_share"]).astype(np.int64),
            "apn": pick(["CMNET", "CMWAP"], (rng.random(count) < 0.6).astype(np.int64)),
            "start_time": clock.datetime14(now.late(who, "cdr_gprs"), drawn.second),
            "duration": rng.integers(5, 900, count),
            "up_bytes": drawn.up,
            "down_bytes": drawn.down,
            "fee": drawn.fee.astype(np.int64),
            "imei": imei_of(state, who),
            "service_code": fill("GPRS", count),
        }
    )


def mms(now: Day, people: np.ndarray) -> pl.DataFrame:
    """Person-to-person messages of MMS users (business 1) and one newspaper issue a day for each subscriber (business 2)."""
    state, rng, drawn = now.state, now.rng, draw_pictures(now, people)
    who, is_news = drawn.who, drawn.is_news
    count, sent = len(who), len(drawn.second)
    number, edition = state.msisdn[who], who % 3
    return pl.DataFrame(
        {
            "product_no": number,
            "send_addr": pl.Series(np.where(is_news, 10_658_000, number)).cast(pl.String),
            "recv_addr": np.where(is_news, number, np.concatenate([drawn.receiver, number[sent:]])),
            "send_time": clock.datetime14(
                now.day, np.concatenate([drawn.second, 25_200 + rng.integers(0, 5_400, count - sent)])
            ),
            "app_type": np.where(is_news, 3, 0),
            "mms_business": np.where(is_news, 2, 1).astype(np.int64),
            "call_fee": drawn.fee.astype(np.int64),
            "info_fee": np.zeros(count, dtype=np.int64),
            "mm_len": rng.integers(8_000, 48_000, count),
            "send_status": np.zeros(count, dtype=np.int64),
            "sp_code": pick(["", "801234"], is_news.astype(np.int64)),
            "svc_code": pick(["", "NEWS01", "NEWS02", "NEWS03"], np.where(is_news, edition + 1, 0)),
        }
    )
