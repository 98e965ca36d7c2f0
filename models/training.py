"""A small contest in the order of time: regularised LightGBM against a linear model as its honest floor."""

from __future__ import annotations

from dataclasses import dataclass, replace

import lightgbm as lgb
import numpy as np
import pyarrow as pa

from conf.models import LightgbmSpec, Screening
from models import metrics
from models.artifact import Bundle
from models.calibration import Calibration, choose_calibration
from models.features import FeatureContract, extended
from models.interactions import find_crosses
from models.linear import LinearModel

METRIC_OF = {"binary": "binary_logloss", "poisson": "poisson"}


@dataclass(frozen=True)
class TrainingSet:
    """Encoded rows of one or more cut-offs: features known at the cut-off, labels of the days after, whose row it is.

    `who` numbers the subscriptions, the same in all snapshots of a contest: folds keep each on one side.
    """

    matrix: np.ndarray
    label: np.ndarray
    who: np.ndarray

    def part(self, places: np.ndarray) -> TrainingSet:
        """Some of the rows."""
        return TrainingSet(self.matrix[places], self.label[places], self.who[places])

    @property
    def events(self) -> int:
        """Rows with at least one event."""
        return int((self.label > 0).sum())


@dataclass(frozen=True)
class Recipe:
    """What a contest may use."""

    objective: str
    lightgbm: LightgbmSpec
    folds: int
    seed: int
    threads: int
    max_rounds: int
    screening: Screening


@dataclass(frozen=True)
class Contest:
    """Outcome: the model refitted on all cut-offs, figures of the later cut-off, and its rival's."""

    bundle: Bundle
    contract: FeatureContract
    parameters: dict[str, float | int | str]
    rounds: int
    figures: dict[str, float]
    linear: dict[str, float]
    validation_label: np.ndarray
    validation_score: np.ndarray
    importance: dict[str, float]
    feature_aucs: dict[str, float]

    @property
    def cost(self) -> int:
        """Leaves of all trees: the work of scoring one row, independent of the machine."""
        return scoring_cost(self.bundle.model_text)


def scoring_cost(model_text: str) -> int:
    """Leaves of all trees of a text model."""
    return sum(int(line[11:]) for line in model_text.splitlines() if line.startswith("num_leaves="))


def run_contest(contract: FeatureContract, train: TrainingSet, validation: TrainingSet, recipe: Recipe) -> Contest:
    """Choose parameters and rounds inside the earlier cut-offs, judge on the last one, then refit on all."""
    crosses = find_crosses(contract, train.matrix, train.label, recipe.objective, recipe.screening)
    plain, contract = contract, contract.with_crosses(crosses)
    linear = _judge_linear(plain, train, validation, recipe)
    train, validation = (replace(rows, matrix=extended(contract, rows.matrix)) for rows in (train, validation))
    grid = [_parameters(recipe, choice) for choice in recipe.lightgbm.grid]
    rows = _dataset(contract, train)  # once: its bins hang on nothing the grid varies
    tried = [_cross_validate(rows, _folds(train, recipe), parameters, recipe) for parameters in grid]
    best = min(range(len(grid)), key=lambda place: tried[place][0])
    parameters, rounds = grid[best], tried[best][1]
    judged = lgb.train(parameters, rows, num_boost_round=max(rounds, 1))
    raw = np.asarray(judged.predict(validation.matrix, num_threads=1))
    _, honest = choose_calibration(raw, validation.label, recipe.objective)
    figures = metrics.evaluate(validation.label, honest, recipe.objective)
    figures["auc"] = metrics.roc_auc(validation.label, raw)  # halves calibrated apart would blur the ranking
    figures["spearman"] = metrics.evaluate(validation.label, raw, "poisson")["spearman"]
    joined = _joined(train, validation)
    final = _fit(contract, joined, parameters, rounds)
    unseen = _out_of_fold(contract, joined, parameters, rounds, recipe)
    calibration, _ = choose_calibration(unseen, joined.label, recipe.objective)
    return Contest(
        bundle=_bundle(final, contract, calibration),
        contract=contract,
        parameters=parameters,
        rounds=rounds,
        figures=figures,
        linear=linear,
        validation_label=validation.label,
        validation_score=honest,
        importance=dict(zip(contract.names, map(float, final.feature_importance("gain")), strict=True)),
        feature_aucs=metrics.single_feature_aucs(train.matrix, train.label, contract.names),
    )


def _parameters(recipe: Recipe, choice: dict[str, float | int]) -> dict[str, float | int | str]:
    fixed: dict[str, float | int | str] = {
        "objective": recipe.objective,
        "metric": METRIC_OF[recipe.objective],
        "seed": recipe.seed,
        "num_threads": recipe.threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
        "feature_pre_filter": False,
    }
    return {**recipe.lightgbm.base, **choice, **fixed}


def _dataset(contract: FeatureContract, rows: TrainingSet) -> lgb.Dataset:
    return lgb.Dataset(
        rows.matrix,
        label=rows.label,
        feature_name=contract.names,
        categorical_feature=contract.categorical_positions,
        free_raw_data=False,
        params={"verbosity": -1},
    )


def _fit(contract: FeatureContract, rows: TrainingSet, parameters: dict, rounds: int) -> lgb.Booster:
    return lgb.train(parameters, _dataset(contract, rows), num_boost_round=max(rounds, 1))


def _cross_validate(
    rows: lgb.Dataset, folds: list[tuple[np.ndarray, np.ndarray]], parameters: dict, recipe: Recipe
) -> tuple[float, int]:
    """Mean loss over folds and the rounds that reach it."""
    spec = recipe.lightgbm
    outcome = lgb.cv(
        parameters,
        rows,
        num_boost_round=recipe.max_rounds,
        folds=folds,
        callbacks=[lgb.early_stopping(spec.early_stopping_rounds, verbose=False)],
    )
    curve = np.asarray(next(values for name, values in outcome.items() if name.endswith("-mean")))
    place = int(np.argmin(curve))
    return float(curve[place]), place + 1


def _out_of_fold(
    contract: FeatureContract, rows: TrainingSet, parameters: dict, rounds: int, recipe: Recipe
) -> np.ndarray:
    """Raw score of every row by a model of the same making that never saw its subscription."""
    scores = np.empty(rows.label.size)
    for seen, judged in _folds(rows, recipe):
        booster = _fit(contract, rows.part(seen), parameters, rounds)
        scores[judged] = booster.predict(rows.matrix[judged], num_threads=1)
    return scores


def _folds(rows: TrainingSet, recipe: Recipe) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds with equal shares of subscriptions that had an event, dealt by the seed; all rows of one are in one fold."""
    numbers, place = np.unique(rows.who, return_inverse=True)
    had_event = np.bincount(place, weights=rows.label > 0) > 0
    shuffled = np.random.default_rng(recipe.seed).permutation(numbers.size)
    part = np.empty(numbers.size, dtype=np.int64)
    part[shuffled[np.argsort(had_event[shuffled], kind="stable")]] = np.arange(numbers.size) % recipe.folds
    fold_of = part[place]
    return [(np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)) for fold in range(recipe.folds)]


def _joined(first: TrainingSet, second: TrainingSet) -> TrainingSet:
    pairs = ((first.matrix, second.matrix), (first.label, second.label), (first.who, second.who))
    return TrainingSet(*(np.concatenate(pair) for pair in pairs))


def _bundle(booster: lgb.Booster, contract: FeatureContract, calibration: Calibration) -> Bundle:
    return Bundle(booster.model_to_string(), contract.to_json(), calibration.to_json())


def _judge_linear(
    contract: FeatureContract, train: TrainingSet, validation: TrainingSet, recipe: Recipe
) -> dict[str, float]:
    rival = LinearModel(contract, recipe.objective).fit(train.matrix, train.label)
    score = rival.predict(validation.matrix)
    return metrics.evaluate(validation.label, score, recipe.objective)


def typical_row(contract: FeatureContract, matrix: np.ndarray) -> pa.Table:
    """One made-up matrix row of medians: an input example that belongs to nobody."""
    whole = extended(contract, matrix)
    filled = np.where(np.isnan(whole), 0.0, whole)
    middle = np.median(filled, axis=0) if len(filled) else np.zeros(len(contract.names))
    return pa.table({name: [float(value)] for name, value in zip(contract.names, middle, strict=True)})
