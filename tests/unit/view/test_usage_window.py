"""Sums of use carried on from an earlier night are those of all days: a night like any other, a gap, and what forbids it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from conf.dates import DateRange
from conf.tables import table_of
from jobs.lakehouse import delta_rs
from jobs.lakehouse.tables import Tables
from jobs.view import usage_window as usage_window_module
from jobs.view.snapshot import Snapshot
from jobs.view.usage_window import DAILY, WINDOW, all_sums, carried_from, rows_to_read, usage_window, window_sums
from tests.builders.contacts import put

pytestmark = pytest.mark.slow

EVE = date(2026, 3, 9)
MEASURES = [column.name for column in table_of(DAILY).columns if column.type in ("int", "bigint")]


def used(line: str, back: int, calls: int = 1, loaded_back: int | None = None, **more) -> dict:
    """A day of use so many days before the eve; loaded that night unless said otherwise."""
    loaded = EVE - timedelta(days=back if loaded_back is None else loaded_back)
    row = dict.fromkeys(MEASURES, 0) | {"voice_mo_cnt": calls, "voice_mo_seconds": calls * 60, "data_volume_kb": 7}
    return row | {"subscription_id": line, "event_date": EVE - timedelta(days=back), "load_date": loaded, **more}


@pytest.fixture
def town(spark, settings):
    """STEADY calls every day; GONE called once, on the first day of the eve's window; BUSY now and then; the eve is summed."""
    rows = [used("STEADY", back) for back in range(96)]
    rows += [used("GONE", 89), *(used("BUSY", back, calls=back) for back in (88, 87, 30, 29, 28, 3))]
    rows.append(used("BUSY", 4, loaded_back=2))
    put(settings, silver__usage_daily=rows)
    summed(spark, settings, EVE)
    return settings


def summed(spark, settings, day: date) -> dict[str, dict]:
    """Rows of the window of a date as a night makes them, written and published."""
    rows = [row.asDict() for row in usage_window(Tables(settings, spark), DateRange.of(day)).collect()]
    version = Tables(settings).version(DAILY)
    put(settings, gold__usage_window=rows)
    noted = {"run_id": "tests", "business_date": day, "stage": "customer_view", "step": usage_window_module._step(day)}
    row = {**noted, "table_name": DAILY, "metric": usage_window_module.READ_VERSION, "value": float(version)}
    delta_rs.append(settings, "ops.run_metric", [row])
    return by_line(rows)


def of_all_days(spark, settings, day: date) -> dict[str, dict]:
    """The same from all days of the window."""
    rows = window_sums(rows_to_read(Snapshot(Tables(settings, spark), day), None), day, None, None).collect()
    return by_line([row.asDict() for row in rows])


def by_line(rows: list[dict]) -> dict[str, dict]:
    """Sums, active days and last use by line."""
    kept = [one.name for one in all_sums()] + ["active_days", "last_use_date"]
    return {row["subscription_id"]: {name: row[name] for name in kept} for row in rows}


def test_a_night_carries_the_sums_of_the_eve_on(spark, town):
    day = EVE + timedelta(days=1)
    put(town, silver__usage_daily=[used("STEADY", -1), used("LATE", 5, calls=2, loaded_back=-1)])
    tables = Tables(town, spark)
    assert carried_from(tables, day) == EVE
    read, whole = (rows_to_read(Snapshot(tables, day), earlier).count() for earlier in (EVE, None))
    assert 0 < read < whole / 10, "the days that came and those that left"

    found = summed(spark, town, day)

    assert found == of_all_days(spark, town, day)
    assert set(found) == {"STEADY", "BUSY", "LATE"}, "who used nothing in the window has no row"
    steady, busy = found["STEADY"], found["BUSY"]
    assert (steady["voice_mo_cnt_30d"], steady["voice_mo_cnt_90d"]) == (30, 90)
    assert (busy["voice_mo_cnt_30d"], busy["voice_mo_cnt_90d"]) == (28 + 3 + 1, 88 + 87 + 30 + 29 + 28 + 3 + 1)
    assert (bin(steady["active_days"]).count("1"), bin(busy["active_days"]).count("1")) == (30, 3)
    assert steady["last_use_date"] == day


@pytest.mark.parametrize(("gap", "carries"), [(5, True), (29, True), (31, False)])
def test_sums_are_those_of_all_days_given_nights_that_were_missed(spark, town, gap, carries):
    day = EVE + timedelta(days=gap)
    put(town, silver__usage_daily=[used("STEADY", -back) for back in range(1, gap + 1, 2)])

    assert carried_from(Tables(town, spark), day) == (EVE if carries else None)
    assert summed(spark, town, day) == of_all_days(spark, town, day) != {}


def test_all_days_are_read_given_an_earlier_night_loaded_again(spark, town):
    day = EVE + timedelta(days=1)
    put(town, silver__usage_daily=[used("STEADY", -1), used("BUSY", 10, calls=50)])

    assert carried_from(Tables(town, spark), day) is None
    assert summed(spark, town, day)["BUSY"]["voice_mo_cnt_30d"] == 50 + 28 + 3 + 1


def test_all_days_are_read_given_a_resend_that_replaces_rows_of_the_eve(spark, settings):
    day = EVE + timedelta(days=1)
    replaced = used("BUSY", 2, calls=40, superseded_on=day)  # known to the table when the eve was summed again
    put(settings, silver__usage_daily=[used("STEADY", 1), replaced, used("BUSY", 2, calls=4, loaded_back=-1)])
    assert summed(spark, settings, EVE)["BUSY"]["voice_mo_cnt_30d"] == 40

    assert carried_from(Tables(settings, spark), day) is None
    assert summed(spark, settings, day)["BUSY"]["voice_mo_cnt_30d"] == 4


def test_all_days_are_read_given_no_night_before_or_other_rules(spark, town, monkeypatch):
    assert carried_from(Tables(town, spark), EVE) is None
    day = EVE + timedelta(days=1)
    assert carried_from(Tables(town, spark), day) == EVE

    monkeypatch.setattr("jobs.view.usage_window._rules_digest", lambda: "other")
    assert carried_from(Tables(town, spark), day) is None


def test_sums_are_carried_on_from_what_the_eve_wrote(spark, town):
    """Taken from the table, not made again in secret: what the eve's row says is what the next night adds to."""
    day = EVE + timedelta(days=1)
    eve = delta_rs.read(town, WINDOW).to_pylist()
    more = [{**row, "voice_mo_cnt_90d": row["voice_mo_cnt_90d"] + 1000} for row in eve]
    delta_rs.open_table(town, WINDOW).delete()
    put(town, gold__usage_window=more)

    assert summed(spark, town, day)["STEADY"]["voice_mo_cnt_90d"] == 1000 + 89
