"""How full the 50 fields of the customer view can be on a date, as the world knows it (live subscriptions)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from simulator import clock, hazards, key
from simulator.facts import Facts
from simulator.state import State

UNDEFINED = ("churn_type", "churn_month", "is_kpi_counted", "is_communicating")  # fields 29, 30, 36, 37
ALWAYS = (
    "msisdn", "contact_address", "contact_postcode", "home_address", "id_type_code", "id_number", "cust_name", "brand_code",
    "customer_class", "credit_class", "activation_date", "tenure_days", "subscription_status", "line_use_type", "is_sensitive",
    "is_music_club_premium", "is_music_club_member", "is_company_registered", "current_imei", "device_supports_gprs",
    "device_supports_mms", "device_supports_java", "device_supports_fetion",
)  # fmt: skip


def filled(state: State, facts: Facts, day: int) -> dict[str, np.ndarray]:
    """Which subscriptions have a value, by field that is neither always nor never filled."""
    owner = state.customer
    gotone = state.brand == 0
    return {
        "gender_code": ~state.hide_sex[owner], "birth_date": ~state.hide_birth[owner], "age_years": ~state.hide_birth[owner],
        "sub_brand_code": ~gotone, "vip_tier": state.vip[owner] > 0, "acquisition_channel_code": np.arange(state.size) * 7 % 6 != 5,
        "bundle_end_date": (state.contract_seq > 0) & (state.contract_from <= day),
        "is_in_grace": state.prepaid, "grace_start_date": state.grace_day > 0, "quarantine_start_date": state.quarantine_day > 0,
        "termination_request_date": state.request_day > 0, "suspension_type": state.status == 1021, "suspended_at": state.status == 1021,
        "account_manager_name": state.manager[owner] >= 0, "account_manager_phone": state.manager[owner] >= 0,
        "sensitive_channels": state.sensitive[owner],
    }  # fmt: skip


def save_fill_rates(home: Path, state: State, facts: Facts, day: date) -> None:
    """Write answer_key/fill_rates/<date>.parquet: field, filled, rows, fill_rate; fields that depend on rules of the view are left out."""
    live = hazards.population(state, facts, "churn_offnet")
    rows = int(live.sum())
    counts = {name: int((values & live).sum()) for name, values in filled(state, facts, clock.day_number(day)).items()}
    counts.update(dict.fromkeys(ALWAYS, rows))
    counts.update(dict.fromkeys(UNDEFINED, 0))
    frame = pl.DataFrame({"field": list(counts), "filled": list(counts.values())}).with_columns(
        rows=pl.lit(rows), fill_rate=pl.col("filled") / rows
    )
    key.save(frame.sort("field"), Path(home) / "answer_key" / "fill_rates" / f"{day}.parquet")
