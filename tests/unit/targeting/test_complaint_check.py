"""Complaint classes of the last gate (domain rule 5.10), typed by hand: what is closed on 2026-03-11, and for how long."""

from __future__ import annotations

from datetime import date

import pytest

from conf.responses import load_response_rules
from jobs.targeting.complaint_check import EVERYTHING, Complaint, closures, months_later

DAY = date(2026, 3, 11)
RULES = load_response_rules().complaint


def a_complaint(day: date, **values) -> Complaint:
    return Complaint(values.pop("complaint_id", str(day)), day, **values)


@pytest.mark.parametrize(
    ("story", "complaints", "closed"),
    [
        (
            "A: escalated years ago",
            [a_complaint(date(2020, 1, 1), is_escalated=True, closed_on=date(2020, 1, 2))],
            [EVERYTHING],
        ),
        (
            "A: the third in six months, all closed long ago",
            [a_complaint(date(2024, month, 1), closed_on=date(2024, month, 2)) for month in (1, 3, 6)],
            [EVERYTHING],
        ),
        (
            "D: the third after six months",
            [a_complaint(date(2024, month, 1), closed_on=date(2024, month, 2)) for month in (1, 3, 10)],
            [],
        ),
        (
            "B: two about marketing, eleven months ago",
            [a_complaint(date(2025, 4, day), category="MARKETING") for day in (1, 20)],
            [EVERYTHING],
        ),
        ("B: over after twelve months", [a_complaint(date(2025, 3, day), category="MARKETING") for day in (1, 10)], []),
        (
            "C: its channel and product for six months",
            [a_complaint(date(2025, 9, 11), channel="SMS", product="CRBT")],
            [("CHANNEL", "SMS"), ("PRODUCT", "CRBT")],
        ),
        ("C: over after six months", [a_complaint(date(2025, 9, 10), channel="SMS")], []),
        ("C: everything when it names nothing", [a_complaint(date(2026, 1, 1), category="MARKETING")], [EVERYTHING]),
        ("D: open", [a_complaint(date(2025, 6, 1))], [EVERYTHING]),
        ("D: closed 29 days ago", [a_complaint(date(2026, 2, 1), closed_on=date(2026, 2, 10))], [EVERYTHING]),
        ("D: closed 30 days ago", [a_complaint(date(2026, 2, 1), closed_on=date(2026, 2, 9))], []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_complaints_close(story, complaints, closed):
    assert closures(complaints, DAY, RULES) == closed, story


def test_released_complaint_closes_nothing():
    assert closures([a_complaint(DAY, complaint_id="77", is_escalated=True)], DAY, RULES, {"77"}) == []


def test_months_end_with_the_month():
    assert months_later(date(2025, 8, 31), 6) == date(2026, 2, 28)
    assert months_later(date(2026, 3, 31), -4) == date(2025, 11, 30)
