"""The honest floor of every contest: a linear model on the same rows, as well prepared as such a model can be."""

from __future__ import annotations

import numpy as np

from models.features import FeatureContract


class LinearModel:
    """Imputed with medians, standardised, one-hot levels, ridge-regularised logistic (or Poisson) regression."""

    def __init__(self, contract: FeatureContract, objective: str):
        from sklearn.compose import ColumnTransformer
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression, PoissonRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        categorical = contract.categorical_positions
        numeric = [place for place in range(len(contract.names)) if place not in set(categorical)]
        prepared = ColumnTransformer(
            [
                (
                    "numeric",
                    make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()),
                    numeric,
                ),
                (
                    "levels",
                    make_pipeline(
                        SimpleImputer(strategy="constant", fill_value=-1.0, keep_empty_features=True),
                        OneHotEncoder(handle_unknown="ignore"),
                    ),
                    categorical,
                ),
            ]
        )
        model = (
            LogisticRegression(C=0.1, max_iter=500)
            if objective == "binary"
            else PoissonRegressor(alpha=0.1, max_iter=300)
        )
        self._pipeline, self._is_binary = make_pipeline(prepared, model), objective == "binary"
        self._constant: float | None = None

    def fit(self, matrix: np.ndarray, label: np.ndarray) -> LinearModel:
        """Fit on encoded rows; labels all alike give a constant."""
        target = label > 0 if self._is_binary else label
        if np.ptp(label) == 0:
            self._constant = float(label.mean()) if label.size else 0.0
        else:
            self._pipeline.fit(matrix.astype(np.float64), target)
        return self

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Probability of an event, or expected count."""
        if self._constant is not None:
            return np.full(matrix.shape[0], self._constant)
        wide = matrix.astype(np.float64)
        return self._pipeline.predict_proba(wide)[:, 1] if self._is_binary else self._pipeline.predict(wide)
