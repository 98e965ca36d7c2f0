"""How good a ranking and its probabilities are: AUC, log loss, calibration error, lift and top-decile rates."""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr
from sklearn import metrics

BINS = 10
SURE = 1e-7  # no probability counts as nearer to 0 or 1: one surprise would outweigh everything else


def roc_auc(label: np.ndarray, score: np.ndarray) -> float:
    """Chance that a random event is ranked above a random non-event, ties half; 0.5 when there is only one class."""
    is_event = label > 0
    if is_event.all() or not is_event.any():
        return 0.5
    return float(metrics.roc_auc_score(is_event, score))


def log_loss(label: np.ndarray, probability: np.ndarray) -> float:
    """Mean negative log likelihood of the labels (0 or 1) under the probabilities."""
    clipped = np.clip(np.asarray(probability, dtype=np.float64), SURE, 1 - SURE)
    return float(metrics.log_loss(label, clipped, labels=[0, 1]))


def poisson_deviance(label: np.ndarray, mean: np.ndarray) -> float:
    """Mean Poisson deviance of counts under predicted means."""
    return float(metrics.mean_poisson_deviance(label, np.maximum(mean, 1e-9)))


def reliability_table(label: np.ndarray, score: np.ndarray, bins: int = BINS) -> list[dict[str, float]]:
    """Mean score and mean outcome in equal-count bins of the score, lowest first."""
    order = np.argsort(score, kind="stable")
    parts = [part for part in np.array_split(order, bins) if part.size]
    return [{"rows": float(p.size), "score": float(score[p].mean()), "outcome": float(label[p].mean())} for p in parts]


def calibration_error(label: np.ndarray, score: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error: mean absolute gap between score and outcome over equal-count bins."""
    table = reliability_table(label, score, bins)
    rows = sum(row["rows"] for row in table)
    return float(sum(row["rows"] * abs(row["score"] - row["outcome"]) for row in table) / rows) if rows else 0.0


def chance_calibration_error(label: np.ndarray, score: np.ndarray, bins: int = BINS) -> float:
    """Calibration error a perfectly calibrated model would show on so few rows, by chance alone."""
    order = np.argsort(score, kind="stable")
    parts = [label[part] for part in np.array_split(order, bins) if part.size]
    expected = [part.size * np.sqrt(2 / np.pi * part.var() / part.size) for part in parts]
    return float(sum(expected) / label.size) if label.size else 0.0


def decile_lift(label: np.ndarray, score: np.ndarray) -> list[float]:
    """Outcome rate of each tenth of the ranking over the overall rate, best tenth first."""
    base = float(label.mean()) if label.size else 0.0
    order = np.argsort(-score, kind="stable")
    if not base:
        return [0.0] * BINS
    return [float(label[part].mean() / base) if part.size else 0.0 for part in np.array_split(order, BINS)]


def top_decile_rates(label: np.ndarray, score: np.ndarray) -> tuple[float, float]:
    """Precision and recall of taking the best tenth of the ranking."""
    top = np.array_split(np.argsort(-score, kind="stable"), BINS)[0]
    total = float((label > 0).sum())
    hits = float((label[top] > 0).sum())
    return (hits / top.size if top.size else 0.0, hits / total if total else 0.0)


def evaluate(label: np.ndarray, score: np.ndarray, objective: str) -> dict[str, float]:
    """All figures of one set of scores; for counts the AUC is that of having any at all, and log_loss the Poisson deviance."""
    precision, recall = top_decile_rates(label, score)
    loss = log_loss(label, score) if objective == "binary" else poisson_deviance(label, score)
    rank = spearmanr(label, score).statistic if label.size and np.ptp(label) and np.ptp(score) else 0.0
    return {
        "auc": roc_auc(label, score),
        "log_loss": loss,
        "ece": calibration_error(label, score),
        "ece_by_chance": chance_calibration_error(label, score),
        "spearman": float(rank),
        "lift_top_decile": decile_lift(label, score)[0],
        "precision_top_decile": precision,
        "recall_top_decile": recall,
    }


def single_feature_aucs(matrix: np.ndarray, label: np.ndarray, names: list[str]) -> dict[str, float]:
    """AUC of each feature alone, in the better direction; missing values rank lowest."""
    is_event = label > 0
    aucs = [_auc_of_places(_missing_lowest(matrix[:, place]), is_event) for place in range(len(names))]
    return {name: max(auc, 1 - auc) for name, auc in zip(names, aucs, strict=True)}


def _auc_of_places(places: np.ndarray, is_event: np.ndarray) -> float:
    """The AUC counted from events and others at each place of an order: what `roc_auc` gives, without sorting again."""
    events = np.bincount(places, weights=is_event)
    others = np.bincount(places, weights=~is_event)
    pairs = events.sum() * others.sum()
    return float(events @ (np.cumsum(others) - others / 2) / pairs) if pairs else 0.5


def _missing_lowest(values: np.ndarray) -> np.ndarray:
    """Places in the order of the values from 1 on, missing values together at 0."""
    _, places = np.unique(values, return_inverse=True)
    return np.where(np.isnan(values), 0, places + 1)
