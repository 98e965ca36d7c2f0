"""Numbers and names of persons go out of every text that leaves the tables; what our own messages say stays readable."""

from __future__ import annotations

import json
import logging
import os
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.lakehouse.alerts import raise_alert
from jobs.lakehouse.logs import fact, log_to_home
from jobs.lakehouse.masking import masked, masked_column, masked_message, masked_name, printable

PERSONAL = [
    "13401234567",
    "+86 134 0123 4567",
    "134-0123-4567",
    "１３４０１２３４５６７",
    "134\u20130123\u20134567",
    "134 - 0123 - 4567",
    "a13401234567b",
    "d13401234567",
    "11010519491231002X",
    "１１０１０５１９４９１２３１００２Ｘ",
    "460001234567890",
    "0591 8765 4321",
    "87654321",
    "6222021234567890123",
    "0086134\u30000123\u30004567",
    "13401234567.dat",
    "S0313401234567.AVL",
]
OURS = [
    "s_13100_20260310_13203_00_001.dat line 7: found 95 bytes",
    "boss/S0300620260231000000.AVL.Z: found a packed file",
    "i_13100_201005_VGOP-R1.6-13201_00.verf",
    "s_13100_202613_03005_00.verf",
    "I1700220110308.CHK",
    "nothing for 2026-03-10 by 06:00",
    "2026-03-10..2026-03-12",
    "20260310120000",
    "2026-03-10 03:00:00.123456+00:00",
    "SMS_20260311_CRBT_SAVE_001.txt",
    "K0123456789ABCDEF01234567",
    "0123456789abcdef01234567",
    "found 1,875,000,000 bytes",
    "sc://localhost:15002",
    "resend 01, parts [1, 2, 3]",
]


@pytest.mark.parametrize("text", PERSONAL)
def test_a_number_of_a_person_goes_in_every_writing(text):
    around = f"call {text} back"
    for shown in (masked(around), masked_message(around), masked_column(pa.array([around]))[0].as_py()):
        assert "***" in shown
        assert sum(char.isdigit() for char in shown) <= 2, "floor: no seven digits are left"
        assert shown.startswith("call ")
        assert shown.endswith(" back")


@pytest.mark.parametrize("text", OURS)
def test_what_our_messages_say_stays(text):
    assert masked_message(text) == text


def test_names_of_persons_in_names_of_files_keep_their_first_character():
    assert masked_name("黑名单_吴静洋_13401234567.xlsx") == "黑**_吴**_***.xlsx"
    assert masked_name(os.fsdecode("吴静洋.xlsx".encode("gbk"))) == "吴**.xlsx"
    assert masked_name("s_13100_20260310_13203_00_001.dat") == "s_13100_20260310_13203_00_001.dat"
    assert len(masked_name("x" * 255)) == 120


@pytest.mark.parametrize("text", ["\udcba\udcda", "a\x00b", "\ud800", "\u202e", "x\x1b[2J"])
def test_whatever_stands_in_a_name_can_be_written_and_posted(text):
    shown = printable(text)
    assert shown.encode("utf-8").decode("utf-8").isprintable()
    assert masked_name(text).isprintable()


def test_alerts_and_log_lines_are_masked_and_numbers_and_ids_stay(settings, capsys):
    log_to_home(settings, verbose=True)
    raise_alert(
        settings,
        "FILE_CLOSED",
        "2026-03-10",
        "asked by 13401234567",
        by="op 134 0123 4567",
        rows=12345678,
        run_id="123456789012",
    )
    logging.getLogger("jobs.x").warning("read %s", "13401234567")
    fact(
        logging.getLogger("jobs.x"),
        logging.INFO,
        "SEEN",
        {"file": Path("吴_13401234567.csv"), "rows": 7654321, "seen": ["13401234567"]},
    )
    try:
        raise ValueError("13401234567")
    except ValueError:
        logging.getLogger("jobs.x").exception("failed")

    (alert,) = [json.loads(path.read_text(encoding="utf-8")) for path in settings.path("alerts").glob("*.json")]
    assert (alert["text"], alert["by"], alert["rows"], alert["run_id"]) == (
        "asked by ***",
        "op ***",
        "12345678",
        "123456789012",
    )
    (log,) = settings.path("logs", "closedloop").glob("*.jsonl")
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert [line["event"] for line in lines] == ["FILE_CLOSED", "read ***", "SEEN", "failed"]
    assert (lines[2]["file"], lines[2]["rows"], lines[2]["seen"]) == ("吴_***.csv", 7654321, ["***"])
    assert all(datetime.fromisoformat(line["timestamp"]) for line in lines)
    assert "ValueError: ***" in lines[3]["exception"]
    assert "13401234567" not in log.read_text(encoding="utf-8") + capsys.readouterr().err
    log_to_home(settings)
