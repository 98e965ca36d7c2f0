"""The answer key against what ingest loaded: equal feed by feed, and a difference is told."""

from __future__ import annotations

import shutil

import polars as pl
import pytest

from jobs.ingest import job
from jobs.lakehouse import delta_rs
from simulator import key
from simulator.verify import verify


@pytest.fixture(scope="module")
def loaded(small_operator, tmp_path_factory):
    home = tmp_path_factory.mktemp("loaded") / "home"
    shutil.copytree(small_operator.home, home)
    settings = small_operator.with_home(home)
    job.run(settings, settings.history)
    return settings


@pytest.fixture(scope="module")
def verdict(loaded):
    return verify(loaded)


@pytest.fixture(scope="module")
def spoilt(loaded, tmp_path_factory):
    """Differences after spoiling: a row lost, the last night not loaded, a resend ignored, dirt that did not arrive."""
    settings = loaded.with_home(tmp_path_factory.mktemp("spoilt") / "home")
    shutil.copytree(loaded.home, settings.home)
    files = [spoil(row) for row in delta_rs.read(settings, "ops.file_ledger").to_pylist()]
    delta_rs.replace(
        settings, "ops.file_ledger", [row for row in files if row["load_date"] != settings.history.last], None
    )
    for path in settings.path("answer_key", "dirt").glob("*.parquet"):
        rows = pl.read_parquet(path)
        key.save(rows.with_columns(pl.col("rows") + 1), path)
    return verify(settings).differences


def spoil(row: dict) -> dict:
    """Some columns of the file ledger made wrong."""
    wrong = {"rows_good": row["rows_good"] - 1} if row["feed"] == "cdr_voice" else {}
    return row | wrong | ({"status": "LANDED", "resend_no": 7} if row["status"] == "SUPERSEDED" else {})


def test_every_count_equals_the_answer_key(loaded, verdict):
    assert verdict.differences == []
    assert verdict.by_feed.height >= 25, "floor: feeds are compared"
    assert (verdict.by_feed["files"] == verdict.by_feed["files_found"]).all()
    files = delta_rs.read(loaded, "ops.file_ledger").to_pylist()
    assert sum(row["rows_good"] or 0 for row in files) > 50_000, "floor: rows moved"
    assert sum(row["rows_quarantined"] or 0 for row in files) > 20, "floor: dirt was found"
    assert "not built" in verdict.notes[0], "no view here: said, not passed over"


def test_what_was_compared_holds_a_split_file_a_late_file_and_a_resend(loaded):
    files = key.read_counts(loaded.home)
    assert files.filter(pl.col("sequence_no") > 1)["feed"].n_unique() >= 3, "fixed width and dollar"
    assert files.filter(pl.col("load_date") > pl.col("data_date"))["feed"].to_list().count("misc_order") == 1
    assert set(files.filter(pl.col("resend_no") > 0)["feed"]) == {"customer"}
    statuses = {row["status"] for row in delta_rs.read(loaded, "ops.file_ledger").to_pylist()}
    assert statuses == {"LANDED", "SUPERSEDED"}


def test_every_class_of_dirt_is_planted_and_found(verdict):
    dirt = verdict.dirt
    assert set(dirt["class"]) == {
        "D1",
        "D4",
        "D5",
        "D6",
        "D8",
        "D9",
        "D10",
        "D11",
        "D12",
        "D13",
        "D18",
        "D19",
        "D21",
        "D22",
    }
    assert dirt.filter(pl.col("class") == "D10")["feed"].to_list() == ["all feeds", "cdr_gprs", "cdr_sms", "cdr_voice"]
    empty = dirt.filter(pl.col("rows") == 0)
    assert not empty.height, f"floor: {empty}"


def test_a_lost_row_a_wrong_resend_and_a_resend_that_replaced_nothing_are_told_with_their_feed(spoilt):
    found = {(difference.feed, difference.what.split()[-1]) for difference in spoilt}
    assert {("cdr_voice", "good"), ("customer", "resend_no"), ("customer", "status")} <= found
    assert ("cdr_sms", "good") not in found


def test_a_last_night_that_was_not_loaded_is_told(spoilt, loaded):
    missing = [difference for difference in spoilt if difference.found == "not in ops.file_ledger"]
    assert {difference.load_date for difference in missing} == {str(loaded.history.last)}
    assert len(missing) > 20


@pytest.mark.parametrize("dirt", ["D1", "D4", "D5", "D6", "D8", "D9", "D10", "D11", "D12", "D13", "D18", "D19", "D22"])
def test_dirt_that_did_not_arrive_is_told(spoilt, dirt):
    assert dirt in {difference.what.split()[0] for difference in spoilt}


def test_a_key_without_files_is_a_difference(loaded, tmp_path):
    assert verify(loaded.with_home(tmp_path)).differences
