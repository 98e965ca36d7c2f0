"""What each feature looked like when a model was trained, and whether tonight's still looks like it.

A feature may be emptied, rescaled or given other codes by a feed upstream without any column or type changing: nothing
breaks, and every score is wrong. Counts by bin, kept beside the model, tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from conf.models import DriftBounds, DriftRules
    from models.features import FeatureContract

MISSING, UNKNOWN, FIRST_BIN = 0, 1, 2  # places in the counts


@dataclass(frozen=True)
class Profile:
    """Rows of one feature by bin: missing, unknown level, then one bin a level, or one up to each edge and one above.

    The last edge is the greatest value seen in training: what lies above it was never seen.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Rows counted."""
        return sum(self.counts)

    @property
    def shares(self) -> np.ndarray:
        """Share of the rows in each place."""
        return np.asarray(self.counts, dtype=float) / max(self.rows, 1)


@dataclass(frozen=True)
class Shift:
    """How far one feature moved from training to tonight.

    `emptied`: rise of the share of rows without a value, or on one and the same value where nearly all are; `unknown`: rise
    of the share of levels the model does not know; `psi`: population stability index over all bins.
    """

    feature: str
    emptied: float
    unknown: float
    psi: float

    def is_beyond(self, bounds: DriftBounds) -> bool:
        """Whether one of the three lies above its bound."""
        return self.emptied > bounds.emptied or self.unknown > bounds.unknown or self.psi > bounds.psi

    def __str__(self) -> str:
        return f"{self.feature} (emptied {self.emptied:+.2f}, unknown {self.unknown:+.2f}, PSI {self.psi:.2f})"


def profiles_of(
    contract: FeatureContract, matrix: np.ndarray, nulls: Mapping[str, int], bins: int
) -> dict[str, Profile]:
    """Profiles of the rows that train: number features cut at quantiles, categorical ones by their levels.

    `nulls` gives the rows of each categorical feature that had no level at all; the other missing ones had an unknown level.
    """
    found = {}
    for place, feature in enumerate(contract.features):
        values = matrix[:, place]
        edges = () if feature.type == "categorical" else _edges(values[~np.isnan(values)], bins)
        found[feature.name] = Profile(edges, _counts(contract, feature.name, values, edges, nulls))
    return found


def _edges(values: np.ndarray, bins: int) -> tuple[float, ...]:
    """Distinct quantiles of float32 values, the greatest last."""
    if not values.size:
        return ()
    quantiles = np.quantile(values, np.arange(1, bins + 1) / bins, method="inverted_cdf")
    return tuple(float(value) for value in np.unique(quantiles))


def _counts(
    contract: FeatureContract, name: str, values: np.ndarray, edges: tuple[float, ...], nulls: Mapping[str, int]
) -> tuple[int, ...]:
    known = values[~np.isnan(values)]
    missing = values.size - known.size
    empty = int(nulls.get(name, missing))
    if name in contract.levels:
        bins = np.bincount(known.astype(np.int64), minlength=len(contract.levels[name]))
    else:
        place = np.searchsorted(np.asarray(edges, dtype=np.float32), known, side="left")
        bins = np.bincount(place, minlength=len(edges) + 1)
    return (empty, missing - empty, *(int(count) for count in bins))


def nulls_of(contract: FeatureContract, frame: pa.Table | pa.RecordBatch) -> dict[str, int]:
    """Rows without a level, by categorical feature."""
    return {
        feature.name: frame.column(feature.columns[0]).null_count
        for feature in contract.features
        if feature.type == "categorical"
    }


class Tonight:
    """Counts of a night's rows in the bins of a model's training, batch by batch."""

    def __init__(self, contract: FeatureContract):
        self._contract = contract
        self._counts = {name: np.zeros(len(profile.counts), np.int64) for name, profile in contract.profiles.items()}

    def add(self, matrix: np.ndarray, nulls: Mapping[str, int]) -> None:
        """Count the encoded rows of one batch."""
        for place, feature in enumerate(self._contract.features):
            edges = self._contract.profiles[feature.name].edges
            counts = _counts(self._contract, feature.name, matrix[:, place], edges, nulls)
            self._counts[feature.name] += np.asarray(counts, np.int64)

    @property
    def rows(self) -> int:
        """Rows counted so far."""
        return int(next(iter(self._counts.values())).sum()) if self._counts else 0

    def shifts(self, rules: DriftRules) -> list[Shift]:
        """How far each feature moved, the most moved first; too few rows tell nothing and give no shift.

        Of features that the operator's own campaigns move, only the share without a value is judged.
        """
        if self.rows < rules.min_rows:
            return []
        found = []
        for name, then in self._contract.profiles.items():
            now = Profile(then.edges, tuple(int(count) for count in self._counts[name]))
            shift = shift_of(name, then, now, rules)
            found.append(Shift(name, _rise(then, now, MISSING), 0.0, 0.0) if name in rules.own_doing else shift)
        return sorted(found, key=lambda shift: (-shift.psi, shift.feature))


def shift_of(name: str, then: Profile, now: Profile, rules: DriftRules) -> Shift:
    """Emptying, unknown levels and PSI of one feature; shares below the floor count as the floor in the PSI."""
    psi = _psi(then.shares, now.shares, rules.floor_share)
    emptied = max(_rise(then, now, MISSING), _collapse(then, now, rules.one_value_share))
    return Shift(name, emptied, _rise(then, now, UNKNOWN), psi)


def _rise(then: Profile, now: Profile, place: int) -> float:
    return float(now.shares[place] - then.shares[place])


def _collapse(then: Profile, now: Profile, one_value_share: float) -> float:
    """Rise of the fullest bin where nearly all rows lie in it: a feature filled with one default instead of its values."""
    fullest = int(np.argmax(now.shares))
    if fullest < FIRST_BIN or now.shares[fullest] < one_value_share:
        return 0.0
    return _rise(then, now, fullest)


def _psi(then: np.ndarray, now: np.ndarray, floor: float) -> float:
    """Population stability index: sum over bins of (now - then) x ln(now / then)."""
    before, after = np.maximum(then, floor), np.maximum(now, floor)
    return float(((after - before) * np.log(after / before)).sum())
