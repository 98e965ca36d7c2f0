"""Campaigns: the two finished ones of the history, and the answers to lists exported by closedloop."""

from __future__ import annotations

import numpy as np
import polars as pl

from simulator import clock
from simulator.life import Changes
from simulator.usage import Day


def play_history(now: Day, changes: Changes) -> None:
    """Contacts and answers of the finished campaigns on a day."""


def answer_lists(now: Day, changes: Changes, lists: pl.DataFrame, visitors: dict[str, np.ndarray]) -> None:
    """What customers do about the lists planned for today."""
