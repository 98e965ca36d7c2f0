"""When files are made: usual times, late files, two days at once, resends."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from conf.feeds import Feed
from simulator.extract import Delivery

MINUTES_BETWEEN_FEEDS = 5
# (feed, data date): the first transmission broke off after 60 % of the rows and was sent again, `nights` later.
RESENDS = {
    ("customer", "2025-09-14"): 0, ("agreement", "2025-11-20"): 1, ("bill_summary", "2025-11-07"): 0,
    ("crbt_tone_event", "2025-12-05"): 0, ("mms_event", "2026-01-20"): 1, ("crbt_subscription", "2026-02-11"): 0,
}  # fmt: skip
# (feed, business date): days late; the dollar file of 2026-01-15 was replaced in place before anyone fetched it.
LATE = {
    ("payment", "2025-10-15"): 1, ("cs_contact", "2025-11-29"): 1, ("crbt_tone_event", "2025-12-28"): 2,
    ("misc_order", "2026-02-18"): 1, ("payment", "2026-01-15"): 0.2, ("cs_contact", "2026-03-11"): 1,
}  # fmt: skip


def data_date(feed: Feed, day: date) -> date:
    """Data date of the file made for a business date: bills carry the last day of their month, other monthly feeds the first."""
    if feed.cadence == "daily":
        return day
    first = day.replace(day=1)
    return first - timedelta(days=1) if feed.feed == "bill_summary" else first


def created(feed: Feed, day: date, slot: int) -> datetime:
    """Creation time in the control file: the small hours of the next day, each feed in its own slot; later where planned."""
    usual = datetime.combine(day, time(2, 30)) + timedelta(days=1, minutes=slot * MINUTES_BETWEEN_FEEDS, seconds=slot)
    return usual + timedelta(days=LATE.get((feed.feed, str(day)), 0))


def versions(delivery: Delivery, day: date) -> list[Delivery]:
    """A delivery, or its broken first transmission followed by the resend that replaces it."""
    nights = RESENDS.get((delivery.feed, str(day)))
    if nights is None:
        return [delivery]
    delivery.resend_no = 1
    broken = delivery.cut(int(len(delivery.clean) * 0.6))
    broken.resend_no = 0
    delivery.created += timedelta(days=nights, minutes=40)
    return [broken, delivery]
