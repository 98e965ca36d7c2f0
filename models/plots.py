"""Charts a model owner expects beside a version: calibration, lift by decile, most important features."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.metrics import decile_lift, reliability_table

SHOWN_FEATURES = 20


def calibration_chart(label: np.ndarray, score: np.ndarray, title: str) -> Any:
    """Mean score against mean outcome by tenth of the ranking; the diagonal is perfect."""
    table = reliability_table(label, score)
    figure, axes = _chart(f"{title}: calibration", "mean score", "share with the event")
    scores, outcomes = [row["score"] for row in table], [row["outcome"] for row in table]
    top = max([*scores, *outcomes, 1e-6])
    axes.plot([0, top], [0, top], color="grey", linestyle="--", label="perfect")
    axes.plot(scores, outcomes, marker="o", label="model")
    axes.legend()
    return figure


def lift_chart(label: np.ndarray, score: np.ndarray, title: str) -> Any:
    """Outcome rate of each tenth of the ranking over the overall rate."""
    figure, axes = _chart(f"{title}: lift by decile", "decile, 1 = highest scores", "times the overall rate")
    axes.bar(range(1, 11), decile_lift(label, score))
    axes.axhline(1.0, color="grey", linestyle="--")
    return figure


def importance_chart(importance: dict[str, float], title: str) -> Any:
    """Gain of the most important features."""
    figure, axes = _chart(f"{title}: features by gain", "share of gain", "")
    total = sum(importance.values()) or 1.0
    top = sorted(importance.items(), key=lambda item: -item[1])[:SHOWN_FEATURES][::-1]
    axes.barh([name for name, _ in top], [gain / total for _, gain in top])
    figure.tight_layout()
    return figure


def _chart(title: str, x: str, y: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), dpi=80)
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes
