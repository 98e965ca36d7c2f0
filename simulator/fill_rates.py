"""The answer key's fill rates: how many live subscriptions have a value in each of the view's 50 fields on a date.

Definitions are those of domain rules 3.1. The key knows every field exactly but two, which it bounds: IMEIs that meet by
chance (fields 43, 44) and the previous segment (field 50), which depends on measures of the view itself.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from simulator import clock, hazards, key
from simulator.drawn import CLOSING_DAY
from simulator.facts import Facts
from simulator.state import State

# Filled for every live subscription. 29 and 30 (churn) are empty for all of them; 36 and 37 are judgements, never empty.
ALWAYS = (
    "msisdn",
    "cust_name",
    "contact_address",
    "contact_postcode",
    "home_address",
    "id_type_code",
    "id_number",
    "brand_code",
    "customer_class",
    "credit_class",
    "activation_date",
    "tenure_days",
    "home_area_code",
    "subscription_status",
    "line_use_type",
    "is_sensitive",
    "is_kpi_counted",
    "is_communicating",
    "is_music_club_premium",
    "is_music_club_member",
    "is_company_registered",
    "current_imei",
    "device_supports_gprs",
    "device_supports_mms",
    "device_supports_java",
    "device_supports_fetion",
    "current_segment_id",
)
NEVER = ("churn_type", "churn_month")
SAME_IMEI_SHARE = 0.0005  # of subscriptions whose handset may carry another one's IMEI by chance
ROAMED_MOST_SHARE = 0.002  # of subscriptions that call so seldom that a trip decides where they call most
AREA_MONTHS = 3
GOTONE, SUSPENDED = 0, 1021


def filled(state: State, day: int) -> dict[str, np.ndarray]:
    """Which subscriptions have a value, by field that is neither always nor never filled and known exactly."""
    owner, gotone = state.customer, state.brand == GOTONE
    suspended = gotone & (state.status == SUSPENDED)
    known_birth, managed = ~state.hide_birth[owner], (state.manager[owner] >= 0) | (state.corporate[owner] >= 0)
    return {
        "gender_code": ~state.hide_sex[owner],
        "birth_date": known_birth,
        "age_years": known_birth,
        "sub_brand_code": ~gotone,
        "vip_tier": gotone & ~state.prepaid & (state.vip[owner] > 0),
        "acquisition_channel_code": gotone,
        "permanent_home_area_code": called_three_months(state, day),
        "bundle_end_date": (state.contract_seq > 0) & (state.contract_to >= day),
        "is_in_grace": state.prepaid,
        "grace_start_date": state.prepaid & (state.grace_day > 0),
        "quarantine_start_date": state.prepaid & (state.quarantine_day > 0),
        "termination_request_date": gotone & (state.request_day > 0),
        "suspension_type": suspended,
        "suspended_at": suspended,
        "account_manager_name": managed,
        "account_manager_phone": managed,
        "sensitive_channels": state.sensitive[owner],
        "activation_month_imei": state.first_handset,
        **dict.fromkeys(("activation_imei_prev_msisdn", "activation_imei_prev_brand"), state.handset_from >= 0),
    }


def called_three_months(state: State, day: int) -> np.ndarray:
    """Calls in each of the last three closed months: the most that can have one area in all three (field 20)."""
    last = clock.month_index(day) - (1 if clock.as_date(day).day >= CLOSING_DAY else 2)
    return np.logical_and.reduce([state.called[(last - back) % len(state.called)] for back in range(AREA_MONTHS)])


def rates(state: State, facts: Facts, day: int, previous: int | None) -> pl.DataFrame:
    """One row a field: rows, fewest and most of them filled, and why the two differ; `previous` is the view before."""
    live = hazards.population(state, facts, "churn_offnet")
    rows = int(live.sum())
    counts = {name: int((values & live).sum()) for name, values in filled(state, day).items()}
    counts.update(dict.fromkeys(ALWAYS, rows), **dict.fromkeys(NEVER, 0), previous_segment_id=0)
    frame = pl.DataFrame({"field": list(counts), "fewest": list(counts.values())})
    is_area = pl.col("field") == "permanent_home_area_code"
    by_chance = pl.col("field").str.starts_with("activation_imei_prev")
    seen_before = int((live & (state.act <= previous)).sum()) if previous is not None else 0
    return frame.with_columns(
        rows=pl.lit(rows),
        most=pl.when(by_chance)
        .then(pl.col("fewest") + int(np.ceil(SAME_IMEI_SHARE * rows)))
        .when(pl.col("field") == "previous_segment_id")
        .then(seen_before)
        .otherwise(pl.col("fewest")),
        fewest=pl.when(is_area)
        .then((pl.col("fewest") - int(np.ceil(ROAMED_MOST_SHARE * rows))).clip(0))
        .otherwise(pl.col("fewest")),
        reason=pl.when(by_chance)
        .then(pl.lit("two handsets may carry one IMEI by chance"))
        .when(pl.col("field") == "previous_segment_id")
        .then(pl.lit("only who changed segment since the view before, which the view judges"))
        .when(is_area)
        .then(pl.lit("who calls seldom may have called most from elsewhere in one of the months"))
        .otherwise(pl.lit("")),
    ).sort("field")


def save_fill_rates(home: Path, state: State, facts: Facts, day: date) -> None:
    """Write answer_key/fill_rates/<date>.parquet."""
    folder = Path(home) / "answer_key" / "fill_rates"
    earlier = [path.stem for path in folder.glob("20*.parquet") if path.stem < str(day)]
    previous = clock.day_number(date.fromisoformat(max(earlier))) if earlier else None
    key.save(rates(state, facts, clock.day_number(day), previous), folder / f"{day}.parquet")


def read_fill_rates(home: Path) -> dict[date, pl.DataFrame]:
    """Fill rates by date kept."""
    folder = Path(home) / "answer_key" / "fill_rates"
    return {date.fromisoformat(path.stem): pl.read_parquet(path) for path in sorted(folder.glob("20*.parquet"))}
