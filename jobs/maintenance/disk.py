"""What lies on the disk: bytes and files of each part of a home, and what a night adds, from the files themselves."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

from conf.settings import Settings
from jobs.ingest.names import control_file, data_file
from jobs.lakehouse import delta_rs, published
from jobs.lakehouse.places import is_there, open_table

MEGABYTE = 1_000_000
MILLION = 1_000_000
NIGHTS = 7
VIEW = "gold.customer_360"
# Grow with nights and tables, not with subscriptions.
_FIXED = ("airflow", "alerts", "data_docs", "logs", "mlflow", "postgres", "reports", "run", "sent", "secrets")


@dataclass
class Size:
    """Files and their bytes."""

    files: int = 0
    bytes: int = 0

    def add(self, size_bytes: int) -> None:
        """Count one file more."""
        self.files += 1
        self.bytes += size_bytes


def disk(settings: Settings) -> list[dict[str, Any]]:
    """One row per part of the home and one for all: now, in a night (mean of the newest), in a night per million subscriptions.

    A file counts to the night in which it was last written, between the end of the night before and its own; of landing to
    the day in its name. Per million is in proportion for data and as it is for pages, logs and the services' records.
    """
    now: dict[str, Size] = defaultdict(Size)
    of_night: dict[str, dict[date, Size]] = defaultdict(lambda: defaultdict(Size))
    windows = night_windows(settings)
    for part, path, found in _files(settings.home):
        now[part].add(found.st_size)
        night = _day_in_name(path) if part == "landing" else _night_of(found.st_mtime, windows)
        if night in windows:
            of_night[part][night].add(found.st_size)
    subscriptions = _subscriptions(settings)
    rows = [_row(part, now[part], of_night[part], len(windows), subscriptions) for part in sorted(now)]
    return [*rows, _total(rows)] if rows else []


def night_windows(settings: Settings) -> dict[date, tuple[float, float]]:
    """The newest nights, each with the times (seconds since 1970) between which it was written, by the commits of ops.published."""
    if not is_there(settings, published.PUBLISHED):
        return {}
    nights = {row["run_id"]: row["business_date"] for row in delta_rs.read(settings, published.PUBLISHED).to_pylist()}
    ends: dict[date, float] = {}
    for commit in open_table(settings, published.PUBLISHED).history():
        night = nights.get(commit.get("userMetadata", ""))
        if night is not None:
            ends[night] = max(ends.get(night, 0.0), commit["timestamp"] / 1000)
    ordered = sorted(ends.items())
    found = [(night, (begun, ended)) for (_, begun), (night, ended) in pairwise(ordered) if ended > begun]
    return dict(found[-NIGHTS:])


def _files(home: Path) -> Iterator[tuple[str, Path, os.stat_result]]:
    """Part of home, path and state of every file; of the lake each layer is a part."""
    for folder, _, names in os.walk(home):
        for name in names:
            path = Path(folder, name)
            parts = path.relative_to(home).parts
            try:
                found = path.lstat()
            except FileNotFoundError:
                continue
            place = parts[1] if parts[0] == "lake" and len(parts) > 2 else parts[0] if len(parts) > 1 else "(home)"
            yield place, path, found


def _day_in_name(path: Path) -> date | None:
    name = data_file(path.name) or control_file(path.name)
    return name.first_day if name and name.cadence == "daily" else None


def _night_of(written_at: float, windows: dict[date, tuple[float, float]]) -> date | None:
    return next((night for night, (begun, ended) in windows.items() if begun < written_at <= ended), None)


def _subscriptions(settings: Settings) -> int:
    """Subscriptions of the newest customer view, 0 without one."""
    newest = published.newest_date(settings, VIEW)
    if newest is None:
        return 0
    version = published.reader_version(settings, VIEW)
    return delta_rs.read(settings, VIEW, [("snapshot_date", "=", newest)], version, ["snapshot_date"]).num_rows


def _row(part: str, now: Size, nights: dict[date, Size], count: int, subscriptions: int) -> dict[str, Any]:
    a_night = sum(size.bytes for size in nights.values()) / count / MEGABYTE if count else None
    factor = 1 if part in _FIXED else MILLION / subscriptions if subscriptions else None
    return {
        "part": part,
        "files": now.files,
        "megabytes": round(now.bytes / MEGABYTE, 2),
        "files_a_night": round(sum(size.files for size in nights.values()) / count, 1) if count else None,
        "megabytes_a_night": None if a_night is None else round(a_night, 3),
        "megabytes_a_night_per_million": None if a_night is None or factor is None else round(a_night * factor, 1),
    }


def _total(rows: list[dict[str, Any]]) -> dict[str, Any]:
    def total(column: str) -> float | None:
        found = [row[column] for row in rows]
        return None if None in found else round(sum(found), 3)

    return {"part": "together", **{column: total(column) for column in rows[0] if column != "part"}}
