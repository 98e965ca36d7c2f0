"""From the customer view to the matrix: by name, by type, by known levels."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest

from conf.models import AnyOf, Condition, Feature
from models.drift import nulls_of, profiles_of
from models.errors import FeatureContractBroken, ModelRefused
from models.features import Cross, Cut, FeatureContract, encode, extended, fit_contract, population_mask

ZONE = "Asia/Shanghai"

FEATURES = (
    Feature(name="age_years", type="numeric", columns=("age_years",)),
    Feature(name="brand_code", type="categorical", columns=("brand_code",)),
    Feature(name="bundle_end_date", type="date", columns=("bundle_end_date",)),
    Feature(name="fee_share", type="ratio", columns=("vas_fee_fen", "bill_fen")),
)


def a_view(**columns):
    plain = {
        "age_years": pa.array([30, None], pa.int32()),
        "brand_code": pa.array(["MZONE", "GOTONE"]),
        "bundle_end_date": pa.array([date(2026, 3, 11), None], pa.date32()),
        "vas_fee_fen": pa.array([50, 10], pa.int64()),
        "bill_fen": pa.array([200, 0], pa.int64()),
        "snapshot_date": pa.array([date(2026, 3, 9)] * 2, pa.date32()),
    }
    return pa.table({**plain, **columns})


def a_contract(view=None):
    view = view or a_view()
    contract = fit_contract("churn_offnet", FEATURES, view, min_rows=1)
    return contract.with_profiles(profiles_of(contract, encode(contract, view, ZONE), nulls_of(contract, view), bins=4))


def test_matrix_holds_numbers_codes_days_and_ratios_given_a_view():
    matrix = encode(a_contract(), a_view(), ZONE)

    assert matrix.dtype == np.float32
    assert matrix[0].tolist() == [30.0, 1.0, 2.0, 0.25]  # MZONE is the second level, the bundle ends in two days
    assert np.isnan(matrix[1, [0, 2, 3]]).all()  # unknown age, no bundle, nothing billed
    assert matrix[1, 1] == 0.0


def test_matrix_is_the_same_given_permuted_and_extra_columns():
    view = a_view()
    permuted = view.select(view.schema.names[::-1]).append_column("anything", pa.array([1, 2]))

    np.testing.assert_array_equal(encode(a_contract(), permuted, ZONE), encode(a_contract(), view, ZONE))


def test_unseen_and_rare_levels_count_as_missing_given_a_contract():
    many = pa.array(["MZONE"] * 5 + ["ODD"])
    contract = fit_contract("m", FEATURES[1:2], pa.table({"brand_code": many}), min_rows=2)

    assert contract.levels == {"brand_code": ("MZONE",)}
    assert np.isnan(encode(contract, pa.table({"brand_code": ["ODD", "NEW"]}), ZONE)).all()


@pytest.mark.parametrize("column", ["age_years", "brand_code", "bill_fen", "bundle_end_date"])
def test_frame_is_refused_given_a_missing_feature(column):
    with pytest.raises(FeatureContractBroken, match=column):
        encode(a_contract(), a_view().drop_columns([column]), ZONE)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("age_years", pa.array(["30", "31"])),  # text where a number was
        ("brand_code", pa.array([1, 2])),  # a number where text was
        ("bundle_end_date", pa.array([20260311, 20260312])),  # a date that became a number
    ],
)
def test_frame_is_refused_given_a_retyped_feature(column, values):
    with pytest.raises(FeatureContractBroken, match=column):
        encode(a_contract(), a_view(**{column: values}), ZONE)


def test_a_pair_tells_the_cell_and_leaves_what_it_means_to_the_model():
    contract = a_contract().with_crosses((Cross(Cut("age_years", 20, False), Cut("brand_code", 1, True)),))
    view = a_view(age_years=pa.array([30, 10], pa.int32()), brand_code=pa.array(["GOTONE", "MZONE"]))

    cells = [extended(contract, encode(contract, rows, ZONE))[:, -1].tolist() for rows in (a_view(), view)]

    assert cells == [[3.0, 0.0], [2.0, 1.0]]  # both; unknown age is no, GOTONE is no: neither; left only; right only
    assert contract.categorical_positions == [1, 4]  # the brand and the pair: cells are names, not amounts


def test_contract_survives_its_json_given_levels_and_crosses():
    import json

    contract = a_contract().with_crosses((Cross(Cut("age_years", 20, False), Cut("brand_code", 1, True)),))

    assert FeatureContract.from_dict(json.loads(contract.to_json())) == contract


def test_contract_is_refused_given_features_out_of_order():
    import json

    body = json.loads(a_contract().to_json())
    body["features"].reverse()

    with pytest.raises(ModelRefused, match="out of order"):
        FeatureContract.from_dict(body)


def test_population_holds_given_all_conditions_and_never_given_null():
    view = pa.table({"is_live": [True, True, False, None], "user_type": ["1", "3", "1", "1"]})
    rule = (Condition(column="is_live", equals=True), Condition(column="user_type", equals="1"))

    assert population_mask(rule, view).tolist() == [True, False, False, False]


def test_population_holds_given_any_of_several_conditions():
    view = pa.table(
        {"has_crbt": [True, False, False, None], "has_newspaper": [False, True, False, True], "is_live": [True] * 4}
    )
    either = AnyOf(any=(Condition(column="has_crbt", equals=True), Condition(column="has_newspaper", equals=True)))

    assert population_mask((Condition(column="is_live", equals=True), either), view).tolist() == [
        True,
        True,
        False,
        True,
    ]


@pytest.mark.parametrize(("zone", "days"), [("Asia/Shanghai", -1.0), ("Europe/Berlin", -2.0)])
def test_the_day_of_a_timestamp_is_the_day_on_the_operators_clock(zone, days):
    suspended = pa.array([datetime(2026, 3, 8, 20, tzinfo=UTC)], pa.timestamp("us", "UTC"))
    frame = pa.table({"suspended_at": suspended, "snapshot_date": pa.array([date(2026, 3, 10)])})
    contract = fit_contract("m", (Feature.of("suspended_at", "date"),), frame, min_rows=1)

    assert encode(contract, frame, zone).tolist() == [[days]]
