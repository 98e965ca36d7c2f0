"""What a job is going to make: which dates, which tables, with which parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from conf.dates import DateRange


@dataclass(frozen=True)
class StagePlan:
    """The work of one run.

    parts: ranges of dates made and judged one after the other, published together; none: nothing to do. tables: those to
    make, all of the job's when None. params: parameters of the queries. rows_read: rows each table reads, where the job
    knows. summary: what else the run's summary says.
    """

    parts: tuple[DateRange, ...]
    tables: tuple[str, ...] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    rows_read: Mapping[str, int] | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dates(self) -> DateRange:
        """From the first date of all parts to the last."""
        return DateRange(min(part.first for part in self.parts), max(part.last for part in self.parts))
