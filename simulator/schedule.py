"""When files are made: usual times, late files, two days at once, resends (schedule of simulator/operator.yaml)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from conf.feeds import Feed
from simulator.extract import Delivery

MINUTES_BETWEEN_FEEDS = 5
RESEND_MINUTES = 40


class Schedule:
    """The timetable of the operator's interface, its accidents counted from the first day of the history."""

    def __init__(self, plan: dict, first: date):
        self.kept, self.first = plan["kept"], first
        self.resends, self.late = plan["resends"], plan["late"]

    def created(self, feed: Feed, day: date, slot: int) -> datetime:
        """Creation time in the control file: the small hours of the next day, each feed in its own slot; later where planned."""
        minutes = slot * MINUTES_BETWEEN_FEEDS
        usual = datetime.combine(day, time(2, 30)) + timedelta(days=1, minutes=minutes, seconds=slot)
        return usual + timedelta(days=self._nights(self.late, feed, day) or 0)

    def versions(self, feed: Feed, delivery: Delivery, day: date) -> list[Delivery]:
        """A delivery, or its broken first transmission followed by the resend that replaces it."""
        nights = self._nights(self.resends, feed, day)
        if nights is None:
            return [delivery]
        broken = delivery.cut(int(len(delivery.clean) * self.kept))
        delivery.resend_no = 0 if replaced_in_place(feed) else 1
        delivery.created += timedelta(days=nights, minutes=RESEND_MINUTES)
        return [broken, delivery]

    def _nights(self, accidents: list[dict], feed: Feed, day: date) -> int | None:
        for accident in accidents:
            planned = self.first + timedelta(days=accident["day"])
            same_month = (planned.year, planned.month) == (day.year, day.month)
            if accident["feed"] == feed.feed and (planned == day or (feed.cadence == "monthly" and same_month)):
                return accident["nights"]
        return None


def replaced_in_place(feed: Feed) -> bool:
    """Whether a resend has the name of the file it replaces, so that only the last one is ever seen."""
    return feed.style == "dollar"


def data_date(feed: Feed, day: date) -> date:
    """Data date of the file made for a business date: bills carry the last day of their month, other monthly feeds the first."""
    if feed.cadence == "daily":
        return day
    first = day.replace(day=1)
    return first - timedelta(days=1) if feed.feed == "bill_summary" else first
