"""The answer key against what ingest loaded: equal feed by feed, and a difference is told."""

from __future__ import annotations

import shutil

import pytest

from jobs.ingest import job
from jobs.lakehouse import ledger
from simulator.verify import verify


@pytest.fixture(scope="module")
def loaded(small_operator, tmp_path_factory):
    home = tmp_path_factory.mktemp("loaded") / "home"
    shutil.copytree(small_operator.home, home)
    settings = small_operator.with_home(home)
    job.run(settings, settings.history)
    return settings


def test_every_count_equals_the_answer_key(loaded):
    verdict = verify(loaded)

    assert verdict.differences == []
    assert verdict.by_feed.height >= 25, "floor: feeds are compared"
    files = ledger.read(loaded, "ops.file_ledger").to_pylist()
    assert sum(row["rows_good"] or 0 for row in files) > 50_000, "floor: rows moved"
    assert sum(row["rows_quarantined"] or 0 for row in files) > 20, "floor: dirt was found"


def test_a_lost_row_is_told_with_its_feed(loaded, tmp_path):
    settings = loaded.with_home(tmp_path / "home")
    shutil.copytree(loaded.home, settings.home)
    files = ledger.read(settings, "ops.file_ledger").to_pylist()
    victim = next(row for row in files if row["feed"] == "cdr_voice" and row["status"] == "LANDED")
    changed = [row | {"rows_good": row["rows_good"] - 1} if row is victim else row for row in files]
    ledger.replace(settings, "ops.file_ledger", changed, None)

    assert {difference.feed for difference in verify(settings).differences} == {"cdr_voice"}
