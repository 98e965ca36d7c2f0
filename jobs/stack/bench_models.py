"""Champions for a benchmark: real trainings on a sample of the town's own view, with outcomes drawn by a planted rule.

The town has no outcomes yet. What scoring costs depends on features, trees and rows, and these are real; the scores mean nothing.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from conf.dates import DateRange
from conf.models import ModelsConfig, ModelSpec, load_models
from conf.settings import Settings
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.places import table_place
from jobs.lakehouse.run import Run
from jobs.scoring import challenger, promoted
from jobs.scoring.challenger import Candidate
from jobs.scoring.matrix import CUSTOMER_360, CutOffs, read_snapshot
from models.drift import nulls_of, profiles_of
from models.features import FeatureContract, encode, fit_contract, population_mask
from models.training import Recipe, TrainingSet, run_contest

SAMPLE_ROWS = 20_000
EVENT_SHARE = 0.10
RULE_FEATURES, RULE_WEIGHT = 6, 0.8
REASON = "a benchmark's model: its outcomes were drawn by a planted rule"


def train_on_sample(settings: Settings, day: date, rows: int = SAMPLE_ROWS) -> int:
    """Train and promote every model on a sample of the view of a day; returns how many."""
    config = load_models()
    lake = Lake(None, settings, Run(promoted.STAGE, DateRange(day, day), settings))  # type: ignore[arg-type]
    snapshot = read_snapshot(lake, config, day, rows)
    for number, name in enumerate(config.models):
        candidate = _candidate(settings, config, name, snapshot, day, np.random.default_rng(number))
        row = challenger.decide_and_register(settings, candidate, config)
        decided = {"verdict": promoted.PROMOTED, "reason": REASON}
        promoted.record(settings, row | decided, lake.run.run_id)
    return len(config.models)


def _candidate(
    settings: Settings, config: ModelsConfig, name: str, snapshot: pa.Table, day: date, rng: np.random.Generator
) -> Candidate:
    spec = config.models[name]
    rows = snapshot.filter(pa.array(population_mask(spec.population, snapshot)))
    contract = fit_contract(name, config.features_of(name), rows, config.min_category_rows)
    matrix = encode(contract, rows, settings.time_zone)
    label, who = _outcomes(matrix, spec, rng), np.arange(rows.num_rows)
    half = rows.num_rows // 2
    train = TrainingSet(matrix[:half], label[:half], who[:half])
    validation = TrainingSet(matrix[half:], label[half:], who[half:])
    contract = _with_profiles(contract, matrix, rows, config)
    contest = run_contest(contract, train, validation, _recipe(settings, config, spec))
    return Candidate(
        name,
        spec,
        contest,
        train,
        validation,
        CutOffs((day - timedelta(days=config.label_days),), day),
        day,
        day,
        table_place(settings, CUSTOMER_360).for_delta_rs,
        0,
    )


def _with_profiles(
    contract: FeatureContract, matrix: np.ndarray, rows: pa.Table, config: ModelsConfig
) -> FeatureContract:
    nulls = nulls_of(contract, rows)
    return contract.with_profiles(
        profiles_of(contract, matrix, {name: nulls[name] for name in contract.levels}, config.drift.bins)
    )


def _outcomes(matrix: np.ndarray, spec: ModelSpec, rng: np.random.Generator) -> np.ndarray:
    """Outcomes by a logistic rule over the ranks of a few features, as often as a rare event; counts where counts are foretold."""
    varied = [column for column in matrix.T if np.unique(column[~np.isnan(column)]).size > 1]
    chosen = [varied[place] for place in rng.permutation(len(varied))[:RULE_FEATURES]]
    rule = np.zeros(len(matrix))
    for column in chosen:
        ranks = np.argsort(np.argsort(np.nan_to_num(column, nan=0.0), kind="stable")) / max(len(column) - 1, 1)
        rule += RULE_WEIGHT * rng.choice([-1, 1]) * (2 * ranks - 1) * 2
    odds = np.exp(rule) * EVENT_SHARE / (1 - EVENT_SHARE)
    chance = odds / (1 + odds)
    if spec.objective == "poisson":
        return rng.poisson(2 * chance).astype(float)
    return (rng.random(len(matrix)) < chance).astype(float)


def _recipe(settings: Settings, config: ModelsConfig, spec: ModelSpec) -> Recipe:
    training = settings.training
    return Recipe(
        objective=spec.objective,
        lightgbm=config.lightgbm,
        folds=config.folds,
        seed=training.seed,
        threads=1,
        max_rounds=training.max_rounds,
        screening=config.screening,
    )
