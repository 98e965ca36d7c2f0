"""Feeds as each night knows them: of the lines of one key the newest of a night, of its nights alone."""

from __future__ import annotations

from datetime import date

import pytest

from conf.dates import DateRange
from conf.feeds import load_feeds
from jobs.lakehouse.night_files import read_nights
from jobs.lakehouse.tables import Tables
from jobs.view.as_of import MANY_NIGHTS, deliveries, resends_of, standing_rows
from tests.builders.bronze import deliver

FEED = "agreement"


def agreements(*ids_and_fees):
    return [{"agreement_id": one, "user_id": f"U{one}", "committed_fee_fen": fee} for one, fee in ids_and_fees]


@pytest.fixture
def tables(spark, settings):
    deliver(settings, FEED, "2026-03-03", agreements(("1", 10), ("2", 20), ("1", 11)))
    deliver(settings, FEED, "2026-03-04", agreements(("1", 5)), data_date="2026-03-02")
    deliver(settings, FEED, "2026-03-04", agreements(("1", 12)))
    deliver(settings, FEED, "2026-03-05", agreements(("2", 21)), data_date="2026-03-03", resend_no=1)
    return Tables(settings, spark)


@pytest.mark.parametrize("first", ["2026-03-03", "2026-01-03"], ids=["few nights", "many"])
def test_newest_line_of_a_key_stands_once_a_night(tables, first):
    dates = DateRange.of(first, "2026-03-05")
    assert (dates.days > MANY_NIGHTS) == (first == "2026-01-03")
    rows = standing_rows(tables, load_feeds()[FEED], dates, resends_of(deliveries(tables.settings), FEED)).collect()

    assert sorted(
        (row.load_date.day, row.agreement_id, row.committed_fee_fen, row.superseded_on.year) for row in rows
    ) == [
        (3, "1", 11, 2026),
        (3, "2", 20, 2026),
        (4, "1", 12, 9999),
        (5, "2", 21, 9999),
    ]


def test_nights_are_read_alone_and_a_feed_without_files_is_empty(tables):
    night = DateRange.of("2026-03-04")
    rows = read_nights(tables, f"bronze.{FEED}", night)

    assert [row.load_date for row in rows.collect()] == [date(2026, 3, 4)] * 2
    assert read_nights(tables, "bronze.payment", night).collect() == []
    assert read_nights(tables, "bronze.payment", night).columns == tables.read("bronze.payment").columns
