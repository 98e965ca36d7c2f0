"""File names of the three delivery styles: which feed, which date, which resend, which part."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from conf.feeds import Feed

_FIXED = r"(?P<letter>[ias])_(?P<province>\d{5})_(?P<stamp>\d{8}|\d{6})_(?P<unit>\d{5})_(?P<resend>\d{2})"
_EURO = r"(?P<letter>[ias])_(?P<province>\d{5})_(?P<stamp>\d{8}|\d{6})_VGOP-R[\d.]+-(?P<unit>\d{5})_(?P<resend>\d{2})"
_DOLLAR = r"(?P<letter>[IASias])(?P<unit>\d{5})(?P<stamp>\d{8})"
_DATA = (
    ("fixed_width", re.compile(_FIXED + r"_(?P<sequence>\d{3})\.dat")),
    ("euro", re.compile(_EURO + r"_(?P<sequence>\d{3})\.dat")),
    ("dollar", re.compile(_DOLLAR + r"(?P<sequence>\d{6})\.AVL")),
)
_CONTROL = (
    ("fixed_width", re.compile(_FIXED + r"\.verf")),
    ("euro", re.compile(_EURO + r"\.verf")),
    ("dollar", re.compile(_DOLLAR + r"\.CHK")),
)


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
            return datetime.strptime(self.stamp[:6] + (self.stamp[6:] or "01"), "%Y%m%d").date()
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
    return _parse(name, _DATA)


def control_file(name: str) -> FileName | None:
    """Parse the name of a control file."""
    return _parse(name, _CONTROL)


def _parse(name: str, patterns: tuple[tuple[str, re.Pattern[str]], ...]) -> FileName | None:
    for style, pattern in patterns:
        if found := pattern.fullmatch(name):
            parts = found.groupdict()
            sequence = parts.get("sequence")
            return FileName(
                name, style, parts["letter"].lower(), parts["unit"], parts["stamp"], int(parts.get("resend") or 0),
                int(sequence) if sequence is not None else None,
            )  # fmt: skip
    return None
