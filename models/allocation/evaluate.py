"""The per-customer step: every customer solved at given prices, summed over fixed blocks in a fixed order."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.allocation import kernels
from models.allocation.canonical import CUSTOMERS_PER_BLOCK, Canonical
from models.allocation.problem import Floats

Prices = tuple[Floats, Floats, Floats]
BlockSums = tuple[Floats, Floats]
"""(blocks, 3) sums of bound, worth and unproven customers, and (3, blocks, a) contacts, sales and value."""

BlockStep = Callable[[Prices], BlockSums]
"""What a distributed caller provides: the block sums of the whole problem at given prices."""

StepFactory = Callable[[Canonical], BlockStep]
"""Given the canonical problem, how to run the per-customer step elsewhere (for instance in Spark partitions)."""


@dataclass(frozen=True)
class Evaluation:
    """All customers solved at one price vector: proven bound of the customers' part, and (3, a) sums of their plan."""

    bound: float
    worth: float
    unproven: int
    stats: Floats


def evaluate_range(
    first: int, last: int, canonical: Canonical, prices: Prices, sums: BlockSums, chosen: npt.NDArray[np.uint8]
) -> None:
    """Solve the customers of blocks first..last-1 and write their sums into rows of `sums` that start at `first`."""
    kernels.evaluate_blocks(
        first,
        last,
        CUSTOMERS_PER_BLOCK,
        canonical.table,
        canonical.conflict,
        canonical.caps,
        prices,
        sums[0],
        sums[1],
        chosen,
    )


def empty_sums(n_blocks: int, n_activities: int) -> BlockSums:
    """Zeroed sums for so many blocks and activities."""
    return np.zeros((n_blocks, 3)), np.zeros((3, n_blocks, n_activities))


def in_fixed_order(sums: BlockSums) -> Evaluation:
    """Add block sums up one after the other, so that the same blocks give the same bits wherever they were solved."""
    totals = np.cumsum(sums[0], axis=0)[-1] if len(sums[0]) else np.zeros(3)
    stats = np.cumsum(sums[1], axis=1)[:, -1] if len(sums[0]) else np.zeros((3, sums[1].shape[2]))
    magnitude = float(np.abs(sums[0][:, 0]).sum())
    # Rounding of the sums themselves: a few thousand additions of positive terms, far inside this margin.
    return Evaluation(float(totals[0]) + 1e-12 * magnitude, float(totals[1]), int(totals[2]), stats)


class LocalStep:
    """The per-customer step on this machine, spread over threads by whole blocks."""

    def __init__(self, canonical: Canonical, threads: int) -> None:
        self.canonical = canonical
        self.threads = max(1, min(threads, canonical.n_blocks))
        self.pool = ThreadPoolExecutor(self.threads)

    def __call__(self, prices: Prices) -> BlockSums:
        """Solve all customers at the prices and return the block sums."""
        return self._run(prices, np.empty(0, dtype=np.uint8))

    def plan(self, prices: Prices) -> npt.NDArray[np.uint8]:
        """Solve all customers at the prices and return one byte a pair: chosen or not."""
        chosen = np.zeros(self.canonical.n_pairs, dtype=np.uint8)
        self._run(prices, chosen)
        return chosen

    def _run(self, prices: Prices, chosen: npt.NDArray[np.uint8]) -> BlockSums:
        n_blocks = self.canonical.n_blocks
        sums = empty_sums(n_blocks, self.canonical.n_activities)
        if self.threads == 1:
            evaluate_range(0, n_blocks, self.canonical, prices, sums, chosen)
            return sums
        step = max(1, n_blocks // (8 * self.threads))
        cuts = [(first, min(first + step, n_blocks)) for first in range(0, n_blocks, step)]
        done = [self.pool.submit(evaluate_range, a, b, self.canonical, prices, sums, chosen) for a, b in cuts]
        for future in done:
            future.result()
        return sums
