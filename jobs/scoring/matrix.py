"""Published snapshots of the customer view as training rows: features known at the cut-off, labels of the days after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from conf.models import ModelsConfig
from jobs.lakehouse.lake import Lake
from models.errors import NotEnoughHistory
from models.features import SNAPSHOT_DATE, population_mask

CUSTOMER_360 = "gold.customer_360"


@dataclass(frozen=True)
class CutOffs:
    """The earlier snapshots train, newest first; the last one judges."""

    train: tuple[date, ...]
    validation: date

    @property
    def all(self) -> tuple[date, ...]:
        """Every snapshot of the training, newest first."""
        return (self.validation, *self.train)


def choose_cut_offs(lake: Lake, config: ModelsConfig, training_date: date) -> CutOffs:
    """The latest snapshot whose label window has passed judges; those far enough before it and each other train."""
    present = lake.dates(CUSTOMER_360)
    mature = sorted((day for day in present if day + timedelta(days=config.label_days) <= training_date), reverse=True)
    chosen = _spread(mature, config)
    if len(chosen) < 2:
        raise NotEnoughHistory(
            f"training on {training_date}: {CUSTOMER_360} has snapshots {', '.join(map(str, present)) or 'none'}\n"
            f"  wanted: two of them {config.cut_offs.gap_days} days apart, the later at least {config.label_days} days ago\n"
            "  to do:  build the customer view for such dates (initial_load.snapshot_dates), then train again"
        )
    return CutOffs(train=tuple(chosen[1:]), validation=chosen[0])


def _spread(mature: list[date], config: ModelsConfig) -> list[date]:
    """The newest date, then the newest whose label window ends before it and that lies the gap before the last chosen."""
    chosen: list[date] = []
    for day in mature:
        is_known = not chosen or day + timedelta(days=config.label_days) <= chosen[0]
        is_apart = not chosen or day + timedelta(days=config.cut_offs.gap_days) <= chosen[-1]
        if is_known and is_apart and len(chosen) < config.cut_offs.count:
            chosen.append(day)
    return chosen


def read_snapshot(lake: Lake, config: ModelsConfig, cut_off: date, max_rows: int) -> pa.Table:
    """Columns any model reads, for one snapshot date, sorted by subscription; more than `max_rows` are thinned evenly."""
    wanted = {"subscription_id", SNAPSHOT_DATE, *config.feature_columns, *config.population_columns}
    table = lake.arrow(CUSTOMER_360, filters=[(SNAPSHOT_DATE, "=", cut_off)], columns=sorted(wanted))
    table = table.sort_by("subscription_id")
    if table.num_rows <= max_rows:
        return table
    return table.take(np.linspace(0, table.num_rows - 1, max_rows).astype(np.int64))


def labelled_rows(
    config: ModelsConfig, model_name: str, snapshot: pa.Table, labels: pa.Table
) -> tuple[pa.Table, np.ndarray]:
    """Rows of the model's population with their label; rows whose label is null are left out, rows without one had no event."""
    mask = population_mask(config.models[model_name].population, snapshot)
    rows = snapshot.filter(pa.array(mask))
    place = pc.index_in(rows["subscription_id"], value_set=labels["subscription_id"])
    known = pc.take(labels["label"], place)
    has_row = pc.is_valid(place).to_numpy()
    label = np.where(has_row, pc.cast(known, pa.float64()).to_numpy(), 0.0)
    keep = ~np.isnan(label)
    return rows.filter(pa.array(keep)), label[keep]
