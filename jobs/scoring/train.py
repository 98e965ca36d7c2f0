"""Weekly training: labels and point-in-time features of published snapshots, one contest a model, promotion with its reason."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from conf.dates import DateRange
from conf.models import ModelsConfig, ModelSpec, load_models
from conf.settings import Settings
from jobs.lakehouse import faults
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.places import table_place
from jobs.lakehouse.run import Run
from jobs.scoring import challenger, promoted
from jobs.scoring.challenger import Candidate
from jobs.scoring.labels import Window, read_labels
from jobs.scoring.matrix import CUSTOMER_360, CutOffs, choose_cut_offs, labelled_rows, read_snapshot
from models.drift import nulls_of, profiles_of
from models.features import FeatureContract, encode, fit_contract
from models.training import Recipe, TrainingSet, run_contest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MANY_ROWS = (
    200_000  # below, one thread: OpenMP waits busily, and on shared cores two threads took 27 times as long as one
)


@dataclass(frozen=True)
class Material:
    """What all models of one training share."""

    lake: Lake
    settings: Settings
    config: ModelsConfig
    dates: DateRange
    cut_offs: CutOffs
    snapshots: dict[date, pa.Table]


@dataclass(frozen=True)
class TooFewEvents:
    """Rows of a model that is not trained, because too little happened."""

    train: TrainingSet
    validation: TrainingSet


def run(spark: SparkSession, settings: Settings, dates: DateRange) -> dict:
    """Train every model as of the last date of the range; returns verdict, AUC and linear AUC of each.

    Features come from published snapshots of gold.customer_360, labels from silver as known by that date. A training that
    gives the same files again registers nothing and leaves its row of ops.model_run as it is.
    """
    # Read
    material = read_material(spark, settings, dates)

    # Transform and register
    rows = [_decided(material, name, found) for name, found in _contests(material).items()]

    # Write
    for row in rows:
        faults.point(f"{promoted.MODEL_RUN}.before_commit")
        promoted.record(settings, row, material.lake.run.run_id)
    material.lake.flush_metrics()
    return _summary(rows)


def _summary(rows: list[dict]) -> dict:
    verdicts = [row["verdict"] for row in rows]
    counts = {verdict.lower(): verdicts.count(verdict) for verdict in ("PROMOTED", "REFUSED", "UNCHANGED")}
    figures = {
        f"{row['model_name']}_{figure}": round(row[figure], 4) for row in rows for figure in ("auc", "logistic_auc")
    }
    refusals = {f"{row['model_name']}_refused": row["reason"] for row in rows if row["verdict"] == "REFUSED"}
    return {**counts, **figures, **refusals}


def read_material(spark: SparkSession, settings: Settings, dates: DateRange) -> Material:
    """Configuration and the snapshots every model is trained and judged on."""
    config = load_models()
    lake = Lake(spark, settings, Run("training", dates, settings))
    cut_offs = choose_cut_offs(lake, config, dates.last)
    most = {day: settings.training.max_rows // len(cut_offs.train) for day in cut_offs.train}
    most[cut_offs.validation] = settings.training.max_rows
    snapshots = {day: read_snapshot(lake, config, day, most[day]) for day in cut_offs.all}
    return Material(lake, settings, config, dates, cut_offs, snapshots)


def _contests(material: Material) -> dict[str, Candidate | TooFewEvents]:
    """The outcome of each model in their order; small models side by side, each on one thread, large ones one after the other."""
    names = list(material.config.models)
    with ThreadPoolExecutor(1 if _is_large(material) else material.settings.training.threads) as pool:
        return dict(zip(names, pool.map(partial(_contest, material), names), strict=True))


def _contest(material: Material, name: str) -> Candidate | TooFewEvents:
    contract, train, validation = read_rows(material, name)
    if min(train.events, validation.events) < material.config.models[name].thresholds.min_events:
        return TooFewEvents(train, validation)
    return train_model(material, name, contract, train, validation)


def _decided(material: Material, name: str, found: Candidate | TooFewEvents) -> dict:
    """The row of ops.model_run of one model; with too few events nothing was trained and the row says so."""
    if isinstance(found, Candidate):
        return challenger.decide_and_register(material.settings, found, material.config)
    spec, cut_offs = material.config.models[name], material.cut_offs
    row = challenger.untrained_row(name, spec, found.train, found.validation, cut_offs, material.dates.last)
    return {**row, "customer_360_version": int(material.lake.version(CUSTOMER_360) or 0)}


def read_rows(material: Material, name: str) -> tuple[FeatureContract, TrainingSet, TrainingSet]:
    """Feature contract and encoded, labelled rows for one model: those of the training cut-offs stacked, those that judge."""
    config, zone = material.config, material.settings.time_zone
    labels = _labels(material, name)
    parts = [labelled_rows(config, name, material.snapshots[day], labels[day]) for day in material.cut_offs.train]
    rows, label = pa.concat_tables([rows for rows, _ in parts]), np.concatenate([label for _, label in parts])
    judging = material.cut_offs.validation
    judge_rows, judge_label = labelled_rows(config, name, material.snapshots[judging], labels[judging])
    contract = fit_contract(name, config.features_of(name), rows, config.min_category_rows)
    who = _numbered(rows["subscription_id"], judge_rows["subscription_id"])
    train = TrainingSet(encode(contract, rows, zone), label, who[: label.size])
    validation = TrainingSet(encode(contract, judge_rows, zone), judge_label, who[label.size :])
    everyone = np.concatenate([train.matrix, validation.matrix])
    nulls = Counter(nulls_of(contract, rows)) + Counter(nulls_of(contract, judge_rows))
    profiles = profiles_of(contract, everyone, {name: nulls[name] for name in contract.levels}, config.drift.bins)
    return contract.with_profiles(profiles), train, validation


def _numbered(*columns: pa.ChunkedArray) -> np.ndarray:
    """One number a subscription, the same in all columns."""
    names = pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.string())
    return names.combine_chunks().dictionary_encode().indices.to_numpy()


def train_model(
    material: Material, name: str, contract: FeatureContract, train: TrainingSet, validation: TrainingSet
) -> Candidate:
    """One contest: train on the earlier snapshots, judge on the last one."""
    config, spec = material.config, material.config.models[name]
    contest = run_contest(contract, train, validation, _recipe(material, spec))
    material.lake.run.fact("MODEL_TRAINED", model=name, auc=contest.figures["auc"], linear_auc=contest.linear["auc"])
    return Candidate(
        name=name,
        spec=spec,
        contest=contest,
        train=train,
        validation=validation,
        cut_offs=material.cut_offs,
        label_end=Window.after(material.cut_offs.validation, config, material.dates.last).last,
        training_date=material.dates.last,
        table_path=table_place(material.settings, CUSTOMER_360).for_delta_rs,
        table_version=int(material.lake.version(CUSTOMER_360) or 0),
    )


def _labels(material: Material, name: str) -> dict[date, pa.Table]:
    windows = [Window.after(day, material.config, material.dates.last) for day in material.cut_offs.all]
    return read_labels(material.lake, material.config.models[name].label, windows)


def _is_large(material: Material) -> bool:
    return sum(snapshot.num_rows for snapshot in material.snapshots.values()) >= MANY_ROWS


def _recipe(material: Material, spec: ModelSpec) -> Recipe:
    training = material.settings.training
    return Recipe(
        objective=spec.objective,
        lightgbm=material.config.lightgbm,
        folds=material.config.folds,
        seed=training.seed,
        threads=training.threads if _is_large(material) else 1,
        max_rounds=training.max_rounds,
        screening=material.config.screening,
    )
