"""File names of the three delivery styles: which feed, which date, which resend, which part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from re import Pattern

from conf.delivery_names import CONTROL_NAMES, DATA_NAMES
from conf.feeds import Feed


@dataclass(frozen=True)
class FileName:
    """What the name of a data or control file says; `sequence_no` is None for a control file."""

    name: str
    style: str
    letter: str
    unit: str
    stamp: str
    resend_no: int
    sequence_no: int | None

    @property
    def cadence(self) -> str:
        """A date of 6 digits means monthly, of 8 daily: one unit code may serve both."""
        return "monthly" if len(self.stamp) == 6 else "daily"

    @property
    def is_full_snapshot(self) -> bool:
        """Letter i marks a full snapshot; a marks changes, s events."""
        return self.letter == "i"

    @property
    def first_day(self) -> date | None:
        """The day in the name, of a month its first; None when the digits are no date."""
        try:
            return date(int(self.stamp[:4]), int(self.stamp[4:6]), int(self.stamp[6:] or "1"))
        except ValueError:
            return None

    def data_date(self, feed: Feed) -> date | None:
        """Business date the file is about, None when the digits are no date.

        A month's events or totals belong to its last day, a month's snapshot to its first.
        """
        day = self.first_day
        if day is None or self.cadence == "daily" or feed.content == "snapshot":
            return day
        return last_day_of_month(day)


def last_day_of_month(day: date) -> date:
    """Last day of the month of a day."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def data_file(name: str) -> FileName | None:
    """Parse the name of a data file; None when it is none of the three styles."""
    return _parse(name, DATA_NAMES)


def control_file(name: str) -> FileName | None:
    """Parse the name of a control file."""
    return _parse(name, CONTROL_NAMES)


def _parse(name: str, patterns: Mapping[str, Pattern[str]]) -> FileName | None:
    for style, pattern in patterns.items():
        if found := pattern.fullmatch(name):
            parts = found.groupdict()
            sequence = parts.get("sequence")
            return FileName(
                name,
                style,
                parts["letter"].lower(),
                parts["unit"],
                parts["stamp"],
                int(parts.get("resend") or 0),
                int(sequence) if sequence is not None else None,
            )
    return None
