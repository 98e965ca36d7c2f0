"""The operator's wall clock to UTC, for whole columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MICROS_A_DAY = 86_400_000_000
EPOCH = datetime(1970, 1, 1)


def to_utc(wall_micros: np.ndarray, zone: str) -> np.ndarray:
    """Microseconds since 1970 in UTC for microseconds of the zone's wall clock; a doubled hour counts as the first."""
    if not len(wall_micros):
        return wall_micros
    first, last = int(wall_micros.min()) // MICROS_A_DAY, int(wall_micros.max()) // MICROS_A_DAY
    offset = _constant_offset(zone, first - 1, last + 1)
    if offset is not None:
        return wall_micros - offset
    wall = pa.array(wall_micros).cast(pa.timestamp("us"))
    placed = pc.assume_timezone(wall, zone, ambiguous="earliest", nonexistent="latest")
    return placed.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()


def utc_of(wall: datetime, zone: str) -> datetime:
    """The same for one time."""
    return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@lru_cache(maxsize=4096)
def _constant_offset(zone: str, first_day: int, last_day: int) -> int | None:
    """UTC offset in microseconds when it does not change between the two days, else None."""
    if last_day - first_day > 40_000 or first_day < -25_000:
        return None
    offsets = {_offset(zone, day) for day in range(first_day, last_day + 1)}
    return offsets.pop() if len(offsets) == 1 else None


@lru_cache(maxsize=65_536)
def _offset(zone: str, day: int) -> int:
    offset = (EPOCH + timedelta(days=day)).replace(tzinfo=ZoneInfo(zone)).utcoffset()
    return int((offset or timedelta()).total_seconds() * 1_000_000)
