"""Days and seconds as integers: day numbers count from 1970-01-01, 0 means "none"; files show yyyymmdd and yyyymmddhhmmss."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

NONE = 0
EPOCH = date(1970, 1, 1)
_FIRST = -15_000
_TABLE = np.array(
    [int((EPOCH + timedelta(days=number)).strftime("%Y%m%d")) for number in range(_FIRST, 26_000)], dtype=np.int64
)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def as_date(number: int) -> date:
    """The calendar date of a day number."""
    return EPOCH + timedelta(days=int(number))


def month_index(number: int) -> int:
    """Months since year 0: consecutive for consecutive months."""
    day = as_date(number)
    return day.year * 12 + day.month


def month_starts(number: int, months: int) -> list[int]:
    """First days of the month of a day and the months before it, `months` in all, oldest first."""
    starts = [as_date(number).replace(day=1)]
    while len(starts) < months:
        starts.insert(0, (starts[0] - timedelta(days=1)).replace(day=1))
    return [day_number(start) for start in starts]


def yyyymmdd(days: np.ndarray | int) -> pl.Series:
    """Dates as numbers like 20260310; null where there is none."""
    days = np.asarray(days)
    text = pl.Series(_TABLE[days.astype(np.int64) - _FIRST])
    return text.zip_with(pl.Series(days != NONE), pl.Series([None], dtype=pl.Int64).new_from_index(0, len(text)))


def datetime14(days: np.ndarray | int, seconds: np.ndarray) -> np.ndarray:
    """Instants as numbers like 20260310235959 of a day number and seconds of that day."""
    days, seconds = np.broadcast_arrays(np.asarray(days, dtype=np.int64), np.asarray(seconds, dtype=np.int64))
    clock = seconds // 3600 * 10_000 + seconds // 60 % 60 * 100 + seconds % 60
    return _TABLE[days - _FIRST] * 1_000_000 + clock


def _busy_seconds() -> np.ndarray:
    weight = np.array([2, 1, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 9, 8, 8, 9, 9, 10, 11, 12, 12, 10, 7, 4], dtype=float)
    edges = np.concatenate([[0.0], np.cumsum(weight) / weight.sum()])
    return np.interp(np.linspace(0, 1, 8192, endpoint=False), edges, np.arange(25) * 3600.0).astype(np.int64)


_BUSY = _busy_seconds()


def busy_seconds(rng: np.random.Generator, count: int) -> np.ndarray:
    """Seconds of the day drawn along the diurnal curve of telephone traffic."""
    return np.minimum(_BUSY[rng.integers(0, len(_BUSY), count)] + rng.integers(0, 60, count), 86_399)
