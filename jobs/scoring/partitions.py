"""What runs inside Spark's Python workers: text models captured by value, one load a partition, batches in, scores out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from conf.models import Population, columns_of
from models.artifact import Bundle, Predictor, check_texts
from models.features import SNAPSHOT_DATE, encode, population_mask

SCORED_SCHEMA = (
    "subscription_id string, snapshot_date date, model_name string, raw_score double, score double, "
    "model_version int, model_sha256 string"
)
SCORED = pa.schema(
    [
        ("subscription_id", pa.string()),
        ("snapshot_date", pa.date32()),
        ("model_name", pa.string()),
        ("raw_score", pa.float64()),
        ("score", pa.float64()),
        ("model_version", pa.int32()),
        ("model_sha256", pa.string()),
    ]
)


@dataclass(frozen=True)
class ScoringModel:
    """One verified champion, whom it speaks about, and the operator's time zone."""

    name: str
    version: int
    sha256: str
    population: Population
    bundle: Bundle
    time_zone: str

    @cached_property
    def columns(self) -> set[str]:
        """Columns of customer_360 its features and its population read."""
        contract, _ = check_texts(self.bundle)
        features = {column for feature in contract.features for column in feature.columns}
        return features | columns_of(self.population)


def score_partitions(models: list[ScoringModel]) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function Spark maps over Arrow batches; the models travel as text."""

    def score_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        ready = [(model, Predictor(model.bundle)) for model in models]
        for batch in batches:
            for model, predictor in ready:
                scored = score_batch(batch, model, predictor)
                if scored.num_rows:
                    yield scored

    return score_batches


def score_batch(batch: pa.RecordBatch, model: ScoringModel, predictor: Predictor) -> pa.RecordBatch:
    """Scores of one batch's rows that belong to the model's population, in their order."""
    rows = batch.filter(pa.array(population_mask(model.population, batch)))
    raw = predictor.predict_raw(encode(predictor.contract, rows, model.time_zone))
    return pa.record_batch(
        [
            rows.column("subscription_id").cast(pa.string()),
            rows.column(SNAPSHOT_DATE),
            pa.array([model.name] * rows.num_rows, pa.string()),
            pa.array(raw, pa.float64()),
            pa.array(predictor.calibration.apply(np.asarray(raw, dtype=np.float64)), pa.float64()),
            pa.array([model.version] * rows.num_rows, pa.int32()),
            pa.array([model.sha256] * rows.num_rows, pa.string()),
        ],
        schema=SCORED,
    )
