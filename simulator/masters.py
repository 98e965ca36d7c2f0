"""Rows of the master feeds for a set of subscriptions or customers: what BOSS and the platforms say about them on a day."""

from __future__ import annotations

import numpy as np
import polars as pl

from simulator import clock
from simulator.facts import Facts
from simulator.state import ADDED, CANCELLED, State
from simulator.usage import fill, imei_of, pick
from simulator.world import FORMER, device_table

CHANNELS = ["STORE", "WEB", "HOTLINE", "SMS", "DEALER", ""]
CRBT_CHANNELS = ["STORE", "WEB", "IVR12530", "SMS", "OUTBOUND"]
CRBT_REASONS = ["", "SILENT", "CANNOT_HEAR", "TOO_EXPENSIVE", "OTHER"]
SUB_BRANDS = {
    "PLAN_MZONE_1": "MUSIC",
    "PLAN_MZONE_2": "NON_MUSIC",
    "PLAN_EASYOWN_1": "DAZHONG",
    "PLAN_EASYOWN_2": "CHANGTING",
    "PLAN_EASYOWN_3": "ZERO_RENT",
}
SENSITIVE = ["SMS", "OUTBOUND", "SMS,MMS"]
DEVICE_BRANDS = ["Nokia", "Motorola", "Samsung", "SonyEricsson", "联想", "波导", "天语", "LG", "多普达", "夏新"]
OPERATING_SYSTEMS = ["S40", "S60", "MTK", "WM6"]


def customers(state: State, identity: pl.DataFrame, who: np.ndarray) -> pl.DataFrame:
    """Customer master rows; unknown values appear as BOSS's sentinels (D13)."""
    id_ = identity[who]
    company = state.company_registered[who]
    manager = state.manager[who]
    corporate = state.corporate[who]
    hidden = lambda name, values, sentinel: np.where(getattr(state, f"hide_{name}")[who], sentinel, values)  # noqa: E731
    birth = clock._TABLE[state.birth[who] - clock._FIRST]
    return pl.DataFrame(
        {
            "cust_id": state.cust_id(who),
            "birthday": hidden("birth", birth, 19000101),
            "marital_status": hidden("marital", state.marital[who], 3),
            "occupation": pl.Series(hidden("occupation", state.occupation[who], 99))
            .cast(pl.String)
            .str.pad_start(2, "0"),
            "education": pl.Series(hidden("education", state.education[who], 1)).cast(pl.String).str.pad_start(2, "0"),
            "sex": hidden("sex", state.sex[who], 3),
            "nationality": fill("156", len(who)),
            "vip_mark": (state.vip[who] > 0).astype(np.int8),
            "vip_tier": state.vip[who],
            "customer_class": 1 + (state.vip[who] == 0) + (state.brand[who] == 1),
            "credit_class": 1 + (state.birth[who] % 5).astype(np.int8),
            "home_region": state.county_code(who),
            "create_date": clock.yyyymmdd(state.act[who]),
            "channel_id": pick(CHANNELS, who % 6),
            "cust_status": np.where(state.live[who], 10, np.where(state.kind[who] == FORMER, 20, 11)),
            "cust_name": id_["cust_name"],
            "contact_address": id_["contact_address"],
            "contact_postcode": id_["contact_postcode"],
            "home_address": id_["home_address"],
            "id_type": np.where(who % 53 == 0, 2, 1),
            "id_number": id_["id_number"],
            "is_company_registered": company.astype(np.int8),
            "corporate_id": _code("E", corporate, 8),
            "account_manager_id": _code("M", manager, 5),
            "is_sensitive": state.sensitive[who].astype(np.int8),
            "sensitive_channels": pick(SENSITIVE, who % 3).zip_with(
                pl.Series(state.sensitive[who]), fill(None, len(who))
            ),
        }
    )


def _code(prefix: str, number: np.ndarray, digits: int) -> pl.Series:
    text = fill(prefix, len(number)) + pl.Series(np.maximum(number, 0)).cast(pl.String).str.pad_start(digits, "0")
    return text.zip_with(pl.Series(number >= 0), fill(None, len(number)))


def subscriptions(state: State, facts: Facts, who: np.ndarray, day: int) -> pl.DataFrame:
    """Subscription profile rows; numbers that ended before the history carry the letter `d`, as BOSS does."""
    number = pl.Series(state.msisdn[who]).cast(pl.String)
    ended = state.kind[who] == FORMER
    if ended.any():
        number = (fill("d", len(who)) + number).zip_with(pl.Series(ended), number)
    sub_brand = [SUB_BRANDS.get(plan) for plan in facts.plan_ids]
    return pl.DataFrame(
        {
            "user_id": state.user_id(who),
            "cust_id": state.cust_id(state.customer[who]),
            "user_type": state.user_type[who],
            "create_date": clock.yyyymmdd(state.act[who]),
            "product_no": number,
            "imsi": np.where(who % 97 == 0, 0, state.imsi[who]),
            "region_code": state.county_code(who),
            "city_code": 591 + state.city[who].astype(np.int64),
            "county_code": state.county_code(who),
            "channel_id": pick(CHANNELS, who * 7 % 6),
            "pay_type": np.where(state.prepaid[who], 2, 1),
            "brand_id": state.brand[who] + 1,
            "sub_brand_code": pick(sub_brand, state.plan[who]),
            "sim_code": (who % 211 == 0).astype(np.int8),
            "plan_id": pick(facts.plan_ids, state.plan[who]),
            "acct_id": state.acct_id(who),
            "line_use_type": state.line_use[who],
            "is_vpn_member": state.vpn[who].astype(np.int8),
            "change_date": fill(int(clock.yyyymmdd(np.array([day]))[0]), len(who), pl.Int64),
        }
    )


def statuses(state: State, who: np.ndarray) -> pl.DataFrame:
    """Subscription status rows with the dates of barring, retention and quarantine."""
    status, since = state.status[who], state.status_day[who]
    barred = status == 1021
    return pl.DataFrame(
        {
            "user_id": state.user_id(who),
            "status_code": status,
            "status_time": clock.datetime14(since, who * 37 % 86_000),
            "suspension_type": pick(["", "1"], barred.astype(np.int64)),
            "suspended_at": pl.Series(clock.datetime14(since, who * 41 % 86_000)).zip_with(
                pl.Series(barred), fill(None, len(who), pl.Int64)
            ),
            "grace_start_date": clock.yyyymmdd(state.grace_day[who]),
            "quarantine_start_date": clock.yyyymmdd(state.quarantine_day[who]),
            "termination_request_date": clock.yyyymmdd(state.request_day[who]),
        }
    )


def product_rows(state: State, facts: Facts, product: np.ndarray, who: np.ndarray) -> pl.DataFrame:
    """Subscribed value-added products, one row per (product, subscription) pair given."""
    on, off = state.prod_on[product, who], state.prod_off[product, who]
    count = len(who)
    table = facts.products
    return pl.DataFrame(
        {
            "product_no": state.msisdn[who],
            "user_id": state.user_id(who),
            "third_party_no": pl.Series(state.msisdn[state.customer[who]]).zip_with(
                pl.Series(state.customer[who] != who), fill(None, count, pl.Int64)
            ),
            "busi_type": pick([f"{number + 10}" for number in range(len(table))], product),
            "prod_id": pick(facts.product_ids, product),
            "sp_code": pick([row["sp_code"] for row in table], product),
            "serv_code": pick([row["serv_code"] for row in table], product),
            "sts": np.where(off > 0, CANCELLED, ADDED),
            "valid_date": clock.yyyymmdd(on),
            "expire_date": clock.yyyymmdd(off),
            "bill_flag": pick([str(int(row["fee_fen"] > 0)) for row in table], product),
            "remark": fill(None, count),
            "apply_type": pl.Series(1 + who % 14).cast(pl.String).str.pad_start(2, "0"),
        }
    )


def crbt_rows(state: State, facts: Facts, who: np.ndarray) -> pl.DataFrame:
    """The CRBT platform's view of its subscribers."""
    crbt = facts.product("CRBT")
    opened, closed = state.prod_on[crbt, who], state.prod_off[crbt, who]
    return pl.DataFrame(
        {
            "msisdn": state.msisdn[who],
            "user_id": state.user_id(who),
            "open_date": clock.yyyymmdd(opened),
            "close_date": clock.yyyymmdd(closed),
            "close_reason": pick(CRBT_REASONS, np.where(closed > 0, state.crbt_reason[who], 0)),
            "acquire_channel": pick(CRBT_CHANNELS, state.crbt_channel[who]),
            "trial_end_date": clock.yyyymmdd(np.where(who % 4 == 0, opened + 30, 0)),
            "music_box_flag": state.owns(facts.product("CRBT_MUSIC_BOX"))[who].astype(np.int8),
            "music_club_level": np.where(closed > 0, 0, state.club[who]),
        }
    )


def handsets(state: State, who: np.ndarray, day: int) -> pl.DataFrame:
    """Handset in use."""
    seen = np.where(state.live[who], day, np.where(state.end[who] > 0, state.end[who], state.device_since[who]))
    return pl.DataFrame(
        {
            "user_id": state.user_id(who),
            "imei": imei_of(state, who),
            "first_seen": clock.yyyymmdd(state.device_since[who]),
            "last_seen": clock.yyyymmdd(seen),
        }
    )


def agreements(state: State, who: np.ndarray) -> pl.DataFrame:
    """Commitments: one agreement per subscription and renewal."""
    return pl.DataFrame(
        {
            "agreement_id": who.astype(np.int64) * 100 + state.contract_seq[who] + 10**12,
            "user_id": state.user_id(who),
            "bundle_type": pl.Series(state.bundle[who]).cast(pl.String).str.pad_start(2, "0"),
            "start_date": clock.yyyymmdd(state.contract_from[who]),
            "end_date": clock.yyyymmdd(state.contract_to[who]),
            "committed_fee_fen": 2000 + who.astype(np.int64) % 9 * 1000,
        }
    )


def corporates(state: State) -> pl.DataFrame:
    """Corporate customers."""
    number = np.arange(int(state.company_count))
    trades = ["贸易", "電子", "物流", "纺织", "茶业", "还原科技", "億達", "個體經營"]
    name = (
        pick(["福建", "厦门", "泉州", "漳州"], number % 4)
        + pick(trades, number % 8)
        + pl.Series(number + 100).cast(pl.String)
        + "有限公司"
    )
    return pl.DataFrame(
        {
            "corporate_id": _code("E", number, 8),
            "corporate_name": name,
            "industry_code": pl.Series(1000 + number % 40),
            "size_class": 1 + number % 4,
            "is_gov_enterprise": (number % 9 == 0).astype(np.int8),
            "account_manager_id": _code("M", number % int(state.manager_count), 5),
            "create_date": clock.yyyymmdd(12_000 + number * 17 % 3_000),
            "corporate_status": fill("10", len(number)),
        }
    )


def managers(state: State, facts: Facts) -> pl.DataFrame:
    """Account managers."""
    number = np.arange(int(state.manager_count))
    from simulator.identity import GIVEN, SURNAMES, other_province_numbers

    return pl.DataFrame(
        {
            "account_manager_id": _code("M", number, 5),
            "manager_name": pick(SURNAMES, number * 5 % len(SURNAMES))
            + pick(GIVEN, number * 3 % len(GIVEN))
            + pick(GIVEN, number * 11 % len(GIVEN)),
            "manager_phone": other_province_numbers(900_000 + number, facts),
            "region_code": 59100 + number % 9 * 100 + 1,
        }
    )


def catalogue(facts: Facts) -> pl.DataFrame:
    """Product catalogue: base plans, value-added products, offers of campaigns."""
    rows = (
        [(plan["prod_id"], plan["name"], "BASE_PLAN", plan["rent_fen"], None, None) for plan in facts.plans]
        + [
            (row["prod_id"], row["name"], row["prod_type"], row["fee_fen"], row["sp_code"], row["serv_code"])
            for row in facts.products
        ]
        + [(row["offer_id"], "历史营销优惠", "CAMPAIGN_OFFER", 0, None, None) for row in facts.history_campaigns]
    )
    columns = ["prod_id", "name", "prod_type", "monthly_fee", "sp_code", "service_code"]
    frame = pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)
    return frame.with_columns(valid_date=pl.lit(20050101), expire_date=pl.lit(20991231))


def tac_devices() -> pl.DataFrame:
    """Device capabilities by TAC, from head office."""
    table, number = device_table(), np.arange(len(device_table()["price"]))
    text = pl.Series(number).cast(pl.String)
    return pl.DataFrame(
        {
            "tac": table["tac"],
            "device_id": fill("DEV", len(number)) + text.str.pad_start(6, "0"),
            "term_type": fill("01", len(number)),
            "brand": pick(DEVICE_BRANDS, table["brand"]),
            "model": pick(["N", "V", "SGH-", "K", "A"], number % 5) + text,
            "os_id": pick(OPERATING_SYSTEMS, number % 4),
            "price_class": table["price"],
            "supports_gprs": table["gprs"].astype(np.int8),
            "supports_mms": table["mms"].astype(np.int8),
            "supports_java": table["java"].astype(np.int8),
            "supports_fetion": table["fetion"].astype(np.int8),
            "supports_wap": table["wap"].astype(np.int8),
            "launch_date": clock.yyyymmdd(table["launch"]),
        }
    )
