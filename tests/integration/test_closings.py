"""Closing counts of the KPI months stand until a record that could change them becomes known: a late one, or a back-fill."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from conf.dates import DateRange
from conf.tables import table_of
from jobs.evaluation import closings
from jobs.evaluation.closings import COUNTS_FROM, QUERY, TABLE, kpi_closing
from jobs.evaluation.job import count_parameters
from jobs.lakehouse import delta_rs
from jobs.lakehouse.building import _rows
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.lineage import sources
from jobs.lakehouse.run import Run
from tests.builders.contacts import put

NIGHT = date(2026, 3, 10)
JANUARY, FEBRUARY = "202601", "202602"


def held(who, valid, loaded, **more):
    """A line that holds CRBT since a day, as loaded on another."""
    return {"subscription_id": who, "valid_date": valid, "load_date": loaded, "data_date": loaded, **more}


def line(who, since, loaded):
    """A line on the network since a day."""
    return {
        "subscription_id": who,
        "is_off_network": False,
        "status_time": datetime(since.year, since.month, since.day, 4),
        "load_date": loaded,
        "data_date": loaded,
    }


def close(spark, settings, night):
    """Holders of CRBT by month as a night's report has them, and the nights on which they were counted."""
    dates = DateRange.of(night)
    lake = Lake(spark, settings, Run("evaluation", dates, settings))
    lake.bind(first_date=night, last_date=night, **count_parameters([night]))
    lake.replace(TABLE, _rows(table_of(TABLE), kpi_closing(lake, dates)), dates)
    lake.publish()
    rows = lake.rows(TABLE, [("business_date", "=", night)])
    return {row["month_id"]: (row["user_cnt"], row["counted_on"]) for row in rows if row["series"] == "CRBT"}


@pytest.fixture(scope="module")
def home(spark, session_settings, tmp_path_factory):
    """Two lines of the year before that hold CRBT, one of them since February."""
    settings = session_settings.model_copy(update={"home": tmp_path_factory.mktemp("closings")})
    long_ago, new = date(2025, 9, 1), date(2026, 2, 10)
    put(
        settings,
        silver__subscription_status=[line(who, long_ago, long_ago) for who in ("A", "B", "C", "D")],
        silver__product_subscription=[held("A", long_ago, long_ago), held("B", new, new)],
    )
    return settings


def test_every_table_the_counts_come_from_is_watched():
    assert set(COUNTS_FROM) == sources(QUERY)


def test_closed_months_are_counted_once_until_a_record_could_change_them(spark, home, monkeypatch):
    first, second, third, fourth = (NIGHT + timedelta(days=days) for days in range(4))
    assert close(spark, home, first) == {JANUARY: (1, first), FEBRUARY: (2, first)}

    # An ordinary night: records of its own day.
    put(home, silver__product_subscription=[held("C", second, second)])
    with monkeypatch.context() as patched:
        patched.setattr(closings, "_counted", lambda *_: pytest.fail("nothing is to be counted"))
        assert close(spark, home, second) == {JANUARY: (1, first), FEBRUARY: (2, first)}

    # A late record: loaded tonight, about February.
    put(home, silver__product_subscription=[held("C", date(2026, 2, 20), third, data_date=date(2026, 2, 25))])
    assert close(spark, home, third) == {JANUARY: (1, third), FEBRUARY: (3, third)}

    # A back-fill: a load date that was counted before brings a record now.
    put(home, silver__product_subscription=[held("D", date(2026, 1, 5), date(2026, 1, 20))])
    assert close(spark, home, fourth) == {JANUARY: (2, fourth), FEBRUARY: (4, fourth)}

    # The night of before as it is known now.
    assert close(spark, home, third) == {JANUARY: (2, third), FEBRUARY: (4, third)}


def test_a_closed_month_is_added_and_another_definition_counts_all_again(spark, home, monkeypatch):
    last_of_march, april = date(2026, 3, 31), date(2026, 4, 1)
    before = close(spark, home, NIGHT + timedelta(days=5))

    found = close(spark, home, last_of_march)
    assert {month: found[month] for month in before} == before
    assert found["202603"][1] == last_of_march

    monkeypatch.setattr(closings, "_DEFINITIONS", ("kpi_products",))
    assert {counted_on for _, counted_on in close(spark, home, april).values()} == {april}
    assert delta_rs.exists(home, TABLE)


def test_a_resend_known_from_tonight_counts_tonight(spark, home):
    night = date(2026, 4, 10)
    put(
        home,
        silver__product_subscription=[
            held("E", date(2026, 1, 3), date(2026, 1, 4), superseded_on=night),
        ],
        silver__subscription_status=[line("E", date(2025, 9, 1), date(2025, 9, 1))],
    )
    eve = night - timedelta(days=1)
    with_it = close(spark, home, eve)

    assert close(spark, home, night)[JANUARY] == (with_it[JANUARY][0] - 1, night)
