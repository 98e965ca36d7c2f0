"""Files leave when their time is over, and nothing else does: no list still valid, no delivery that somebody must look at."""

from __future__ import annotations

import json
import os
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from conf.dates import DateRange
from expectations.gate import judge
from jobs.ingest import job as ingest
from jobs.lakehouse import delta_rs
from jobs.maintenance import old_files
from tests.unit.ingest.deliveries import dollar, list_members, payments

NIGHT = date(2026, 3, 10)
FEEDS = ["payment", "list_member"]


def _put(settings, place: str, written_on: date = NIGHT, text: str = "x") -> None:
    path = settings.path(place)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    at = datetime(written_on.year, written_on.month, written_on.day, 12, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()
    os.utime(path, (at, at))


def _left(settings, folder: str) -> set[str]:
    root = settings.path(folder)
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def _remove(settings, today: date) -> dict[str, int]:
    found = old_files.old_files(settings, today)
    old_files.remove(settings, found)
    return {kind: len(paths) for kind, paths in found.items() if paths}


def _list(settings, name: str, expires: date) -> None:
    for end in ("", ".done", ".done.sig", ".recall.json"):
        _put(settings, f"exports/SMS/{name}{end}")
    _put(settings, f"exports/SMS/{name}.manifest.json", text=json.dumps({"expires_on": str(expires)}))


def test_lists_go_with_all_that_stands_beside_them_when_nobody_may_be_contacted_from_them_any_more(settings):
    _list(settings, "A_20260101.txt", NIGHT - timedelta(days=31))
    _list(settings, "A_20260101_2.txt", NIGHT - timedelta(days=30))

    assert _remove(settings, NIGHT) == {"exports": 5}
    assert {name.split(".")[0] for name in _left(settings, "exports")} == {"SMS/A_20260101_2"}
    assert len(_left(settings, "exports")) == 5


@pytest.mark.parametrize(
    ("place", "folder", "days"),
    [
        ("alerts/2026-01-01_FEED_LATE_1.json", "alerts", "alert_days"),
        ("logs/closedloop/1.jsonl", "logs", "log_days"),
        ("airflow/logs/dag_id=ingest/run_id=1/attempt=1.log", "airflow/logs", "log_days"),
        ("run/spark-local/blockmgr-1/0a/shuffle.data", "run/spark-local", "log_days"),
    ],
)
def test_what_nobody_wrote_to_in_that_many_days_goes(settings, place, folder, days):
    kept = getattr(settings.retention, days)
    _put(settings, f"{place}.young" if "." not in place else place.replace("1", "2"), NIGHT - timedelta(days=kept))
    _put(settings, place, NIGHT - timedelta(days=kept + 1))

    assert sum(_remove(settings, NIGHT).values()) == 1
    assert len(_left(settings, folder)) == 1
    assert not settings.path(place).exists()


def test_reports_go_by_their_night_and_leave_the_index(settings):
    for day in (NIGHT - timedelta(days=401), NIGHT - timedelta(days=400)):
        _put(settings, f"reports/{day}.html")

    assert _remove(settings, NIGHT) == {"reports": 1}
    kept = NIGHT - timedelta(days=400)
    assert _left(settings, "reports") == {f"{kept}.html", "index.html"}
    index = settings.path("reports", "index.html").read_text(encoding="utf-8")
    assert str(kept) in index
    assert str(kept - timedelta(days=1)) not in index


def test_old_validations_leave_the_data_docs_and_their_index(settings):
    docs = settings.path("data_docs")
    for run in ("evaluation old", "evaluation young"):
        judge({"silver.payment": _numbers("silver.payment")}, docs, run)
    long_ago = datetime(2025, 1, 1).timestamp()
    for path in [*docs.glob("validations/**/*"), *docs.glob("gx/results/**/*")]:
        if path.is_file() and "evaluation old" in str(path):
            os.utime(path, (long_ago, long_ago))
    assert "evaluation old" in (docs / "index.html").read_text(encoding="utf-8")

    assert _remove(settings, datetime.now().date())["data_docs"] == 2
    index = (docs / "index.html").read_text(encoding="utf-8")
    assert "evaluation old" not in index
    assert "evaluation young" in index
    assert len([path for path in docs.glob("validations/**/*") if path.is_file()]) == 1


def _numbers(name: str) -> dict:
    from expectations.suites import rules_of

    return {rule.id: 1.0 for rule in rules_of(name)}


@pytest.fixture
def landed(settings):
    """Two nights of two feeds, loaded; beside them a delivery nobody announced and one that is still being written."""
    for day, first in ((NIGHT - timedelta(days=91), 0), (NIGHT - timedelta(days=90), 50)):
        dollar(settings.path("landing"), "billing", "03006", day, payments(3, first))
        dollar(settings.path("landing"), "boss", "02090", day, list_members(4), letter="I")
        ingest.run(settings, DateRange(day, day), FEEDS)
    _put(settings, "landing/billing/S0300620250101000000.AVL")
    _put(settings, "landing/billing/S0300620250102000000.AVL.part")
    _put(settings, "landing/billing/readme.txt")
    return settings


def _rows(settings) -> list:
    names = ("bronze.payment", "bronze.list_member", "ops.file_ledger", "ops.feed_status")
    return [
        sorted(
            delta_rs.read(settings, name).drop_columns(["run_id"] if name.startswith("ops") else []).to_pylist(),
            key=str,
        )
        for name in names
    ]


def test_loaded_deliveries_leave_landing_and_a_rerun_of_their_night_loses_nothing(landed):
    before, day = _rows(landed), NIGHT - timedelta(days=91)
    assert before[0]

    assert _remove(landed, NIGHT) == {"landing": 4}
    left = _left(landed, "landing")
    assert {name for name in left if f"{day:%Y%m%d}" in name} == set()
    assert len(left) == 4 + 3
    ingest.run(landed, DateRange(day, day), FEEDS)
    assert _rows(landed) == before


def test_deliveries_go_to_the_archive_where_one_is_set(landed, tmp_path):
    place = landed.retention.landing.model_copy(update={"archive": tmp_path / "archive"})
    kept = landed.model_copy(update={"retention": landed.retention.model_copy(update={"landing": place})})
    name = f"S03006{NIGHT - timedelta(days=91):%Y%m%d}000000.AVL"
    content = landed.path("landing", "billing", name).read_bytes()

    assert _remove(kept, NIGHT) == {"landing": 4}
    assert (tmp_path / "archive" / "billing" / name).read_bytes() == content
    assert len([path for path in (tmp_path / "archive").rglob("*") if path.is_file()]) == 4
