"""Finds pairs of conditions that matter only together, which greedy trees miss on few events, and makes features of them.

A tree looks for one good split at a time; when exactly one of two conditions raises the risk, neither is a good split alone.
Each feature is cut at some quantiles (or levels), and every pair of cuts is held against what an additive model leaves
unexplained. Only pairs far beyond chance (normal score, after looking at all of them) become features of the contract.
"""

from __future__ import annotations

import lightgbm as lgb
import numpy as np

from conf.models import Screening
from models.features import Cross, Cut, FeatureContract

ADDITIVE_ROUNDS = 100
MIN_SHARE = 0.08  # rarer conditions reach high scores by chance, on a handful of events


def find_crosses(
    contract: FeatureContract, matrix: np.ndarray, label: np.ndarray, objective: str, screening: Screening
) -> tuple[Cross, ...]:
    """Pairs of cuts with the strongest joint effect, best first; each pair of features at most once."""
    step = max(1, -(-label.size // screening.max_rows))
    matrix, label = matrix[::step], label[::step]
    if not label.any():
        return ()
    unexplained = _unexplained(contract, matrix, label, objective)
    cuts, holds = _all_cuts(contract, matrix, screening.cuts)
    if len(cuts) < 2:
        return ()
    scores = _pair_scores(holds, unexplained)
    return _strongest(cuts, scores, screening)


def _unexplained(contract: FeatureContract, matrix: np.ndarray, label: np.ndarray, objective: str) -> np.ndarray:
    """Label minus what single features explain: a boosted model of two-leaf trees, which cannot combine features."""
    rows = lgb.Dataset(matrix, label=label, categorical_feature=contract.categorical_positions)
    parameters = {
        "objective": objective,
        "num_leaves": 2,
        "learning_rate": 0.1,
        "max_bin": 31,
        "lambda_l2": 10.0,
        "cat_smooth": 30.0,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    additive = lgb.train(parameters, rows, num_boost_round=ADDITIVE_ROUNDS)
    return label - additive.predict(matrix, num_threads=1)


def _all_cuts(contract: FeatureContract, matrix: np.ndarray, count: int) -> tuple[list[Cut], np.ndarray]:
    """Every cut with enough rows on both sides, and whether it holds, centred, one column a cut."""
    cuts, columns = [], []
    for place, feature in enumerate(contract.features):
        values = matrix[:, place]
        for cut in _cuts_of(feature.name, feature.type == "categorical", values, count):
            holds = cut.holds(values)
            share = holds.mean()
            if MIN_SHARE < share < 1 - MIN_SHARE:
                cuts.append(cut)
                columns.append((holds - share).astype(np.float32))
    return cuts, np.column_stack(columns) if columns else np.empty((len(matrix), 0), np.float32)


def _cuts_of(name: str, is_categorical: bool, values: np.ndarray, count: int) -> list[Cut]:
    known = values[~np.isnan(values)]
    if not known.size:
        return []
    if is_categorical:
        return [Cut(name, float(level), True) for level in np.unique(known)]
    limits = np.unique(np.quantile(known, np.linspace(0, 1, count + 2)[:-1], method="lower"))
    return [Cut(name, float(limit), False) for limit in limits]


def _pair_scores(holds: np.ndarray, unexplained: np.ndarray) -> np.ndarray:
    """Normal score of each pair's joint effect on what is unexplained."""
    joint = holds.T @ (holds * unexplained[:, None].astype(np.float32))
    squares = holds**2
    weight = np.maximum(unexplained**2, np.mean(unexplained**2)).astype(np.float32)
    spread = np.sqrt(np.maximum(squares.T @ (squares * weight[:, None]), 1e-12))
    return np.abs(joint / spread)


def _strongest(cuts: list[Cut], scores: np.ndarray, screening: Screening) -> tuple[Cross, ...]:
    upper = np.triu(scores, k=1)
    order = np.argsort(-upper, axis=None, kind="stable")
    found: dict[tuple[str, str], Cross] = {}
    for flat in order:
        left, right = (cuts[place] for place in np.unravel_index(flat, upper.shape))
        if upper.flat[flat] < screening.min_score or len(found) >= screening.max_pairs:
            break
        if left.feature != right.feature:
            found.setdefault((left.feature, right.feature), Cross(left, right))
    return tuple(found.values())
