"""The feature contract of a model: names, order, types and category levels, and the one way from a frame to its float32 matrix."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from conf.models import Condition, Feature, Population
from models.drift import FIRST_BIN, Profile
from models.errors import FeatureContractBroken, ModelRefused

CONTRACT_VERSION = 2
SNAPSHOT_DATE = "snapshot_date"
CELL_OF = np.array(
    [[0, 1], [2, 3]], dtype=np.float32
)  # [left holds, right holds]: neither, right only, left only, both


@dataclass(frozen=True)
class Cut:
    """A yes/no condition on an encoded feature: above a limit, or (`is_level`) exactly this category code; missing is no."""

    feature: str
    value: float
    is_level: bool

    def holds(self, values: np.ndarray) -> np.ndarray:
        """Whether the condition holds, row by row."""
        return values == np.float32(self.value) if self.is_level else values > np.float32(self.value)


@dataclass(frozen=True)
class Cross:
    """A feature made of two conditions: which of the four cells a row lies in (CELL_OF), whatever the cells come to mean."""

    left: Cut
    right: Cut

    @property
    def name(self) -> str:
        """Name in the model, as tenure_days_x_age_years."""
        return f"{self.left.feature}_x_{self.right.feature}"


@dataclass(frozen=True)
class FeatureContract:
    """Features of one trained model in matrix order; `levels` gives the codes of each categorical feature.

    The matrix has one column a feature, sorted by name, then one a cross. `profiles` tells how the rows that trained lie in
    each feature: what scoring holds a night's rows against.
    """

    model_name: str
    features: tuple[Feature, ...]
    levels: dict[str, tuple[str, ...]]
    crosses: tuple[Cross, ...] = ()
    profiles: dict[str, Profile] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of the matrix columns in order."""
        return [*(feature.name for feature in self.features), *(cross.name for cross in self.crosses)]

    @property
    def categorical_positions(self) -> list[int]:
        """Positions of the categorical features and of the pairs in the matrix: their numbers are names, not amounts."""
        single = [place for place, feature in enumerate(self.features) if feature.type == "categorical"]
        return [*single, *range(len(self.features), len(self.names))]

    def with_crosses(self, crosses: tuple[Cross, ...]) -> FeatureContract:
        """The same contract with these pair features."""
        return replace(self, crosses=crosses)

    def with_profiles(self, profiles: dict[str, Profile]) -> FeatureContract:
        """The same contract with the profiles of the rows that trained."""
        return replace(self, profiles=profiles)

    def to_json(self) -> str:
        """Text stored beside the model; the same contract always gives the same bytes."""
        body = {
            "contract_version": CONTRACT_VERSION,
            "model_name": self.model_name,
            "features": [feature.model_dump(mode="json") for feature in self.features],
            "levels": {name: list(levels) for name, levels in self.levels.items()},
            "crosses": [asdict(cross) for cross in self.crosses],
            "profiles": {name: asdict(profile) for name, profile in self.profiles.items()},
        }
        return json.dumps(body, sort_keys=True, ensure_ascii=False, indent=1)

    @classmethod
    def from_dict(cls, body: dict) -> FeatureContract:
        """Read back what `to_json` wrote; anything else is refused."""
        keys = {"contract_version", "model_name", "features", "levels", "crosses", "profiles"}
        if set(body) != keys or body["contract_version"] != CONTRACT_VERSION:
            raise ModelRefused(
                f"features.json: found version {body.get('contract_version')} with {sorted(body)}\n"
                f"  wanted: a feature contract of version {CONTRACT_VERSION}\n  to do:  train anew: `closedloop run train --date D`"
            )
        features = tuple(Feature(**feature) for feature in body["features"])
        levels = {name: tuple(values) for name, values in body["levels"].items()}
        crosses = tuple(Cross(Cut(**cross["left"]), Cut(**cross["right"])) for cross in body["crosses"])
        names = [feature.name for feature in features]
        categorical = {feature.name for feature in features if feature.type == "categorical"}
        if set(levels) != categorical or names != sorted(set(names)):
            raise ModelRefused(
                "features.json: features out of order, doubled, or levels that belong to no categorical feature"
            )
        if not {cut.feature for cross in crosses for cut in (cross.left, cross.right)} <= set(names):
            raise ModelRefused("features.json: a pair names a feature that is not in the contract")
        profiles = {
            name: Profile(tuple(profile["edges"]), tuple(profile["counts"]))
            for name, profile in body["profiles"].items()
        }
        _check_profiles(profiles, names, levels)
        return cls(body["model_name"], features, levels, crosses, profiles)


def _check_profiles(profiles: dict[str, Profile], names: list[str], levels: dict[str, tuple[str, ...]]) -> None:
    """One profile a feature, with a count for missing, for unknown and for each bin."""
    if sorted(profiles) != names:
        raise ModelRefused("features.json: profiles that are not those of the features; train anew")
    for name, profile in profiles.items():
        bins = len(levels[name]) if name in levels else len(profile.edges) + 1
        if len(profile.counts) != FIRST_BIN + bins or list(profile.edges) != sorted(profile.edges):
            raise ModelRefused(
                f"features.json: the profile of {name} has {len(profile.counts)} counts, wanted {FIRST_BIN + bins}"
            )


def fit_contract(model_name: str, features: tuple[Feature, ...], table: pa.Table, min_rows: int) -> FeatureContract:
    """Fix the category levels a model knows: those with at least `min_rows` training rows, sorted by name."""
    levels = {}
    for feature in features:
        if feature.type == "categorical":
            levels[feature.name] = _levels_of(_column(table, feature, model_name), min_rows)
    return FeatureContract(model_name, features, levels)


def _levels_of(column: pa.ChunkedArray | pa.Array, min_rows: int) -> tuple[str, ...]:
    counts = pc.value_counts(column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column)
    found = [(row["values"], row["counts"]) for row in counts.to_pylist()]
    return tuple(sorted(value for value, count in found if value is not None and count >= min_rows))


def encode(contract: FeatureContract, frame: pa.Table | pa.RecordBatch, time_zone: str) -> np.ndarray:
    """Float32 matrix of a frame in contract order, chosen by name; null and unknown levels become NaN (missing).

    `time_zone` is the operator's: the day a timestamp lies on is the day on his clock.
    Raises FeatureContractBroken for a missing feature or one of another type; other columns of the frame are not looked at.
    """
    matrix = np.empty((frame.num_rows, len(contract.names)), dtype=np.float32)
    for place, feature in enumerate(contract.features):
        matrix[:, place] = _encode_one(contract, feature, frame, time_zone)
    fill_crosses(contract, matrix)
    return matrix


def fill_crosses(contract: FeatureContract, matrix: np.ndarray) -> None:
    """Fill the columns of the pair features from those of the single ones, in place."""
    place_of = {feature.name: place for place, feature in enumerate(contract.features)}
    for place, cross in enumerate(contract.crosses, start=len(contract.features)):
        left, right = (cut.holds(matrix[:, place_of[cut.feature]]) for cut in (cross.left, cross.right))
        matrix[:, place] = CELL_OF[left.astype(int), right.astype(int)]


def extended(contract: FeatureContract, matrix: np.ndarray) -> np.ndarray:
    """A matrix of single features with the columns of the pair features behind."""
    whole = np.empty((len(matrix), len(contract.names)), dtype=np.float32)
    whole[:, : len(contract.features)] = matrix[:, : len(contract.features)]
    fill_crosses(contract, whole)
    return whole


def _encode_one(
    contract: FeatureContract, feature: Feature, frame: pa.Table | pa.RecordBatch, time_zone: str
) -> np.ndarray:
    column = _column(frame, feature, contract.model_name)
    if feature.type == "categorical":
        levels = pa.array(contract.levels[feature.name], type=pa.string())
        return _as_numbers(pc.index_in(pc.cast(column, pa.string()), value_set=levels), np.float32)
    if feature.type == "date":
        return (_as_days(column, time_zone) - _as_days(frame.column(SNAPSHOT_DATE), time_zone)).astype(np.float32)
    if feature.type == "ratio":
        below = _as_numbers(_column(frame, feature, contract.model_name, 1), np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(below == 0, np.nan, _as_numbers(column, np.float64) / below).astype(np.float32)
    return _as_numbers(column, np.float32)


_FITS = {
    "categorical": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
    "date": lambda kind: pa.types.is_date(kind) or pa.types.is_timestamp(kind),
    "numeric": lambda kind: (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
    ),
}


def _column(
    frame: pa.Table | pa.RecordBatch, feature: Feature, model_name: str, part: int = 0
) -> pa.ChunkedArray | pa.Array:
    name = feature.columns[part]
    if name not in frame.schema.names:
        raise FeatureContractBroken(
            f"model {model_name}: feature column '{name}' is not in the frame\n"
            f"  wanted: a {feature.type} column '{name}'\n  found:  {len(frame.schema.names)} other columns\n"
            "  to do:  restore the column in gold.customer_360 or train anew without it"
        )
    column = frame.column(name)
    fits = _FITS[feature.type if feature.type in _FITS else "numeric"]
    if not fits(column.type) and not pa.types.is_null(column.type):
        raise FeatureContractBroken(
            f"model {model_name}: feature column '{name}' has type {column.type}, wanted a {feature.type} one\n"
            "  to do:  restore the type in gold.customer_360 or change it in conf/models.yaml and train anew"
        )
    return column


def _as_numbers(column: pa.ChunkedArray | pa.Array, kind: type) -> np.ndarray:
    if pa.types.is_decimal(column.type):
        column = pc.cast(column, pa.float64())
    return pc.cast(column, pa.from_numpy_dtype(kind), safe=False).to_numpy(**_copy(column))


def _as_days(column: pa.ChunkedArray | pa.Array, time_zone: str) -> np.ndarray:
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if pa.types.is_timestamp(column.type) and column.type.tz:
        column = pc.local_timestamp(pc.cast(column, pa.timestamp("us", time_zone)))
    days = pc.cast(pc.cast(column, pa.date32(), safe=False), pa.int32())
    return pc.cast(days, pa.float64()).to_numpy(**_copy(column))


def population_mask(population: Population, frame: pa.Table | pa.RecordBatch) -> np.ndarray:
    """Which rows of customer_360 belong to a model's population; null never belongs."""
    parts = [np.logical_or.reduce([_holds(c, frame) for c in part.conditions]) for part in population]
    return np.logical_and.reduce([np.ones(frame.num_rows, dtype=bool), *parts])


def _holds(condition: Condition, frame: pa.Table | pa.RecordBatch) -> np.ndarray:
    if condition.column not in frame.schema.names:
        raise FeatureContractBroken(
            f"population column '{condition.column}' is not in the frame; it is named in conf/models.yaml"
        )
    column = frame.column(condition.column)
    wanted = pa.scalar(condition.equals, type=column.type)
    return pc.fill_null(pc.equal(column, wanted), False).to_numpy(**_copy(column))


def _copy(column: pa.ChunkedArray | pa.Array) -> dict[str, bool]:
    return {} if isinstance(column, pa.ChunkedArray) else {"zero_copy_only": False}
