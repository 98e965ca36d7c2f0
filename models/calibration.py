"""Turns a model's raw scores into honest probabilities; the mapping is numbers in JSON, never code."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from models.errors import ModelRefused
from models.metrics import log_loss

METHODS = ("platt", "isotonic", "ratio")


@dataclass(frozen=True)
class Calibration:
    """`platt`: x = (slope, intercept) on the logit; `isotonic`: steps x -> y; `ratio`: x = (factor,), for counts."""

    method: str
    x: tuple[float, ...]
    y: tuple[float, ...] = ()

    def apply(self, raw: np.ndarray) -> np.ndarray:
        """Calibrated scores of raw ones; order is kept (never reversed)."""
        if self.method == "platt":
            return 1 / (1 + np.exp(-(self.x[0] * _logit(raw) + self.x[1])))
        if self.method == "isotonic":
            return np.interp(raw, self.x, self.y)
        return raw * self.x[0]

    def to_json(self) -> str:
        """Text stored beside the model."""
        return json.dumps({"method": self.method, "x": list(self.x), "y": list(self.y)}, sort_keys=True)

    @classmethod
    def from_dict(cls, body: dict) -> Calibration:
        """Read back what `to_json` wrote; an unknown method, a falling curve or a non-number is refused."""
        numbers = [*body.get("x", []), *body.get("y", [])]
        if set(body) != {"method", "x", "y"} or body["method"] not in METHODS:
            raise ModelRefused(f"calibration.json: found {sorted(body)}, wanted method ({', '.join(METHODS)}), x and y")
        if not numbers or not all(isinstance(number, (int, float)) and np.isfinite(number) for number in numbers):
            raise ModelRefused("calibration.json: x and y must be finite numbers")
        x, y = tuple(map(float, body["x"])), tuple(map(float, body["y"]))
        if body["method"] == "isotonic" and (len(x) != len(y) or any(np.diff(x) < 0) or any(np.diff(y) < 0)):
            raise ModelRefused("calibration.json: an isotonic curve must rise and have as many y as x")
        return cls(body["method"], x, y)


def _logit(raw: np.ndarray) -> np.ndarray:
    clipped = np.clip(raw, 1e-7, 1 - 1e-7)
    return np.log(clipped / (1 - clipped))


def fit_platt(raw: np.ndarray, label: np.ndarray) -> Calibration:
    """Two-number logistic calibration; a slope below 0.05 would flatten the ranking, so it is kept above."""
    from sklearn.linear_model import LogisticRegression

    if not 0 < label.mean() < 1:
        return Calibration("platt", (1.0, 0.0))
    fitted = LogisticRegression(C=1e6, max_iter=1000).fit(_logit(raw).reshape(-1, 1), label > 0)
    return Calibration("platt", (max(float(fitted.coef_[0, 0]), 0.05), float(fitted.intercept_[0])))


def fit_isotonic(raw: np.ndarray, label: np.ndarray) -> Calibration:
    """Monotone step calibration, for validation sets with many events."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(raw.astype(np.float64), label)
    return Calibration("isotonic", tuple(map(float, fitted.X_thresholds_)), tuple(map(float, fitted.y_thresholds_)))


def fit_ratio(raw: np.ndarray, label: np.ndarray) -> Calibration:
    """One factor that makes predicted counts add up to those seen."""
    total = float(raw.sum())
    return Calibration("ratio", (float(label.sum()) / total if total > 0 and label.sum() > 0 else 1.0,))


def choose_calibration(raw: np.ndarray, label: np.ndarray, objective: str) -> tuple[Calibration, np.ndarray]:
    """The calibration for all rows, and scores calibrated by the half that did not see them (for honest figures).

    Platt and isotonic compete by log loss over the two halves; counts use one factor.
    """
    half = np.arange(raw.size) % 2 == 0
    if objective != "binary":
        return fit_ratio(raw, label), _cross_fitted(fit_ratio, raw, label, half)
    platt, isotonic = (_cross_fitted(fit, raw, label, half) for fit in (fit_platt, fit_isotonic))
    if log_loss(label, isotonic) < log_loss(label, platt):
        return fit_isotonic(raw, label), isotonic
    return fit_platt(raw, label), platt


def _cross_fitted(fit, raw: np.ndarray, label: np.ndarray, half: np.ndarray) -> np.ndarray:
    scores = np.empty(raw.size, dtype=np.float64)
    for seen in (half, ~half):
        scores[~seen] = fit(raw[seen], label[seen]).apply(raw[~seen])
    return scores
