"""Homes of an operator whose clock counts, with what is published written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from conf.night import load_night
from conf.settings import Settings
from jobs.lakehouse import delta_rs, published

NIGHT = date(2026, 3, 12)


def at(hour: str, day: date = date(2026, 3, 13)) -> datetime:
    """A time of day in the operator's zone, by default the morning after NIGHT."""
    return datetime.fromisoformat(f"{day}T{hour}:00").replace(tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.fixture
def operator(settings) -> Settings:
    """Settings of nights that are not played; Postgres, Airflow and Spark are not there."""
    settings.home.mkdir(parents=True)
    return settings.model_copy(update={"nights": 0})


@pytest.fixture
def publish(operator) -> Callable[..., None]:
    """Publishes stages for a date, as their runs do."""

    def record(day: date, stages: Iterable[str] | None = None) -> None:
        night = load_night().stages
        rows = [
            {
                "stage": name,
                "business_date": day,
                "table_name": night[name].done_when,
                "version": 0,
                "run_id": "x",
                "published_seq": 1,
            }
            for name in (night if stages is None else stages)
        ]
        delta_rs.append(operator, published.PUBLISHED, rows)

    return record
