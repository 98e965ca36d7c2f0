"""Builds a customer view of any size with every column of its contract, and outcomes that follow a planted rule."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa

from conf.models import load_models
from conf.tables import table_of
from jobs.lakehouse.schema import arrow_schema

LEVELS = ("A", "B", "C")


def a_customer_view(rows: int, snapshot_date: date, seed: int = 1) -> pa.Table:
    """Rows of gold.customer_360 on one date: seeded noise in the features of the models, plain values elsewhere."""
    rng = np.random.default_rng(seed)
    features = set(load_models().feature_columns)
    schema = arrow_schema(table_of("gold.customer_360"))
    columns = {field.name: _column(field, rows, snapshot_date, field.name in features, rng) for field in schema}
    columns["subscription_id"] = pa.array([f"S{place:08d}" for place in range(rows)])
    columns["user_type"] = pa.array(["1"] * rows)
    columns["is_live"] = pa.array(np.ones(rows, dtype=bool))
    columns["device_supports_mms"] = pa.array(np.ones(rows, dtype=bool))
    columns["crbt_lifecycle_state"] = pa.array(
        np.where(columns["has_crbt"].to_numpy(zero_copy_only=False), "ACTIVE", "NONE")
    )
    return pa.table({field.name: columns[field.name].cast(field.type) for field in schema}, schema=schema)


def _column(field: pa.Field, rows: int, snapshot_date: date, is_feature: bool, rng: np.random.Generator) -> pa.Array:
    if field.name == "snapshot_date":
        return pa.array([snapshot_date] * rows, pa.date32())
    if pa.types.is_boolean(field.type):
        return pa.array(rng.random(rows) < 0.5)
    if pa.types.is_string(field.type):
        return pa.array(rng.choice(LEVELS, rows)) if is_feature else pa.array(["x"] * rows)
    if pa.types.is_floating(field.type):
        return pa.array(rng.normal(size=rows))
    if pa.types.is_integer(field.type):
        return pa.array(rng.integers(0, 1000, rows)).cast(field.type)
    if is_feature and pa.types.is_date(field.type):
        return pa.array([snapshot_date - timedelta(days=int(days)) for days in rng.integers(0, 400, rows)], pa.date32())
    if is_feature and pa.types.is_timestamp(field.type):
        moment = datetime.combine(snapshot_date, datetime.min.time())
        return pa.array([moment - timedelta(days=int(days)) for days in rng.integers(0, 400, rows)]).cast(field.type)
    return _empty(field, rows)


def _empty(field: pa.Field, rows: int) -> pa.Array:
    is_list = pa.types.is_list(field.type) or pa.types.is_map(field.type)
    return pa.array([[]] * rows, type=field.type) if is_list else pa.nulls(rows, field.type)


def planted_probability(view: pa.Table, base: float = -3.4) -> np.ndarray:
    """A rule a linear model cannot see: exactly one of two conditions, beside a linear part."""
    is_long = np.asarray(view["tenure_days"]) > 500
    is_grown = np.asarray(view["age_years"]) > 500
    linear = (np.asarray(view["balance_fen"]) - 500) / 300
    return 1 / (1 + np.exp(-(base + 1.3 * np.where(is_long != is_grown, 1, -1) + 0.7 * linear)))


def planted_outcome(view: pa.Table, seed: int = 5, base: float = -3.4) -> np.ndarray:
    """Outcomes drawn from the planted rule."""
    return (np.random.default_rng(seed).random(view.num_rows) < planted_probability(view, base)).astype(np.float64)
