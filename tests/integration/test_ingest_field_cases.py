"""Small deliveries that real systems have stumbled on (tests/data/field_cases), each through the whole ingest job."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from conf.dates import DateRange
from jobs.ingest.job import run
from jobs.lakehouse import delta_rs
from jobs.overview import quality
from jobs.people.tokens import Tokenizer
from tests.conftest import settings_for_tests
from tests.unit.ingest.deliveries import A_DAY

CASES = Path(__file__).parents[1] / "data" / "field_cases"
FEEDS = ["subscription_imei", "customer", "complaint", "cdr_gprs", "tac_device"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Settings of a home into which the night of three cases was loaded."""
    settings = settings_for_tests(tmp_path_factory.mktemp("cases"))
    for case in ("imei-forms", "rare-names", "long-session"):
        shutil.copytree(CASES / case / "landing", settings.path("landing"), dirs_exist_ok=True)
    dates = DateRange(A_DAY.replace(month=2, day=28), A_DAY)  # the device file was made in the night of 28 February
    assert run(settings, dates, FEEDS)["rows_in"] == 27
    return settings


def rows_of(home, feed: str) -> list[dict]:
    return sorted(delta_rs.read(home, f"bronze.{feed}").to_pylist(), key=lambda row: row["line_number"])


def marks_of(home, feed: str) -> dict:
    (file,) = [row for row in delta_rs.read(home, "ops.file_ledger").to_pylist() if row["feed"] == feed]
    return json.loads(file["marks_by_field"] or "{}")


def test_one_handset_in_many_writings_has_one_token_and_the_rest_is_empty_and_counted(home):
    tokens = {row["user_id"]: row["imei_token"] for row in rows_of(home, "subscription_imei")}
    one = Tokenizer.of(home).token("IMEI", "35383741012345")
    padded = Tokenizer.of(home).token(
        "IMEI", "03538374101234"
    )  # fifteen digits are fourteen and one more, whatever they are
    assert tokens == {
        **dict.fromkeys(["U000", "U001", "U002", "U003", "U010"], one),
        "U004": padded,
        **dict.fromkeys(["U005", "U006", "U007", "U008", "U009"]),
    }
    assert marks_of(home, "subscription_imei") == {"imei": {"BAD_IMEI": 5}}
    assert {row["tac"] for row in rows_of(home, "subscription_imei")} == {"35383741", "03538374", None}


def test_rare_names_are_read_and_cost_no_record(home):
    customers, complaints = rows_of(home, "customer"), rows_of(home, "complaint")
    names = {row["token"]: row["value"] for row in delta_rs.read(home, "vault.identity").to_pylist()}
    assert [names[row["cust_name_token"]] for row in customers] == ["张三", "王䶮", "李𠮷", "赵㐂", "陈国华"]
    assert names[customers[4]["contact_address_token"]] == "福清市€路"
    assert [row["remark"] for row in complaints] == ["不要再打电话", "䶮先生要求不再外呼", "客户𠮷田投诉外呼"]
    assert marks_of(home, "customer") == marks_of(home, "complaint") == {}


def test_long_sessions_keep_their_money_and_odd_tacs_are_told(home):
    sessions = rows_of(home, "cdr_gprs")
    assert [(row["duration"], row["fee"], row["dq_flag"]) for row in sessions] == [
        (86400, 500, None),
        (90061, 1500, "duration ABOVE_USUAL"),
        (3600, 500, None),
    ]
    assert marks_of(home, "cdr_gprs") == {"duration": {"ABOVE_USUAL": 1}}
    assert [(row["tac"], row["brand"], row["dq_flag"]) for row in rows_of(home, "tac_device")] == [
        ("35391234", "Alpha", None),
        ("35391234", "Alpha Mobile", "tac DOUBLE_KEY"),
        ("01017901", "Beta, Inc.", None),
    ]
    refused = [(row["line_number"], row["rule"]) for row in delta_rs.read(home, "ops.quarantine").to_pylist()]
    assert sorted(refused) == [(3, "BAD_FORM"), (4, "BAD_FORM")]
    (told,) = [path.read_text(encoding="utf-8") for path in home.path("alerts").glob("*_KEYS_DOUBLED_*.json")]
    assert "found 1 records of a key (tac) the file holds already" in told


def test_marked_cells_are_a_number_of_the_run(home):
    metrics = {
        (row["table_name"], row["metric"]): row["value"] for row in delta_rs.read(home, "ops.run_metric").to_pylist()
    }
    assert metrics["bronze.subscription_imei", "cells_marked"] == 5
    assert metrics["bronze.cdr_gprs", "cells_marked"] == 1
    assert metrics["bronze.cdr_gprs", "rows_quarantined"] == 0


def test_the_night_is_told_what_was_emptied_or_is_unusual(home):
    parts = dict(quality(home, A_DAY))
    (told,) = [rows for title, rows in parts.items() if title.startswith("Cells of good records")]
    assert {(row["feed"], row["marks_by_field"]) for row in told} == {
        ("cdr_gprs", '{"duration": {"ABOVE_USUAL": 1}}'),
        ("subscription_imei", '{"imei": {"BAD_IMEI": 5}}'),
    }
