"""What is published is compared with the clock: a stage past its hour, a night nobody made, and no cry without cause."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from conf.alerts import load_alert_rules
from conf.night import load_night
from jobs.lakehouse import delta_rs
from jobs.targeting.readiness import SKIPPED
from jobs.watch import deadlines
from tests.unit.watch.conftest import NIGHT, at

README = Path(__file__).resolve().parents[3] / "README.md"
EARLIER = ("ingest", "customer_view", "scoring")


def _late(settings, now) -> list[tuple[str, date, str]]:
    return [(found.event, found.business_date, found.same_as) for found in deadlines.late(settings, now)]


@pytest.mark.parametrize(
    ("hour", "late"),
    [("06:29", []), ("06:30", ["ingest"]), ("07:29", ["ingest", "customer_view"]), ("08:30", [*EARLIER, "targeting"])],
)
def test_stage_is_late_from_its_hour_on(operator, publish, hour, late):
    publish(NIGHT - timedelta(days=1))

    assert _late(operator, at(hour)) == [("STAGE_LATE", NIGHT, stage) for stage in late]


def test_published_night_is_not_late_whatever_the_hour(operator, publish):
    publish(NIGHT)

    assert _late(operator, at("23:59")) == []
    assert _late(operator, at("06:29", date(2026, 3, 14))) == []
    assert _late(operator, at("06:30", date(2026, 3, 14))) == [("STAGE_LATE", date(2026, 3, 13), "ingest")]


def test_lists_that_were_decided_and_not_written_are_late(operator, publish, monkeypatch):
    publish(NIGHT)
    rows = [
        {
            "run_id": "x",
            "business_date": NIGHT,
            "stage": "targeting",
            "step": "export",
            "table_name": "",
            "metric": "files_sent",
            "value": 1.0,
        }
    ]
    monkeypatch.setattr(deadlines, "_has_contacts", lambda settings, night: True)
    assert _late(operator, at("08:29")) == []
    assert _late(operator, at("08:30")) == [("STAGE_LATE", NIGHT, "targeting")]

    delta_rs.append(operator, "ops.run_metric", rows)
    assert _late(operator, at("08:30")) == []


def test_nights_nobody_made_are_missed_and_those_somebody_skipped_are_not(operator, publish):
    publish(NIGHT - timedelta(days=6))
    publish(NIGHT - timedelta(days=2))
    publish(NIGHT, EARLIER)
    row = {
        "run_id": "x",
        "business_date": NIGHT - timedelta(days=1),
        "stage": "targeting",
        "step": "skipped by wang",
        "table_name": "gold.campaign_contact",
        "metric": SKIPPED,
        "value": 1.0,
    }
    delta_rs.append(operator, "ops.run_metric", [row])
    early = operator.model_copy(update={"first_night": NIGHT - timedelta(days=5)})

    missed = [day for event, day, _ in _late(early, at("06:45")) if event == "NIGHT_MISSED"]

    assert missed == [NIGHT - timedelta(days=days) for days in (5, 4, 3)]


def test_played_profile_and_a_night_before_the_first_are_awaited_by_no_clock(operator, settings):
    assert _late(operator, at("12:00")) != []
    assert _late(settings, at("12:00")) == []
    assert _late(operator.model_copy(update={"first_night": NIGHT + timedelta(days=1)}), at("12:00")) == []


def test_reports_are_awaited_once_there_is_a_contact(operator, publish, monkeypatch):
    publish(NIGHT, [*EARLIER, "targeting"])
    assert _late(operator, at("10:00")) == []

    monkeypatch.setattr(deadlines.published, "newest_date", lambda settings, name: NIGHT)
    assert _late(operator, at("10:00")) == [("REPORTS_LATE", NIGHT, "evaluation")]


def test_hours_of_the_readme_are_those_of_the_data():
    table = README.read_text(encoding="utf-8").split("late when |")[1].split("\n\n")[0]
    told = re.findall(r"\| `(\w+)` \|.*?(\d\d:\d\d) \|$", table, flags=re.MULTILINE)

    assert told == [(name, f"{stage.late_when:%H:%M}") for name, stage in load_night().stages.items()]


def test_every_lateness_is_judged():
    assert {stage.told_as for stage in load_night().stages.values()} <= set(load_alert_rules().events)
    assert SKIPPED == deadlines.SKIPPED
