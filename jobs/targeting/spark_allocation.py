"""The optimiser's per-customer step in Spark partitions: same blocks, same sums, the same prices and plan to the bit."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from models.allocation.canonical import Canonical
from models.allocation.evaluate import BlockStep, BlockSums, Prices, StepFactory, empty_sums, evaluate_range

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = ("start", "activity", "value", "response")
RESULT_SCHEMA = "first long, totals binary, stats binary"
BLOCKS_A_PARTITION = 32


def _save(canonical: Canonical, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in COLUMNS:
        np.save(folder / f"{name}.npy", getattr(canonical, name))
    (folder / "rest.pickle").write_bytes(
        pickle.dumps((canonical.n_customers, canonical.conflict, canonical.caps, canonical.gain, canonical.rules))
    )


@lru_cache(maxsize=2)
def _load(folder: str) -> Canonical:
    """Map the arrays of a run into this worker; a worker that is reused reads them once."""
    columns = {name: np.asarray(np.load(Path(folder) / f"{name}.npy", mmap_mode="c")) for name in COLUMNS}
    n_customers, conflict, caps, gain, rules = pickle.loads((Path(folder) / "rest.pickle").read_bytes())
    return Canonical(
        n_customers=n_customers, order=None, conflict=conflict, caps=caps, gain=gain, rules=rules, **columns
    )


def _solve_rows(folder: str, prices: Prices, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """For each row (first block, block after the last) solve those customers and give back their block sums."""
    canonical = _load(folder)
    for batch in batches:
        rows = batch.to_pydict()
        found: dict[str, list[object]] = {"first": [], "totals": [], "stats": []}
        for first, last in zip(rows["first"], rows["last"], strict=True):
            sums = solve_blocks(canonical, first, last, prices)
            found["first"].append(first)
            found["totals"].append(sums[0].tobytes())
            found["stats"].append(sums[1].tobytes())
        yield pa.RecordBatch.from_pydict(
            found, schema=pa.schema([("first", pa.int64()), ("totals", pa.binary()), ("stats", pa.binary())])
        )


def solve_blocks(canonical: Canonical, first: int, last: int, prices: Prices) -> BlockSums:
    """Solve the customers of blocks first..last-1; the sums have one row a block, in order."""
    sums = empty_sums(canonical.n_blocks, canonical.n_activities)
    evaluate_range(first, last, canonical, prices, sums, np.empty(0, dtype=np.uint8))
    return sums[0][first:last].copy(), np.ascontiguousarray(sums[1][:, first:last])


def spark_step(spark: SparkSession, folder: Path) -> StepFactory:
    """Make the `step` that `solve` takes: arrays are written once to `folder`, which every worker can read.

    Each call runs one Spark job over ranges of blocks with mapInArrow and puts the block sums back in block order.
    """

    def make(canonical: Canonical) -> BlockStep:
        place = folder / f"run-{sum(1 for _ in folder.glob('run-*')) if folder.exists() else 0}"
        _save(canonical, place)
        n_blocks = canonical.n_blocks
        cuts = [(b, min(b + BLOCKS_A_PARTITION, n_blocks)) for b in range(0, n_blocks, BLOCKS_A_PARTITION)]
        ranges = spark.createDataFrame(cuts, "first long, last long").repartition(max(1, len(cuts)), "first")

        def step(prices: Prices) -> BlockSums:
            name = str(place)
            solved = ranges.mapInArrow(lambda batches: _solve_rows(name, prices, batches), RESULT_SCHEMA)
            totals, stats = empty_sums(n_blocks, canonical.n_activities)
            for row in solved.collect():
                part = np.frombuffer(row["totals"]).reshape(-1, totals.shape[1])
                here = slice(row["first"], row["first"] + len(part))
                totals[here] = part
                stats[:, here] = np.frombuffer(row["stats"]).reshape(len(stats), len(part), -1)
            return totals, stats

        return step

    return make
