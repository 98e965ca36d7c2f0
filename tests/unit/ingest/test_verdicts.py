"""Verdicts on deliveries before a record is read: replaced content, lists in parts, names nobody knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from conf.feeds import load_feeds
from jobs.ingest.control_file import ControlLine
from jobs.ingest.landing import Delivered
from jobs.ingest.names import data_file
from jobs.ingest.shrunken import refuse_shrunken
from jobs.ingest.verify import Known, not_in_landing, refuse_reused_numbers
from jobs.lakehouse.file_states import LANDED, REJECTED, SUPERSEDED
from tests.unit.ingest.deliveries import A_DAY

NEXT = A_DAY + timedelta(days=1)


def a_file(
    feed: str, name: str, day: date = A_DAY, digest: str = "d", rows: int = 1, load: date | None = None
) -> Delivered:
    """A verified file as landing holds it."""
    created = datetime.combine(day + timedelta(days=1), time(3))
    return Delivered(
        load_feeds()[feed],
        Path(name),
        data_file(name),
        day,
        created,
        load or day,
        0,
        "c",
        ControlLine(name, rows, None, None, created, 1),
        rows,
        rows,
        digest,
    )


def as_loaded(file: Delivered, status: str = LANDED) -> Known:
    """The same file as the ledger holds it after its night."""
    return Known(
        file.file_id,
        file.feed.feed,
        file.path.name,
        file.data_date,
        file.load_date,
        file.resend_no,
        file.name.sequence_no or 0,
        file.digest,
        file.created_at,
        file.rows_found,
        status,
    )


@pytest.mark.parametrize("status", [LANDED, SUPERSEDED])
@pytest.mark.parametrize(
    ("feed", "name", "told"),
    [
        ("crbt_fee", "s_13100_20260310_13203_00_001.dat", "with the next resend number"),
        ("payment", "S0300620260310000000.AVL", "made later"),  # a check file of two fields always says 03:00
    ],
)
def test_other_content_under_the_same_name_and_time_is_refused_and_the_loaded_file_stays(feed, name, told, status):
    loaded = as_loaded(a_file(feed, name, digest="old"), status)
    file = a_file(feed, name, digest="new")

    stays = not_in_landing([loaded], [file])
    refuse_reused_numbers([file], stays)

    assert stays == [loaded]
    assert file.status == REJECTED
    assert "found other content under the number of" in file.reason
    assert told in file.reason


def test_a_file_that_stands_where_it_stood_is_not_missing_from_landing_read_or_not():
    file = a_file("payment", "S0300620260310000000.AVL")
    assert not_in_landing([as_loaded(file)], [file]) == []
    assert not_in_landing([as_loaded(file)], [replace(file, digest="")]) == []
    assert not_in_landing([as_loaded(file)], []) == [as_loaded(file)]
    assert not_in_landing([as_loaded(file, REJECTED)], []) == []


def parts(day: date, *rows: int, load: date | None = None) -> list[Delivered]:
    """A suppression list in parts of so many rows."""
    return [
        a_file("list_member", f"I02090{day:%Y%m%d}{number:06d}.AVL", day, f"{day}{number}", count, load)
        for number, count in enumerate(rows)
    ]


def statuses(files: list[Delivered]) -> list[str]:
    return [file.status for file in files]


@pytest.mark.parametrize(
    ("yesterday", "today", "wanted"),
    [
        ((60, 60), (60,), REJECTED),  # the other half is missing
        ((60, 60), (60, 50), LANDED),
        ((110,), (100, 10), LANDED),
        ((60, 60), (50, 20), REJECTED),  # all parts together
    ],
)
def test_a_list_in_parts_is_judged_as_a_whole_in_one_night_or_in_a_range(yesterday, today, wanted):
    before, files = parts(A_DAY, *yesterday), parts(NEXT, *today)

    refuse_shrunken([*before, *files], [])
    assert statuses(before) == [LANDED] * len(yesterday)
    assert statuses(files) == [wanted] * len(today)

    alone = parts(NEXT, *today)
    refuse_shrunken(alone, [as_loaded(file) for file in before])
    assert statuses(alone) == [wanted] * len(today)
    if wanted == REJECTED:
        assert (
            f"found {sum(today)} readable rows, wanted at least 80% of the last list's {sum(yesterday)}"
            in alone[0].reason
        )


def test_a_list_the_ledger_refused_is_no_measure_for_the_next_one():
    refused = [as_loaded(file, REJECTED) for file in parts(A_DAY, 900)]
    files = parts(NEXT, 100)
    refuse_shrunken(files, refused)
    assert statuses(files) == [LANDED]


def test_a_part_of_the_next_night_counts_with_the_parts_before_it():
    """20 rows alone would be far too few; the verdict is the same night by night and in one range."""
    first, late = parts(NEXT, 100), parts(NEXT, 0, 20, load=NEXT + timedelta(days=1))[1:]
    yesterday = [as_loaded(file) for file in parts(A_DAY, 110)]
    refuse_shrunken([*first, *late], yesterday)
    assert statuses([*first, *late]) == [LANDED, LANDED]
    alone = parts(NEXT, 0, 20, load=NEXT + timedelta(days=1))[1:]
    refuse_shrunken(alone, [*yesterday, *(as_loaded(file) for file in first)])
    assert statuses(alone) == [LANDED]
