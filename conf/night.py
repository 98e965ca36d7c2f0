"""The stages of a night, when each is late, and what ends a task that does not end (conf/night.yaml)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pydantic import Field

from conf.reading import ROOT, Strict, load, remembered

NIGHT_FILE = ROOT / "conf" / "night.yaml"


class Stage(Strict):
    """One stage: the table whose publication ends it, whether files must be out too, its deadline, the event when late.

    once_there_is: the stage is awaited only once that table has rows.
    """

    table: str = Field(pattern=r"^[a-z]+\.[a-z0-9_]+$")
    late_when: time
    told_as: str
    exports: bool = False
    once_there_is: str | None = None

    def deadline(self, business_date: date, zone: str) -> datetime:
        """When the stage of a business date is late, in the operator's zone."""
        return datetime.combine(business_date + timedelta(days=1), self.late_when, ZoneInfo(zone))


class EndAfterHours(Strict):
    """Hours after which a task is ended whatever it does: one of the night, one for a range of dates."""

    night: int = Field(ge=12)
    by_hand: int = Field(ge=24)


class Night(Strict):
    """The stages by name in the order of the night, nights looked back to, the last resort, servers the night needs."""

    stages: dict[str, Stage] = Field(min_length=1)
    look_back_nights: int = Field(ge=1)
    end_after_hours: EndAfterHours
    night_needs: tuple[str, ...]


@remembered
def load_night() -> Night:
    """The night as delivered, the operator's own hours laid over it."""
    return load(Night, NIGHT_FILE)
