"""Features emptied, rescaled or given other codes are seen before they are scored; an ordinary night is not."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import dataset

from conf.models import Condition, load_models
from jobs.scoring.drift import judge
from jobs.scoring.partitions import ScoringModel
from models.artifact import Bundle, Predictor
from models.calibration import Calibration
from models.drift import Tonight, nulls_of, profiles_of
from models.errors import ModelRefused
from models.features import Cross, Cut, FeatureContract, encode, fit_contract

ZONE = "Asia/Shanghai"

RULES = load_models().drift
DAY = date(2026, 3, 9)
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
    return contract.with_profiles(
        profiles_of(contract, encode(contract, view, ZONE), nulls_of(contract, view), RULES.bins)
    )


def shifts_of(view, contract=None):
    contract = contract or a_trained_contract()
    night = Tonight(contract)
    for batch in view.to_batches(max_chunksize=1000):
        night.add(encode(contract, batch, ZONE), nulls_of(contract, batch))
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
        seed=3,
        arpu_fen=pa.array(rng.lognormal(8.7, 0.8, 4000)),
        mou_trend=pa.array(rng.normal(-0.16, 0.4, 4000), mask=rng.random(4000) < 0.2),
    )

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
        "brand_code",
        pa.array(np.random.default_rng(6).choice(["GOTONE", "EASYOWN", "MZONE"], 4000, p=[0.02, 0.03, 0.95])),
    ),
}


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


def a_champion(contract, view):
    """A model that splits on the bill and on a pair of the trend and the brand, and on nothing else."""
    crossed = contract.with_crosses((Cross(Cut("mou_trend", 0.0, False), Cut("brand_code", 1, True)),))
    matrix = encode(crossed, view, ZONE)
    place = crossed.names.index("arpu_fen")
    label = (matrix[:, place] > 5000).astype(float) + (matrix[:, -1] == 3.0)
    shown = np.full_like(matrix, np.nan)
    shown[:, [place, -1]] = matrix[:, [place, -1]]  # the others are hidden, so no tree can split on them
    rows = lgb.Dataset(
        shown,
        label=(label > 0).astype(float),
        feature_name=crossed.names,
        categorical_feature=crossed.categorical_positions,
    )
    booster = lgb.train(
        {"objective": "binary", "verbosity": -1, "num_threads": 1, "min_data_per_group": 10}, rows, num_boost_round=5
    )
    bundle = Bundle(booster.model_to_string(), crossed.to_json(), Calibration("platt", (1.0, 0.0)).to_json())
    return ScoringModel("churn_offnet", 3, bundle.sha256, (Condition(column="is_live", equals=True),), bundle, ZONE)


def verdict_on(view, champion, sample_rows=10**6):
    days = pa.array([DAY] * view.num_rows, pa.date32())
    night = view.append_column("snapshot_date", days).append_column("is_live", pa.array([True] * view.num_rows))
    lake = SimpleNamespace(dataset=lambda name: dataset.dataset(night))
    return judge(lake, [champion], DAY, RULES.model_copy(update={"sample_rows": sample_rows}))[0]


def test_only_features_a_model_splits_on_can_refuse_it_the_others_are_told():
    champion = a_champion(a_trained_contract(), a_night(8000, seed=11))

    assert Predictor(champion.bundle).used_features == {"arpu_fen", "mou_trend", "brand_code"}
    broken = {
        "arpu_fen": pa.nulls(4000, pa.int64()),
        "mou_trend": pa.nulls(4000, pa.float64()),
        "age_years": pa.nulls(4000, pa.int64()),
    }
    verdict = verdict_on(a_night(seed=4, **broken), champion)

    assert {shift.feature for shift in verdict.refused} == {"arpu_fen", "mou_trend"}
    assert {shift.feature for shift in verdict.warned} == {"age_years"}
    ordinary = verdict_on(a_night(seed=4), champion)
    assert (ordinary.rows, ordinary.warned, ordinary.refused) == (4000, [], [])


def test_a_large_base_is_judged_by_a_sample_spread_over_all_of_it():
    champion = a_champion(a_trained_contract(), a_night(8000, seed=11))
    half_empty = np.arange(50_000) >= 20_000
    view = a_night(50_000, seed=5)
    view = view.set_column(
        view.schema.get_field_index("arpu_fen"), "arpu_fen", pa.array(view["arpu_fen"].to_numpy(), mask=half_empty)
    )

    verdict = verdict_on(view, champion, sample_rows=1000)

    assert verdict.rows == 1000
    assert next(shift for shift in verdict.refused if shift.feature == "arpu_fen").emptied == pytest.approx(
        0.6, abs=0.01
    )
