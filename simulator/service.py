"""CRBT tone events and fees, MISC orders, visits and calls of customers, complaints, and the suppression lists."""

from __future__ import annotations

import numpy as np
import polars as pl

from simulator import clock
from simulator.changes import Changes, give_back
from simulator.drawn import FIXED_LINE, Day
from simulator.facts import Facts
from simulator.identity import other_province_numbers, outside_numbers
from simulator.usage import fill, pick
from simulator.world import NORMAL

TONE_ACTIONS = ["DOWNLOAD", "SET", "GIFT", "GROUP_SET", "COPY"]
TONE_NAMES = [
    "千里之外",
    "隐形的翅膀",
    "億萬星辰",
    "丁香花",
    "一個人的還鄉路",
    "老鼠爱大米",
    "北京欢迎你",
    "青花瓷",
    "軀殼",
    "菊花台",
    "稻香",
    "月亮之上",
]
SINGERS = ["周杰伦", "张韶涵", "鍊金樂團", "唐磊", "孫燕姿", "杨臣刚", "群星", "凤凰传奇"]
TASTES = ["POP", "CLASSIC", "COMIC", "ROCK", "FOLK", "CHILDREN"]
TONE_CHANNELS = ["IVR12530", "SMS", "WAP", "WEB", "COPY_KEY", "STORE"]
REASONS = ["BILL", "PRODUCT", "NETWORK", "BALANCE", "OTHER"]
REMARKS = ["客户咨询账单明细", "办理业务", "反映信号問題，已還原記錄", "查询余额", "一個月内多次来电", "其他"]
REMARK_NUMBERS_FROM = 3_000_000
COMPLAINT_REMARKS = [
    "对营销短信不满",
    "费用争议，要求退费",
    "網絡質量差",
    "被误开通业务",
    "服务态度",
    "億元大獎短信骚扰",
]


def tone_events(now: Day, changes: Changes) -> pl.DataFrame:
    """Downloads, settings, gifts and copies of tones; most imitated adoptions show as a copy of the contact's tone."""
    state, rng, facts = now.state, now.rng, now.facts
    users = np.flatnonzero(state.live & state.owns(facts.product("CRBT")) & (state.kind == NORMAL))
    rate = facts.usage["tone_events"] * now.intensity * state.tone_habit[users]
    who = np.unique(users[rng.random(len(users)) < rate])
    action = rng.choice(5, len(who), p=[0.52, 0.30, 0.07, 0.05, 0.06])
    box = state.owns(facts.product("CRBT_MUSIC_BOX"))[who]
    price = np.where((action == 0) | (action == 2), np.where(box, 0, 200), 0)
    copier = np.concatenate([pair[0] for pair in changes.copies]) if changes.copies else np.zeros(0, dtype=np.int64)
    origin = np.concatenate([pair[1] for pair in changes.copies]) if changes.copies else np.zeros(0, dtype=np.int64)
    friend = state.closest[who, 0]
    other = np.where((action == 2) & (friend >= 0), state.msisdn[np.maximum(friend, 0)], 0)
    state.tone_last[who] = np.maximum(state.tone_last[who], now.day)
    np.add.at(state.charges[7], who, price * 10.0)
    np.add.at(state.tone_fees, who, price * 10.0)
    everyone = np.concatenate([who, copier]).astype(np.int64)
    actions = np.concatenate([action, np.full(len(copier), 4)])
    others = np.concatenate([other, state.msisdn[origin]])
    return _tone_rows(now, everyone, actions, np.concatenate([price, np.zeros(len(copier), dtype=np.int64)]), others)


def _tone_rows(now: Day, who: np.ndarray, action: np.ndarray, price: np.ndarray, other: np.ndarray) -> pl.DataFrame:
    state, rng, count = now.state, now.rng, len(who)
    taste = np.where(rng.random(count) < 0.7, state.tone_taste[who], rng.integers(0, 6, count))
    tone = taste * 200 + rng.integers(0, 200, count)
    channel = np.where(action == 4, 4, rng.choice([0, 1, 2, 3, 5], count))
    return pl.DataFrame(
        {
            "msisdn": state.msisdn[who],
            "tone_id": 600_000 + tone,
            "tone_name": pick(TONE_NAMES, tone % len(TONE_NAMES)),
            "singer": pick(SINGERS, tone % len(SINGERS)),
            "category": pick(TASTES, taste),
            "action": pick(TONE_ACTIONS, action),
            "event_time": clock.datetime14(now.day, 30_000 + np.arange(count) * 17 % 50_000),
            "price_fen": price,
            "source_channel": pick(TONE_CHANNELS, channel),
            "other_msisdn": pl.Series(other).zip_with(pl.Series(other > 0), fill(None, count, pl.Int64)),
        }
    )


def crbt_fees(now: Day, tones: pl.DataFrame) -> pl.DataFrame:
    """Monthly fees, spread over the month's days by subscription, and the fees of paid tones."""
    state, facts = now.state, now.facts
    turn = clock.as_date(now.day).day
    users = np.flatnonzero(state.live & state.owns(facts.product("CRBT")) & (state.kind == NORMAL))
    users = users[users % 28 + 1 == turn]
    paid = tones.filter(pl.col("price_fen") > 0)
    count = len(users)
    number = np.concatenate([users, 50_000_000 + np.arange(len(paid))]).astype(np.int64)
    fee = np.concatenate([np.full(count, 500), paid["price_fen"].to_numpy()])
    stamp = np.concatenate([clock.datetime14(now.day, users % 3_600), paid["event_time"].to_numpy()])
    total = len(number)
    return pl.DataFrame(
        {
            "system_type": fill("03", total),
            "ring_fee_id": 1_000_000_000 + (number + now.day * 131) % 900_000_000,
            "msisdn": np.concatenate([state.msisdn[users], paid["msisdn"].to_numpy()]),
            "service_id": fill("CRBT01", total),
            "user_type": fill("1", total),
            "sp_code": fill("701001", total),
            "fee_type": np.where(np.arange(total) < count, 1, 2),
            "fee": fee,
            "start_datetime": stamp,
            "original_fee": fee,
            "file_name": fill("RING", total) + pl.Series(stamp // 10**6).cast(pl.String),
            "deal_date": stamp // 100,
            "discount": fill(100, total, pl.Int64),
        }
    )


def misc_orders(now: Day, changes: Changes) -> pl.DataFrame:
    """Orders at the service-management platform; operation 99 ends every service of a subscription, 89 those of one provider."""
    state, rng, facts = now.state, now.rng, now.facts
    live = np.flatnonzero(state.live & (state.kind == NORMAL))
    who = live[rng.random(len(live)) < facts.usage["misc_orders"]]
    kind = rng.choice(["06", "07", "08", "11", "25", "02"], len(who), p=[0.42, 0.3, 0.08, 0.06, 0.12, 0.02])
    all_off = live[rng.random(len(live)) < 0.00025]
    services = ["MISSED_CALL_ALERT", "FETION"]
    for prod_id in services:
        owners = all_off[state.owns(facts.product(prod_id))[all_off]]
        give_back(now, changes, owners, prod_id)
    everyone = np.concatenate([who, all_off])
    operation = np.concatenate([kind, np.where(all_off % 2 == 0, "99", "89")]) if len(everyone) else kind
    count, product = len(everyone), everyone % 7
    second = clock.busy_seconds(rng, count)
    return pl.DataFrame(
        {
            "order_id": now.day * 10**7 + np.arange(count),
            "phone_no": state.msisdn[everyone],
            "serv_code": fill("09", count),
            "opr_code": pl.Series(operation.astype(str)),
            "third_phone_no": pl.Series(state.msisdn[np.maximum(state.closest[everyone, 0], 0)]).zip_with(
                pl.Series(operation == "11"), fill(None, count, pl.Int64)
            ),
            "spid": pick(["701009", "901808", "801234", "900101", "900222", "900333", "900444"], product),
            "bizcode": pick(["MCA01", "FETION", "NEWS02", "GAME07", "STOCK1", "COMIC3", "MAP01"], product),
            "prod_id": pick(["MISSED_CALL_ALERT", "FETION", "", "", "", "", ""], product),
            "charge_type": pick(["02", "03"], everyone % 2),
            "channel_id": pick(["WAP", "SMS", "WEB"], everyone % 3),
            "opr_time": clock.datetime14(now.day, second),
            "eff_time": clock.datetime14(now.day, np.minimum(second + 60, 86_399)),
            "end_time": fill(None, count, pl.Int64),
            "return_code": fill("0000", count),
        }
    )


def contacts(now: Day) -> tuple[pl.DataFrame, dict[str, np.ndarray]]:
    """Visits of stores, calls to 10086, log-ins to the web portal; also who visited which passive channel today."""
    state, rng = now.state, now.rng
    live = np.flatnonzero(state.live & (state.kind == NORMAL))
    parts, visitors = [], {}
    for number, (channel, habit) in enumerate(
        (("STORE", "store_habit"), ("HOTLINE", "hotline_habit"), ("WEB", "web_habit"))
    ):
        rate = now.facts.usage["contacts"] / 3 * getattr(state, habit)[live] * np.where(state.trouble[live], 1.6, 1.0)
        who = live[rng.random(len(live)) < np.minimum(rate, 0.6)]
        visitors[channel] = who
        parts.append(contact_rows(now, who, np.full(len(who), number), np.arange(len(who)) + number * 10**6))
    return pl.concat(parts), visitors


def contact_rows(now: Day, who: np.ndarray, channel: np.ndarray, running: np.ndarray) -> pl.DataFrame:
    """Customer-initiated contacts as customer service reports them."""
    state, rng, count = now.state, now.rng, len(who)
    reason = rng.integers(0, 5, count)
    return pl.DataFrame(
        {
            "contact_id": now.day * 10**8 + running,
            "msisdn": state.msisdn[who],
            "user_id": state.user_id(who),
            "contact_time": clock.datetime14(now.day, np.clip(clock.busy_seconds(rng, count), 28_800, 75_000)),
            "channel_code": pick(["STORE", "HOTLINE", "WEB"], channel),
            "direction": fill("IN", count),
            "reason_l1": pick(REASONS, reason),
            "reason_l2": pick(["A", "B", "C"], who % 3),
            "agent_id": fill("T", count) + pl.Series(100 + who % 40).cast(pl.String),
            "duration_sec": rng.integers(20, 900, count),
            "result_code": pick(["OK", "FOLLOW"], (rng.random(count) < 0.1).astype(np.int64)),
            "remark": _with_numbers(now, pick(REMARKS, rng.integers(0, 6, count)), who),
        }
    )


def remark_numbers(who: np.ndarray, facts: Facts) -> np.ndarray:
    """Telephone numbers people leave in free text: of nobody here, one for each subscription."""
    return other_province_numbers(REMARK_NUMBERS_FROM + who, facts)


def _with_numbers(now: Day, remarks: pl.Series, who: np.ndarray) -> pl.Series:
    """Some remarks name a number to call back."""
    number = pl.Series(remark_numbers(who, now.facts)).cast(pl.String)
    named = pl.Series(now.rng.random(len(who)) < now.facts.remark_number_share)
    return (remarks + fill("，回电", len(who)) + number).zip_with(named, remarks)


def complaints(now: Day) -> pl.DataFrame:
    """New complaint tickets, and those of last week closed."""
    state, rng = now.state, now.rng
    live = np.flatnonzero(state.live & (state.kind == NORMAL) & (state.complained != now.day - 5))
    new = live[rng.random(len(live)) < now.facts.usage["complaints"] * np.where(state.fading[live], 2.0, 1.0)]
    closing = np.flatnonzero(state.complained == now.day - 5)
    state.complained[new] = now.day
    who = np.concatenate([new, closing])
    opened = np.concatenate([np.full(len(new), now.day), np.full(len(closing), now.day - 5)])
    count, closed = len(who), np.arange(len(who)) >= len(new)
    topic = who * 7 % 10
    marketing = topic < 3
    return pl.DataFrame(
        {
            "complaint_id": opened * 10**8 + who,
            "contact_id": fill(None, count),
            "msisdn": state.msisdn[who],
            "user_id": state.user_id(who),
            "created_at": clock.datetime14(opened, 30_000 + who * 31 % 40_000),
            "category_l1": pick(
                ["MARKETING", "BILL", "NETWORK", "PRODUCT", "SERVICE"], np.where(marketing, 0, 1 + topic % 4)
            ),
            "complaint_about_channel": pick(["", "SMS", "OUTBOUND"], np.where(marketing, 1 + who % 2, 0)),
            "complaint_about_product": pick(["", "CRBT", "NEWSPAPER"], np.where(topic == 1, 1 + who % 2, 0)),
            "severity": pick(["1", "2", "3"], who % 3),
            "is_escalated": (who % 41 == 0).astype(np.int8),
            "is_repeat": (who % 13 == 0).astype(np.int8),
            "status": pick(["OPEN", "CLOSED"], closed.astype(np.int64)),
            "closed_at": pl.Series(clock.datetime14(now.day, 40_000 + who % 9_000)).zip_with(
                pl.Series(closed), fill(None, count, pl.Int64)
            ),
            "refund_fen": np.where(closed & (topic == 4), 500, 0),
            "remark": _with_numbers(now, pick(COMPLAINT_REMARKS, who % 6), who),
        }
    )


LIST_PREFIXES = ["+86", "86", "", "", "", "", "", ""]
PREFIXED, LISTS_BEGAN = 2, 20_200
LIST_SCOPES = {
    "CHANNEL": ["SMS", "OUTBOUND", "MMS"],
    "PRODUCT": ["CRBT", "NEWSPAPER", "MUSIC_CLUB_PREMIUM"],
    "SYSTEM": [""],
}


def list_members(now: Day, facts: Facts) -> pl.DataFrame:
    """Everyone on a suppression list, as uploaded: by number, some written +86 or 86, some mobile numbers of other networks (D9)."""
    state = now.state
    strangers = other_networks_mobiles(max(1, int(facts.dirt["outside_list_share"] * state.size)), facts)
    parts = []
    for number, (code, rule) in enumerate(facts.lists.items()):
        mark = (np.arange(state.size) * 2_654_435_761 + number * 40_503) % 100_003 / 100_003
        added = np.maximum(state.number_since, LISTS_BEGAN + np.arange(state.size) % 120)
        who = np.flatnonzero(
            (mark < rule["share"]) & (state.kind == NORMAL) & (added <= now.day) & (state.act < now.day)
        )
        now.planted.add("D9", "list_member", (who % len(LIST_PREFIXES) < PREFIXED).sum(), "msisdn")
        numbers = np.concatenate([state.msisdn[who], strangers])
        mark, since = np.concatenate([who, len(LIST_PREFIXES) * np.arange(len(strangers)) + PREFIXED]), added[who]
        parts.append(_list_rows(mark, numbers, code, rule, np.append(since, np.full(len(strangers), LISTS_BEGAN))))
    return pl.concat(parts)


def other_networks_mobiles(count: int, facts: Facts) -> np.ndarray:
    """Mobile numbers of competitors, the same on every day."""
    number, operator = outside_numbers(np.arange(count * 3), facts)
    return number[operator != FIXED_LINE][:count]


def _list_rows(who: np.ndarray, numbers: np.ndarray, code: str, rule: dict, added: np.ndarray) -> pl.DataFrame:
    count, scopes = len(who), LIST_SCOPES[rule["scope"]]
    prefix = pick(LIST_PREFIXES, who % len(LIST_PREFIXES))
    return pl.DataFrame(
        {
            "msisdn": prefix + pl.Series(numbers).cast(pl.String),
            "list_code": fill(code, count),
            "list_colour": fill(rule["colour"], count),
            "scope_type": fill(rule["scope"], count),
            "scope_value": pick(scopes, who % len(scopes)),
            "reason_code": fill({"GREY_STAFF": "STAFF", "RED_KEY": "KEY_CUSTOMER"}.get(code, "REQUEST"), count),
            "list_source": pick(["CRM", "UPLOAD"], who % 2),
            "added_at": clock.datetime14(added, 36_000 + who % 9_000),
            "valid_from": clock.yyyymmdd(added),
            "valid_to": fill(None, count, pl.Int64),
            "operator_id": fill("OP", count) + pl.Series(10 + who % 5).cast(pl.String),
        }
    )
