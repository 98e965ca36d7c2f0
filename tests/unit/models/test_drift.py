"""Features emptied, rescaled or given other codes are seen before they are scored; an ordinary night is not."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from conf.models import load_models
from models.drift import Tonight, nulls_of, profiles_of
from models.errors import ModelRefused
from models.features import FeatureContract, encode, fit_contract

RULES = load_models().drift
FEATURES = tuple(
    feature
    for feature in load_models().features_of("churn_offnet")
    if feature.name
    in ("age_years", "arpu_fen", "brand_code", "complaint_cnt_90d", "contacts_7d", "gender_code", "mou_trend")
)


def a_night(rows=4000, seed=1, **columns):
    """Views as a base of subscriptions gives them: skewed money, many zeros, missing values, uneven levels."""
    rng = np.random.default_rng(seed)
    plain = {
        "age_years": pa.array(rng.integers(15, 80, rows), mask=rng.random(rows) < 0.04),
        "arpu_fen": pa.array(rng.lognormal(8.5, 0.8, rows).astype(np.int64)),
        "brand_code": pa.array(rng.choice(["GOTONE", "EASYOWN", "MZONE"], rows, p=[0.27, 0.48, 0.25])),
        "complaint_cnt_90d": pa.array(rng.poisson(0.07, rows)),
        "contacts_7d": pa.array(np.zeros(rows, np.int64)),
        "gender_code": pa.array(rng.choice(["MALE", "FEMALE"], rows), mask=rng.random(rows) < 0.03),
        "mou_trend": pa.array(rng.normal(0.0, 0.4, rows), mask=rng.random(rows) < 0.10),
    }
    return pa.table({**plain, **columns})


def a_trained_contract(view=None):
    view = view or a_night(8000, seed=11)
    contract = fit_contract("churn_offnet", FEATURES, view, min_rows=30)
    return contract.with_profiles(profiles_of(contract, encode(contract, view), nulls_of(contract, view), RULES.bins))


def shifts_of(view, contract=None):
    contract = contract or a_trained_contract()
    night = Tonight(contract)
    for batch in view.to_batches(max_chunksize=1000):
        night.add(encode(contract, batch), nulls_of(contract, batch))
    return night.shifts(RULES)


def told(shifts, bounds):
    return {shift.feature for shift in shifts if shift.is_beyond(bounds)}


def test_an_ordinary_night_is_neither_told_nor_refused():
    shifts = shifts_of(a_night(seed=2))

    assert {shift.feature for shift in shifts} == {feature.name for feature in FEATURES}, (
        "floor: every feature is judged"
    )
    assert told(shifts, RULES.warn) == set()


def test_a_season_is_not_refused():
    """Bills up by a fifth, use down by a sixth, everybody a month older, a tenth more without a trend."""
    rng = np.random.default_rng(3)
    view = a_night(
        seed=3, arpu_fen=pa.array(rng.lognormal(8.7, 0.8, 4000)), mou_trend=pa.array(rng.normal(-0.16, 0.4, 4000), mask=rng.random(4000) < 0.2)
    )  # fmt: skip

    assert told(shifts_of(view), RULES.refuse) == set()


FAULTS = {
    "a number emptied": ("arpu_fen", pa.nulls(4000, pa.int64())),
    "a number filled with nought": ("arpu_fen", pa.array(np.zeros(4000, np.int64))),
    "a trend filled with nought": ("mou_trend", pa.array(np.zeros(4000))),
    "a level emptied": ("gender_code", pa.nulls(4000, pa.string())),
    "fen delivered as yuan": ("arpu_fen", pa.array(a_night(seed=4)["arpu_fen"].to_numpy() // 100)),
    "fen delivered a hundredfold": ("arpu_fen", pa.array(a_night(seed=4)["arpu_fen"].to_numpy() * 100)),
    "a share delivered in percent": ("mou_trend", pa.array(np.random.default_rng(4).normal(0.0, 40.0, 4000))),
    "words become codes": ("gender_code", pa.array(np.random.default_rng(5).choice(["1", "2"], 4000))),
    "levels take each other's names": (
        "brand_code", pa.array(np.random.default_rng(6).choice(["GOTONE", "EASYOWN", "MZONE"], 4000, p=[0.02, 0.03, 0.95]))),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_one_broken_feature_is_refused_and_no_other(fault):
    column, values = FAULTS[fault]

    assert told(shifts_of(a_night(seed=4, **{column: values})), RULES.refuse) == {column}


def test_a_rare_feature_rescaled_is_told():
    """One line in fourteen has complaints: a hundred times as many is told, and touches too few to withhold all scores."""
    view = a_night(seed=7)
    shifts = shifts_of(a_night(seed=7, complaint_cnt_90d=pa.array(view["complaint_cnt_90d"].to_numpy() * 100)))

    assert told(shifts, RULES.warn) | told(shifts, RULES.refuse) <= {"complaint_cnt_90d"}
    assert next(s for s in shifts if s.feature == "complaint_cnt_90d").psi > 5 * max(
        s.psi for s in shifts if s.feature != "complaint_cnt_90d"
    )


def test_what_our_own_campaigns_move_is_not_taken_for_a_fault():
    rng = np.random.default_rng(8)
    view = a_night(seed=8, contacts_7d=pa.array(rng.poisson(1.5, 4000)))

    assert "contacts_7d" in RULES.own_doing
    assert told(shifts_of(view), RULES.warn) == set()


def test_few_rows_tell_nothing():
    assert shifts_of(a_night(RULES.min_rows - 1, arpu_fen=pa.nulls(RULES.min_rows - 1, pa.int64()))) == []


def test_profiles_come_back_as_they_were_written():
    import json

    contract = a_trained_contract()

    assert FeatureContract.from_dict(json.loads(contract.to_json())) == contract


@pytest.mark.parametrize("harm", ["drop", "shorten"])
def test_a_contract_without_its_profiles_is_refused(harm):
    import json

    body = json.loads(a_trained_contract().to_json())
    if harm == "drop":
        del body["profiles"]["arpu_fen"]
    else:
        body["profiles"]["arpu_fen"]["counts"].pop()

    with pytest.raises(ModelRefused, match="profile"):
        FeatureContract.from_dict(body)
