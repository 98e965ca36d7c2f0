"""What an earlier night found of use stands, so that a night reads the days since: until one of them is loaded again."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from conf.dates import DateRange
from jobs.lakehouse import delta_rs, published
from jobs.lakehouse.places import open_table
from jobs.lakehouse.tables import Tables
from jobs.responses import uses_before
from jobs.responses.uses_before import used_before
from tests.builders.contacts import put
from tests.builders.response_cases import NEXT, NIGHT, built, day, respond
from tests.builders.targeting_night import copy_of

pytestmark = pytest.mark.slow

THIRD = NEXT + timedelta(days=1)


def found(settings, night):
    """(is_used, is_effective) of the contacts of a night."""
    version = published.reader_version(settings, "gold.contact_history")
    rows = delta_rs.read(settings, "gold.contact_history", [("snapshot_date", "=", night)], version).to_pylist()
    return {row["contact_id"]: (row["is_used"], row["is_effective"]) for row in rows}


def a_use(line, at, loaded):
    """A use of CRBT so many days after the night."""
    return {
        "subscription_id": line,
        "event_date": day(at).date(),
        "load_date": loaded,
        "superseded_on": date(9999, 12, 31),
        "crbt_set_cnt": 1,
    }


@pytest.fixture
def home(spark, tmp_path):
    return copy_of(built(spark), tmp_path / "home")


def before(spark, settings, first=THIRD, last=THIRD):
    return used_before(Tables(settings, spark), first, last)


def test_use_is_carried_on_and_a_late_record_of_it_is_found(spark, home, monkeypatch):
    assert found(home, NEXT)["CALL_YES"] == (True, True)
    assert found(home, NEXT)["CALL_UNUSED"] == (False, False)
    assert before(spark, home) == NEXT
    # What was read before goes, unseen: the finding of the night before stands by itself.
    monkeypatch.setattr(uses_before, "stands_still", lambda *a, **k: True)
    open_table(home, "silver.vas_daily").delete("subscription_id = 'S7'")
    put(home, silver__vas_daily=[a_use("S13", -60, THIRD)])

    respond(spark, home, DateRange.of(THIRD))

    assert found(home, THIRD)["CALL_YES"] == (True, True)
    assert found(home, THIRD)["CALL_UNUSED"] == (True, True)


def test_all_days_are_read_given_a_night_loaded_again_or_other_rules(spark, home, monkeypatch):
    assert before(spark, home, NEXT, NEXT) is None, "the run was NEXT's: NIGHT has no note of its own"
    with monkeypatch.context() as other:
        other.setattr(uses_before, "_step", lambda: "uses other")
        assert before(spark, home) is None
    put(home, silver__vas_daily=[a_use("S13", -60, THIRD)])
    assert before(spark, home) == NEXT, "a night after it takes nothing back"

    put(home, silver__vas_daily=[a_use("S13", -60, NIGHT)])
    assert before(spark, home) is None


def test_all_days_are_read_given_rows_replaced_between_the_nights(spark, home):
    rows = delta_rs.read(home, "silver.vas_daily").to_pylist()
    open_table(home, "silver.vas_daily").delete()
    put(home, silver__vas_daily=[{**row, "superseded_on": THIRD} for row in rows])
    respond(spark, home, DateRange.of(NEXT))  # read the rows that go a night later

    assert before(spark, home, NEXT, NEXT) is None
    assert before(spark, home) is None
