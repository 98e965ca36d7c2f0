"""The three styles, read byte by byte with code of the test's own."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest

from conf.feeds import load_feeds
from simulator.extract import Delivery
from simulator.files import write_delivery
from simulator.key import read_counts


def split_paired(line: bytes, separator: int) -> list[bytes]:
    """Split at unpaired separators only: a byte 0x81-0xFE takes the next one with it."""
    fields, field, place = [], bytearray(), 0
    while place < len(line):
        byte = line[place]
        if byte == separator:
            fields.append(bytes(field))
            field = bytearray()
        elif 0x81 <= byte <= 0xFE and place + 1 < len(line):
            field += line[place : place + 2]
            place += 1
        else:
            field.append(byte)
        place += 1
    return [*fields, bytes(field)]


def folder(settings, source):
    return settings.path("landing", source)


def test_fixed_width_control_lines_have_104_bytes_and_tell_rows_and_bytes(small_operator):
    feed = load_feeds()["customer"]
    length = 8 + sum(field.width for field in feed.fields) + 2
    controls = sorted(folder(small_operator, "boss").glob("*_01002_*.verf"))
    assert controls
    for control in controls:
        lines = control.read_bytes()
        assert len(lines) % 104 == 0
        for line in (lines[start : start + 104] for start in range(0, len(lines), 104)):
            assert line.endswith(b"\r\n")
            name, size, rows = line[:40].strip().decode(), int(line[40:60]), int(line[60:80])
            content = (control.parent / name).read_bytes()
            assert len(content) == size == rows * length


def test_fixed_width_records_hold_chinese_names_of_the_right_byte_width(small_operator):
    feed = load_feeds()["customer"]
    length = 8 + sum(field.width for field in feed.fields) + 2
    content = (folder(small_operator, "boss") / "i_13100_20250901_01002_00_001.dat").read_bytes()
    records = [content[place : place + length] for place in range(0, len(content), length)]
    assert all(record.endswith(b"\r\n") for record in records)
    assert [int(record[:8]) for record in records] == list(range(1, len(records) + 1))


def test_dollar_files_have_the_rows_their_check_file_says(small_operator):
    checks = sorted(folder(small_operator, "billing").glob("S04008*.CHK"))
    assert len(checks) == 40
    for line in (line for check in checks for line in check.read_text().splitlines()):
        name, size, rows, stamp, created = line.split("$")
        content = (checks[0].parent / name).read_bytes()
        assert (len(content), content.count(b"\n")) == (int(size), int(rows))
        assert created > stamp


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("crbt_fee", "s_13100_20250901_13203_00_002.dat"),
        ("payment", "S0300620250901000001.AVL"),
        ("crbt_tone_event", "s_13100_20250901_VGOP-R1.6-15202_00_002.dat"),
    ],
)
def test_large_files_of_every_style_are_split_and_listed_in_one_control_file(tmp_path, name, second):
    feed, created = load_feeds()[name], datetime(2025, 9, 2, 3)
    rows = pl.DataFrame({field.name: ["1", "2", "3"] for field in feed.fields})
    written = write_delivery(tmp_path, feed, Delivery(name, date(2025, 9, 1), rows, created), "13100", 2)
    assert [part["rows"] for part in written] == [2, 1]
    assert written[1]["file_name"] == second
    (control,) = [file for file in tmp_path.iterdir() if file.suffix in (".verf", ".CHK")]
    assert all(part["file_name"].encode() in control.read_bytes() for part in written)


def test_euro_files_split_right_although_names_hold_the_separator_byte(small_operator):
    fields = len(load_feeds()["crbt_tone_event"].fields) + 1
    good, tricky = 0, 0
    for file in sorted(folder(small_operator, "vas").glob("*15202*.dat")):
        for line in file.read_bytes().splitlines():
            cells = split_paired(line, 0x80)
            good += len(cells) == fields
            tricky += line.count(b"\x80") > fields - 1
    assert good > 100
    assert tricky > 0  # characters such as 個 end in 0x80


def test_a_resend_carries_more_rows_than_the_broken_first_transmission(small_operator):
    first, again = (
        sorted(folder(small_operator, "boss").glob(f"*20250914_01002_{resend}.verf"))[0] for resend in ("00", "01")
    )
    assert int(again.read_bytes()[60:80]) > int(first.read_bytes()[60:80])


def test_a_resent_dollar_file_replaces_the_first_one_in_place(small_operator):
    resent = read_counts(small_operator.home).filter(
        (pl.col("feed") == "payment") & (pl.col("data_date") == date(2025, 9, 7))
    )
    assert resent["file_name"].n_unique() == len(resent)
    assert (resent["resend_no"] == 0).all()
    assert resent["created"][0].hour * 60 + resent["created"][0].minute > 3 * 60 + 10 + 30, "made after its usual time"
