"""Bronze keeps few files: old months in one, young nights in their own, and a night is read and replaced as before."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest

from conf.dates import DateRange
from conf.tables import load_tables, table_of
from jobs.lakehouse import delta_rs, expiry
from jobs.lakehouse.content import rows_hash
from jobs.lakehouse.months import join_months
from jobs.lakehouse.places import open_table
from jobs.maintenance import job
from tests.builders.targeting_night import a_row

NAME = "bronze.payment"
TODAY = date(2026, 3, 31)  # 35 days before: 24 February, so that January alone is old as a whole
JANUARY = [date(2026, 1, day) for day in (2, 3, 4, 30)]
YOUNG = [date(2026, 2, 1), date(2026, 2, 20), date(2026, 3, 30)]
COLUMNS = ["load_date", "file_id", "line_number"]


def bring(settings, night: date, rows: int = 3, file_id: str = "f") -> None:
    """Replace a night as ingest does: a stream of rows, and what the range names."""
    given = [
        a_row(NAME, load_date=night, data_date=night, file_id=f"{file_id}-{night}", line_number=number)
        for number in range(1, rows + 1)
    ]
    table = delta_rs._as_arrow(table_of(NAME), given)
    stream = pa.RecordBatchReader.from_batches(table.schema, table.to_batches())
    delta_rs.replace(settings, NAME, stream, DateRange(night, night).predicate("load_date"), "a")


def files(settings, night: date | None = None) -> list[str]:
    only = {"file_pruning_predicate": f"load_date = DATE '{night}'"} if night else {}
    return open_table(settings, NAME).file_uris(**only)


def version(settings) -> int:
    return delta_rs.head_version(settings, NAME)


def rows_of(settings, night: date) -> set[tuple[str, int]]:
    rows = delta_rs.read_nights(settings, NAME, DateRange(night, night), COLUMNS).to_pylist()
    assert {row["load_date"] for row in rows} <= {night}
    return {(row["file_id"], row["line_number"]) for row in rows}


@pytest.fixture
def nights(settings):
    for night in (*JANUARY, *YOUNG):
        bring(settings, night)
    return settings


def care(settings) -> list[str]:
    return job._care_for_ledger(settings, table_of(NAME), TODAY)


def test_maintenance_joins_a_month_that_is_old_and_leaves_young_nights_in_their_own_files(nights):
    before, young = rows_hash(nights, NAME), {night: files(nights, night) for night in YOUNG}
    assert len(files(nights)) == len(JANUARY) + len(YOUNG)

    assert care(nights) == ["compacted"]

    assert len(files(nights)) == 1 + len(YOUNG)
    assert {night: files(nights, night) for night in YOUNG} == young
    assert all(len(found) == 1 for found in young.values())
    assert rows_hash(nights, NAME) == before
    for night in (*JANUARY, *YOUNG):
        assert rows_of(nights, night) == {(f"f-{night}", number) for number in (1, 2, 3)}
    done = version(nights)
    assert care(nights) == []
    assert len(files(nights)) == 1 + len(YOUNG)
    assert join_months(nights, NAME, TODAY, "a") == 1, "February was whole all the time"
    assert version(nights) > done


def test_a_night_of_a_joined_month_is_replaced_in_one_commit_and_its_neighbours_stay(nights):
    care(nights)
    late, others = JANUARY[1], " AND ".join(f"load_date <> DATE '{day}'" for day in JANUARY[1:2])
    before, began = rows_hash(nights, NAME, others), version(nights)

    bring(nights, late, rows=5, file_id="again")

    assert version(nights) == began + 1
    assert rows_of(nights, late) == {(f"again-{late}", number) for number in range(1, 6)}
    assert rows_hash(nights, NAME, others) == before
    assert delta_rs.read(nights, NAME, version=began).num_rows == 3 * len(JANUARY + YOUNG), "a replay sees what it saw"
    once = rows_hash(nights, NAME)
    bring(nights, late, rows=5, file_id="again")
    assert rows_hash(nights, NAME) == once
    care(nights)
    assert (rows_hash(nights, NAME), len(files(nights))) == (once, 1 + len(YOUNG))


def test_a_night_that_ingest_takes_back_leaves_a_joined_month(nights):
    care(nights)
    bring(nights, JANUARY[0], rows=0)
    assert rows_of(nights, JANUARY[0]) == set()
    assert delta_rs.read(nights, NAME).num_rows == 3 * (len(JANUARY + YOUNG) - 1)


def test_retention_takes_the_nights_before_its_date_out_of_a_joined_month(nights):
    care(nights)
    keep = table_of(NAME).retention_days
    today = JANUARY[2] + timedelta(days=keep)  # the first night to keep stands in the middle of the joined file
    job._care_for_ledger(nights, table_of(NAME), today)
    left = sorted(set(delta_rs.read(nights, NAME)["load_date"].to_pylist()))
    assert left == [*JANUARY[2:], *YOUNG]
    (noted,) = delta_rs.read(nights, expiry.EXPIRY).to_pylist()
    assert (noted["thing"], noted["kept_from"], noted["removed_cnt"]) == (NAME, JANUARY[2], 6)


def test_a_month_too_large_for_one_file_stays_in_its_nights(nights, monkeypatch):
    monkeypatch.setattr("jobs.lakehouse.months.MONTH_BYTES", 1_000)
    assert care(nights) == []
    assert len(files(nights)) == len(JANUARY) + len(YOUNG)


def test_a_table_of_before_with_a_folder_a_night_goes_on_as_it_is(settings, monkeypatch):
    contract = load_tables()[NAME]
    monkeypatch.setitem(load_tables(), NAME, contract.model_copy(update={"partition_by": ("load_date",)}))
    for night in (*JANUARY, *YOUNG):
        bring(settings, night)
    assert all("load_date=" in path for path in files(settings))
    before = rows_hash(settings, NAME)
    monkeypatch.setitem(load_tables(), NAME, contract)

    delta_rs.ensure_tables(settings)

    assert care(settings) == []
    assert (rows_hash(settings, NAME), len(files(settings))) == (before, len(JANUARY) + len(YOUNG))
    bring(settings, JANUARY[1], rows=5, file_id="again")
    assert rows_of(settings, JANUARY[1]) == {(f"again-{JANUARY[1]}", number) for number in range(1, 6)}
    assert rows_of(settings, JANUARY[0]) == {(f"f-{JANUARY[0]}", number) for number in (1, 2, 3)}


@pytest.mark.parametrize("name", sorted(name for name, table in load_tables().items() if table.layer == "bronze"))
def test_no_bronze_contract_gives_a_night_a_folder(name):
    assert table_of(name).partition_by == ()
    assert table_of(name).date_column == "load_date"
