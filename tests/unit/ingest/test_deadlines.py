"""How long a night waits for each feed: as its contract says, never past the cut-off of the settings."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest

from conf.feeds import load_feeds
from conf.settings import SPARK_TOKEN_VARIABLE, load_settings, profile_names
from jobs.ingest import feeds
from jobs.stack import task

DAY = date(2026, 3, 10)


@pytest.fixture
def two_missing(settings, monkeypatch):
    """Voice is awaited until 04:00, lists until 05:30; neither has come. Returns the question the waiting task asks."""
    contracts = load_feeds()
    early = contracts["cdr_voice"].model_copy(update={"deadline": "04:00"})
    late = contracts["list_member"].model_copy(update={"deadline": "05:30"})
    monkeypatch.setattr(feeds, "load_feeds", lambda: {"cdr_voice": early, "list_member": late})
    monkeypatch.setattr(task, "load_settings", lambda: settings)

    def asked_at(hour: int, minute: int = 0) -> bool:
        local = datetime.combine(date(2026, 3, 11), time(hour, minute))
        return task.feeds_have_come("2026-03-10", local.replace(tzinfo=_zone(settings)).astimezone(UTC))

    return asked_at


def _zone(settings):
    from zoneinfo import ZoneInfo

    return ZoneInfo(settings.time_zone)


def _told(settings) -> list[str]:
    return sorted(path.name for path in settings.path("alerts").glob("*FEED_LATE*"))


def test_each_feed_is_awaited_and_told_by_its_own_deadline(settings, two_missing):
    assert not two_missing(3, 59)
    assert _told(settings) == []
    assert not two_missing(4, 0)  # voice is late and told; the lists are still awaited
    assert len(_told(settings)) == 1
    assert not two_missing(5, 29)
    assert len(_told(settings)) == 1
    assert two_missing(5, 30)
    assert len(_told(settings)) == 2


def test_cut_off_of_the_settings_moves_the_wait(settings, monkeypatch):
    earlier = settings.model_copy(update={"load_cutoff_hour": 3})
    later = settings.model_copy(update={"load_cutoff_hour": 11})

    assert feeds.awaited_until(earlier, "cdr_voice", DAY).hour == 3
    assert feeds.awaited_until(later, "cdr_voice", DAY).hour == 6  # the contract's own


@pytest.mark.parametrize("profile", profile_names())
def test_no_contract_promises_a_wait_past_the_cut_off(profile, monkeypatch):
    monkeypatch.setenv(SPARK_TOKEN_VARIABLE, "of a cluster of others")
    cut_off = time(load_settings(profile).load_cutoff_hour)

    late = [name for name, feed in load_feeds().items() if time.fromisoformat(feed.deadline) > cut_off]

    assert late == []
