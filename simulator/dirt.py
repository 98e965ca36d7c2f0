"""Planted dirt (domain rules 2.12): rows that break one rule each, counted in the answer key."""

from __future__ import annotations

import numpy as np
import polars as pl

from conf.feeds import Feed
from simulator.extract import Delivery
from simulator.facts import Facts


def plant(feed: Feed, delivery: Delivery, facts: Facts, rng: np.random.Generator, day: int) -> pl.DataFrame | None:
    """Dirty rows for a delivery."""
    return None
