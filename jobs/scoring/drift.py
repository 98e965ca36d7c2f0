"""Before a night is scored: whether its features still look like those each champion was trained on; who does not fit stands back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from conf.dates import DateRange
from conf.models import DriftRules
from jobs.lakehouse import alerts
from jobs.lakehouse.lake import Lake
from jobs.scoring.matrix import CUSTOMER_360
from jobs.scoring.partitions import ScoringModel
from models.artifact import Predictor
from models.drift import Shift, Tonight, nulls_of
from models.features import SNAPSHOT_DATE, FeatureContract, encode, population_mask

EVENT = "FEATURE_DRIFT"
READ_ROWS = 20_000  # of one batch read: memory stays flat however large the base is


@dataclass(frozen=True)
class DriftResult:
    """One champion on one night: features that moved enough to be told, and those that moved too far to score."""

    model: ScoringModel
    day: date
    rows: int
    warned: list[Shift]
    refused: list[Shift]


def fit_for(lake: Lake, models: list[ScoringModel], dates: DateRange, rules: DriftRules) -> list[ScoringModel]:
    """The champions whose features are as they were in training, on every date; the others are told and left out.

    A sample of the snapshots is read without Spark. Each model that moved raises one alert FEATURE_DRIFT a night.
    """
    verdicts = [verdict for day in dates for verdict in judge(lake, models, day, rules)]
    for verdict in verdicts:
        lake.run.fact(
            "FEATURES_COMPARED",
            model=verdict.model.name,
            rows=verdict.rows,
            warned=len(verdict.warned),
            refused=len(verdict.refused),
        )
        if verdict.warned or verdict.refused:
            _tell(lake, verdict)
    out = {verdict.model.name for verdict in verdicts if verdict.refused}
    return [model for model in models if model.name not in out]


def judge(lake: Lake, models: list[ScoringModel], day: date, rules: DriftRules) -> list[DriftResult]:
    """A verdict a champion on one snapshot of the customer view; a snapshot without rows gives none.

    Only a feature that some tree splits on can refuse: the others cannot move a score, and are told.
    """
    predictors = [Predictor(model.bundle) for model in models]
    contracts = [predictor.contract for predictor in predictors]
    nights = [Tonight(contract) for contract in contracts]
    for batch in sample(lake, models, day, rules.sample_rows):
        for model, contract, night in zip(models, contracts, nights, strict=True):
            _count(batch, model, contract, night)
    found = []
    for model, predictor, night in zip(models, predictors, nights, strict=True):
        shifts, used = night.shifts(rules), predictor.used_features
        refused = [shift for shift in shifts if shift.is_beyond(rules.refuse) and shift.feature in used]
        warned = [shift for shift in shifts if shift.is_beyond(rules.warn) and shift not in refused]
        found.append(DriftResult(model, day, night.rows, warned, refused))
    return found if any(verdict.rows for verdict in found) else []


def _count(batch: pa.RecordBatch, model: ScoringModel, contract: FeatureContract, night: Tonight) -> None:
    rows = batch.filter(pa.array(population_mask(model.population, batch)))
    night.add(encode(contract, rows, model.time_zone), nulls_of(contract, rows))


def sample(lake: Lake, models: list[ScoringModel], day: date, most_rows: int) -> Iterator[pa.RecordBatch]:
    """Live rows of one snapshot with the columns the champions read, thinned evenly to about `most_rows`."""
    dataset, on_day = lake.dataset(CUSTOMER_360), pc.field(SNAPSHOT_DATE) == day
    is_asked_for = on_day & pc.field("is_live")
    columns = sorted({SNAPSHOT_DATE}.union(*(model.columns for model in models)))
    step = max(1, -(-dataset.count_rows(filter=on_day) // most_rows))
    seen = 0
    for batch in dataset.scanner(columns=columns, filter=is_asked_for, batch_size=READ_ROWS).to_batches():
        places = np.arange(-seen % step, batch.num_rows, step)
        seen += batch.num_rows
        if places.size:
            yield batch.take(pa.array(places))


def _tell(lake: Lake, verdict: DriftResult) -> None:
    shown = verdict.refused or verdict.warned
    outcome = "is not scored tonight: features moved too far" if verdict.refused else "is scored, but features moved"
    text = f"model {verdict.model.name} {outcome} from what it was trained on: " + ", ".join(map(str, shown[:5]))
    alerts.raise_alert(
        lake.settings,
        EVENT,
        verdict.day,
        text + ("" if len(shown) <= 5 else f" and {len(shown) - 5} more"),
        model=verdict.model.name,
        model_version=verdict.model.version,
        outcome="REFUSED" if verdict.refused else "WARNED",
        features=",".join(shift.feature for shift in shown),
        to_do="look at the feeds behind these features; if the change is meant, train anew",
    )
