"""What one customer's complaints close on a day, for the last gate: domain rule 5.10 in plain Python, apart from the selection's SQL."""

from __future__ import annotations

import calendar
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from conf.responses import ComplaintClasses

Scope = tuple[str, str]
EVERYTHING: Scope = ("SYSTEM", "*")


@dataclass(frozen=True)
class Complaint:
    """The newest state of one complaint; texts are empty where the feed says nothing."""

    complaint_id: str
    day: date
    category: str = ""
    channel: str = ""
    product: str = ""
    is_escalated: bool = False
    closed_on: date | None = None

    def is_marketing(self, rules: ComplaintClasses) -> bool:
        """Whether it is about being marketed to."""
        return self.category in rules.marketing_categories or bool(self.channel or self.product)


def closures(
    complaints: Sequence[Complaint], day: date, rules: ComplaintClasses, released: Collection[str] = ()
) -> list[Scope]:
    """Scopes that are closed on the day; complaints a person released no longer count at all."""
    counted = [complaint for complaint in complaints if complaint.complaint_id not in released]
    return [scope for complaint in counted for scope in _closed_by(complaint, counted, day, rules)]


def _closed_by(
    complaint: Complaint, all_of_them: Sequence[Complaint], day: date, rules: ComplaintClasses
) -> list[Scope]:
    begin = months_later(complaint.day, -rules.months)
    recent = [other for other in all_of_them if begin <= other.day <= complaint.day]
    marketing = [other for other in recent if other.is_marketing(rules)]
    if complaint.is_escalated or len(recent) >= rules.professional_cnt:
        return [EVERYTHING]  # class A: until released by hand
    if not complaint.is_marketing(rules):
        is_over = complaint.closed_on is not None and (day - complaint.closed_on).days >= rules.d_days
        return [] if is_over else [EVERYTHING]  # class D
    if len(marketing) >= rules.repeated_cnt and day <= months_later(complaint.day, rules.b_months):
        return [EVERYTHING]  # class B
    if day > months_later(complaint.day, rules.c_months):
        return []
    named = [("CHANNEL", complaint.channel), ("PRODUCT", complaint.product)]
    return [scope for scope in named if scope[1]] or [EVERYTHING]  # class C


def months_later(day: date, months: int) -> date:
    """The same day so many months on, or the last day of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
