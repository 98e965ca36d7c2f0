"""As-of reading: which dates a load changes, and the windows of a snapshot."""

from __future__ import annotations

from datetime import date

import pytest

from conf.dates import DateRange
from jobs.view import as_of
from jobs.view.conform import earliest_closed_month, feeds_read
from jobs.view.snapshot import Snapshot, months_before


def a_delivery(feed="cdr_sms", data_date="2026-03-01", resend_no=0, load_date="2026-03-01", rows=5):
    return as_of.Delivery(feed, date.fromisoformat(data_date), resend_no, date.fromisoformat(load_date), rows)


def rebuild(monkeypatch, known, dates, built=None):
    monkeypatch.setattr(as_of, "deliveries", lambda settings: known)
    monkeypatch.setattr(as_of, "newest_built", lambda settings, table: built)
    monkeypatch.setattr(as_of, "first_kept_in_bronze", lambda *_: None)
    return as_of.dates_to_rebuild(None, DateRange.of(*dates), "silver.usage_daily")


def test_a_new_night_stands_alone(monkeypatch):
    assert rebuild(monkeypatch, [a_delivery()], ("2026-03-02", "2026-03-02")) == DateRange.of("2026-03-02")


def test_a_resend_reaches_back_to_what_it_replaces(monkeypatch):
    known = [a_delivery(), a_delivery(resend_no=1, load_date="2026-03-04"), a_delivery(feed="payment", resend_no=1)]
    assert rebuild(monkeypatch, known, ("2026-03-04", "2026-03-04")) == DateRange.of("2026-03-01", "2026-03-04")


def test_a_date_loaded_out_of_order_reaches_forward_to_the_newest(monkeypatch):
    found = rebuild(monkeypatch, [], ("2026-03-02", "2026-03-02"), built=date(2026, 3, 5))
    assert found == DateRange.of("2026-03-02", "2026-03-05")


@pytest.mark.parametrize(
    ("day", "months", "wanted"),
    [("2026-03-09", 2, "2026-01-01"), ("2026-01-31", 1, "2025-12-01"), ("2026-12-31", 12, "2025-12-01")],
)
def test_months_before(day, months, wanted):
    assert months_before(date.fromisoformat(day), months) == date.fromisoformat(wanted)


def test_windows_of_a_snapshot():
    snap = Snapshot(None, date(2026, 3, 9))
    assert snap.days_back(90) == date(2025, 12, 10)
    assert snap.since_months(6) == date(2025, 9, 9)
    assert Snapshot(None, date(2026, 5, 31)).since_months(3) == date(2026, 2, 28)
    assert snap.closed_months(3) == ["202602", "202601", "202512"]
    assert Snapshot(None, date(2026, 3, 1)).closed_months(2) == ["202601", "202512"]  # February closes on 2 March


def test_months_close_on_the_second():
    assert earliest_closed_month(DateRange.of("2026-03-03", "2026-04-01")) is None
    assert earliest_closed_month(DateRange.of("2026-03-02")) == date(2026, 2, 1)
    assert earliest_closed_month(DateRange.of("2025-12-15", "2026-03-05")) == date(2025, 12, 1)


def test_every_silver_contract_is_built_and_every_feed_read():
    from conf.feeds import load_feeds
    from conf.tables import load_tables, tables_of_job

    built = tables_of_job("conform")
    assert sorted(built) == sorted(name for name in load_tables() if name.startswith("silver."))
    assert feeds_read("as_of", built) == set(load_feeds())
