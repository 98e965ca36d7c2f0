"""The three styles, read byte by byte with code of the test's own."""

from __future__ import annotations

from conf.feeds import load_feeds


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
        line = control.read_bytes()
        assert len(line) == 104
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
    for check in checks:
        name, size, rows, stamp, created = check.read_text().strip().split("$")
        content = (check.parent / name).read_bytes()
        assert (len(content), content.count(b"\n")) == (int(size), int(rows))
        assert created > stamp


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
