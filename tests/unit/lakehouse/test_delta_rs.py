"""The ledger writes small tables in one commit, refuses other shapes and follows its contracts."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from conf.errors import ContractBroken
from conf.tables import load_tables, table_of
from jobs.lakehouse import delta_rs
from jobs.lakehouse.content import hash_rows, rows_hash
from jobs.lakehouse.places import is_there, table_place
from jobs.lakehouse.schema import arrow_schema, conform

NAME = "ops.feed_status"
TENTH, ELEVENTH, TWELFTH = (date(2026, 3, day) for day in (10, 11, 12))


def _status(day: date, feed: str = "payment", **changed) -> dict:
    return {"business_date": day, "feed": feed, "status": "COMPLETE", "run_id": "a", **changed}


def test_every_contract_gets_its_table_once(settings):
    created = delta_rs.ensure_tables(settings)

    assert set(created) == set(load_tables())
    assert delta_rs.ensure_tables(settings) == []  # the second time nothing is looked at
    assert all(is_there(settings, name) for name in created)


def test_table_gains_a_column_given_a_contract_that_grew(settings, monkeypatch):
    table = load_tables()[NAME]
    older = table.model_copy(update={"columns": tuple(c for c in table.columns if c.name != "detail")})
    monkeypatch.setitem(load_tables(), NAME, older)
    delta_rs.append(settings, NAME, [_status(TENTH)])
    monkeypatch.setitem(load_tables(), NAME, table)

    assert delta_rs.ensure_tables(settings) == [NAME]

    delta_rs.append(settings, NAME, [_status(ELEVENTH, detail="late")])
    details = {row["business_date"]: row["detail"] for row in delta_rs.read(settings, NAME).to_pylist()}
    assert details == {TENTH: None, ELEVENTH: "late"}


def test_column_a_contract_lost_stays_empty_in_new_rows(settings, monkeypatch):
    table = load_tables()[NAME]
    gone = table.column("file_cnt").model_copy(update={"name": "gone_cnt"})
    monkeypatch.setitem(load_tables(), NAME, table.model_copy(update={"columns": (*table.columns, gone)}))
    delta_rs.append(settings, NAME, [_status(TENTH, gone_cnt=7)])
    monkeypatch.setitem(load_tables(), NAME, table)

    assert delta_rs.ensure_tables(settings) == [NAME]

    delta_rs.append(settings, NAME, [_status(ELEVENTH)])
    delta_rs.replace(settings, NAME, [_status(TWELFTH)], "business_date = '2026-03-12'")
    counts = {row["business_date"]: row["gone_cnt"] for row in delta_rs.read(settings, NAME).to_pylist()}
    assert counts == {TENTH: 7, ELEVENTH: None, TWELFTH: None}


def test_changed_type_is_refused_given_a_table_with_rows(settings, monkeypatch):
    table = load_tables()[NAME]
    other = table.column("file_cnt").model_copy(update={"type": "string"})
    changed = table.model_copy(update={"columns": tuple(other if c.name == "file_cnt" else c for c in table.columns)})
    delta_rs.append(settings, NAME, [_status(TENTH)])
    monkeypatch.setitem(load_tables(), NAME, changed)

    with pytest.raises(ContractBroken, match="fresh home"):
        delta_rs.ensure_tables(settings)


def test_replace_touches_only_the_rows_of_its_predicate(settings):
    delta_rs.append(settings, NAME, [_status(TENTH), _status(ELEVENTH)])

    delta_rs.replace(
        settings, NAME, [_status(TENTH, "balance"), _status(TENTH, "customer")], "business_date = '2026-03-10'"
    )

    rows = {(row["business_date"], row["feed"]) for row in delta_rs.read(settings, NAME).to_pylist()}
    assert rows == {(TENTH, "balance"), (TENTH, "customer"), (ELEVENTH, "payment")}


def test_replace_by_nothing_removes_the_rows(settings):
    delta_rs.append(settings, NAME, [_status(TENTH), _status(ELEVENTH)])

    delta_rs.replace(settings, NAME, [], "business_date = '2026-03-10'")

    assert delta_rs.read(settings, NAME).num_rows == 1


def test_restore_brings_an_earlier_version_back(settings):
    delta_rs.append(settings, NAME, [_status(TENTH)])
    version = delta_rs.head_version(settings, NAME)
    delta_rs.append(settings, NAME, [_status(ELEVENTH)])

    delta_rs.restore(settings, NAME, version)

    assert delta_rs.read(settings, NAME).num_rows == 1


def test_unknown_column_is_refused_by_name(settings):
    with pytest.raises(ContractBroken, match="extra: colour"):
        delta_rs.append(settings, NAME, [_status(TENTH, colour="red")])


def test_lake_tables_are_refused(settings):
    with pytest.raises(ContractBroken, match=r"lake\.replace"):
        delta_rs.append(settings, "gold.customer_score", [])


def test_content_hash_ignores_order_files_and_run_ids(settings):
    delta_rs.append(settings, NAME, [_status(TENTH), _status(ELEVENTH)])
    once = rows_hash(settings, NAME)
    delta_rs.replace(settings, NAME, [], None)
    delta_rs.append(settings, NAME, [_status(ELEVENTH, run_id="b")])
    delta_rs.append(settings, NAME, [_status(TENTH, run_id="c")])

    assert rows_hash(settings, NAME) == once
    assert rows_hash(settings, NAME, "business_date = DATE '2026-03-10'") != once


@pytest.mark.parametrize("changed", [{"feed": "balance"}, {"detail": ""}, {"file_cnt": 0}])
def test_content_hash_differs_given_one_changed_value(settings, changed):
    columns = ["business_date", "feed", "detail", "file_cnt"]
    table = load_tables()[NAME]
    before, after = (delta_rs._as_arrow(table, [row]) for row in (_status(TENTH), _status(TENTH, **changed)))

    assert hash_rows(before, columns) != hash_rows(after, columns)


def test_newest_date_is_that_of_the_rows_a_version_holds(settings):
    day = date(2026, 3, 10)
    gone = date(2026, 3, 12)
    delta_rs.append(settings, NAME, [_status(d) for d in (day, day + timedelta(1), gone)])
    before = delta_rs.head_version(settings, NAME)
    delta_rs.delete(settings, NAME, f"business_date = '{gone}'")

    def newest(**given):
        return delta_rs.newest_date(settings, NAME, "business_date", **given)

    assert newest() == day + timedelta(1)
    assert newest(version=before) == gone
    assert newest(version=before, before=gone) == day + timedelta(1)
    assert newest(before=day) is None
    assert delta_rs.newest_date(settings, "ops.run_metric", "business_date") is None


def test_newest_date_of_a_partitioned_table_needs_no_row(settings, monkeypatch):
    path = table_place(settings, "gold.customer_score").local
    delta_rs.ensure_tables(settings)
    table = table_of("gold.customer_score")
    assert table.partition_by == ("snapshot_date",)  # floor: the case is what it says
    nothing = conform(table, pa.Table.from_pylist([{}, {}], schema=arrow_schema(table)))
    days = pa.array([date(2026, 3, 9), date(2026, 3, 10)])
    data = nothing.set_column(table.column_names.index("snapshot_date"), "snapshot_date", days)
    write_deltalake(str(path), data, mode="append")
    monkeypatch.setattr(delta_rs, "read", lambda *args, **kwargs: pytest.fail("rows were read"))

    assert delta_rs.newest_date(settings, "gold.customer_score", "snapshot_date") == date(2026, 3, 10)
    assert delta_rs.newest_date(settings, "gold.customer_score", "snapshot_date", before=date(2026, 3, 10)) == date(
        2026, 3, 9
    )
