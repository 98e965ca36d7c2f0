"""Business dates: a closed range of them, and the rule that says to which one a delivered file belongs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta


@dataclass(frozen=True)
class DateRange:
    """A closed range of business dates; a night is a range of one, an initial load a range of many."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise ValueError(f"date range: first {self.first} lies after last {self.last}; give them in order")

    @classmethod
    def of(cls, first: date | str, last: date | str | None = None) -> DateRange:
        """Build a range from dates or ISO texts; without `last` it is the one day."""
        first_date = _as_date(first)
        return cls(first_date, _as_date(last) if last is not None else first_date)

    @property
    def days(self) -> int:
        """Number of dates in the range."""
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=offset) for offset in range(self.days))

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day <= self.last

    def predicate(self, column: str) -> str:
        """SQL text that holds for exactly the rows of this range."""
        if self.days == 1:
            return f"{column} = DATE '{self.first}'"
        return f"{column} >= DATE '{self.first}' AND {column} <= DATE '{self.last}'"

    def __str__(self) -> str:
        return str(self.first) if self.days == 1 else f"{self.first}..{self.last}"


def _as_date(value: date | str) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value


def load_date_of(control_created_at: datetime, cutoff_hour: int = 6) -> date:
    """Business date of the night that picks a file up: feeds not complete by the cut-off hour join the next night.

    A control file of D+1 02:55 belongs to D, one of D+1 07:10 to D+1.
    `control_created_at` is the control file's creation time in the operator's zone (naive).
    """
    return (control_created_at - timedelta(hours=cutoff_hour)).date()
