"""Where customers stand in campaigns: kept by change, right after a night is decided again, whatever nights came before."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from conf.dates import DateRange
from conf.tables import table_of
from jobs.evaluation.job import count_parameters
from jobs.evaluation.standing import DECISIONS, TABLE, campaign_standing
from jobs.lakehouse import delta_rs, published
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.places import table_place
from jobs.lakehouse.run import Run
from jobs.lakehouse.schema import arrow_schema
from tests.builders.contacts import _filled

FIRST, SECOND, THIRD = (date(2026, 3, 8) + timedelta(days=days) for days in range(3))
SUPPRESSED, HELD_BACK, CHOSEN = {"first_reason": "LIST_BLACK"}, {"verdict": "CONTROL"}, {"verdict": "EXPORTED"}
NOT_CHOSEN = {"first_reason": "NOT_CHOSEN_VALUE"}


def decide(settings, night, **by_subscription):
    """The decisions of one night, in place of those it had, published as targeting does."""
    schema = arrow_schema(table_of(DECISIONS))
    rows = [{"business_date": night, "subscription_id": who, **how} for who, how in by_subscription.items()]
    data = pa.Table.from_pylist([_filled(DECISIONS, schema.names, row) for row in rows], schema=schema)
    place = table_place(settings, DECISIONS).for_delta_rs
    write_deltalake(place, data, mode="overwrite", predicate=f"business_date = DATE '{night}'")
    version = {DECISIONS: delta_rs.head_version(settings, DECISIONS)}
    published.publish(settings, "targeting", night, "tests", version)


def stand(spark, settings, night):
    """What the report of a night makes of it: every row of the table afterwards, by night and subscription."""
    dates = DateRange.of(night)
    lake = Lake(spark, settings, Run("evaluation", dates, settings))
    lake.bind(first_date=night, last_date=night, **count_parameters([night]))
    lake.replace(TABLE, campaign_standing(lake, dates), dates)
    lake.publish()
    return {
        (row["business_date"], row["subscription_id"]): (row["level"], row["is_due"], row["is_control"])
        for row in lake.rows(TABLE)
    }


@pytest.fixture(scope="module")
def three_nights(spark, session_settings, tmp_path_factory):
    """Three nights decided before the first report that keeps the standing."""
    settings = session_settings.model_copy(update={"home": tmp_path_factory.mktemp("standing")})
    delta_rs.ensure_tables(settings)
    decide(settings, FIRST, A=SUPPRESSED, B=HELD_BACK, C=CHOSEN)
    decide(settings, SECOND, A=NOT_CHOSEN, B=HELD_BACK, C=SUPPRESSED)
    decide(settings, THIRD, A=CHOSEN, B=SUPPRESSED, D=NOT_CHOSEN)
    return settings, stand(spark, settings, THIRD)


def test_a_row_is_kept_only_for_what_a_night_changed(three_nights):
    _, kept = three_nights

    assert kept == {
        (FIRST, "A"): (1, False, False),
        (FIRST, "B"): (1, True, True),
        (FIRST, "C"): (3, True, False),
        (SECOND, "A"): (2, True, False),  # due for the first time
        (THIRD, "A"): (3, False, False),  # chosen at last, due before
        (THIRD, "D"): (2, True, False),
    }


def test_a_night_decided_again_moves_what_the_nights_after_it_changed(spark, three_nights):
    settings, _ = three_nights
    decide(settings, FIRST, A=CHOSEN, B=SUPPRESSED, C=SUPPRESSED)
    decide(settings, THIRD + timedelta(days=1), C=CHOSEN)

    kept = stand(spark, settings, THIRD + timedelta(days=1))

    assert kept == {
        (FIRST, "A"): (3, True, False),  # nothing is left for the nights after
        (FIRST, "B"): (1, False, False),
        (FIRST, "C"): (1, False, False),
        (SECOND, "B"): (1, True, True),
        (THIRD, "D"): (2, True, False),
        (THIRD + timedelta(days=1), "C"): (3, True, False),
    }


def test_the_next_night_reads_the_decisions_of_no_other_night(spark, three_nights):
    settings, _ = three_nights
    night = THIRD + timedelta(days=2)
    decide(settings, night, A=CHOSEN, E=CHOSEN)
    # What is not read may be gone: the earlier decisions are not there any more, and the standing stays.
    place = table_place(settings, DECISIONS).for_delta_rs
    schema = arrow_schema(table_of(DECISIONS))
    write_deltalake(place, schema.empty_table(), mode="overwrite", predicate=f"business_date < DATE '{night}'")
    published.publish(settings, "targeting", night, "tests", {DECISIONS: delta_rs.head_version(settings, DECISIONS)})

    kept = stand(spark, settings, night)

    assert (THIRD, "D") in kept
    assert {who: row for (day, who), row in kept.items() if day == night} == {"E": (3, True, False)}
