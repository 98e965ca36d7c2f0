"""Compiled readers against plain Python: the same verdict and value for any bytes."""

import calendar
import re
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.ingest import byte_values as bv
from jobs.ingest.byte_lines import PAIRS, PAIRS_AND_FOURS, find_lines, scan_fields
from jobs.ingest.reasons import shape
from jobs.ingest.texts import text_array
from jobs.ingest.zones import to_utc


def spans(cells: list[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    ends = np.cumsum([len(cell) for cell in cells]).astype(np.int32)
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int32)
    return np.frombuffer(b"".join(cells) + b"\n", np.uint8), starts, ends


def read(reader, cells: list[bytes]) -> list[int | str | None]:
    data, starts, ends = spans(cells)
    values, states = np.empty(len(cells), np.int64), np.empty(len(cells), np.uint8)
    reader(data, starts, ends, values, states)
    return [{bv.OK: int(v), bv.BAD: "bad", bv.EMPTY: None}[s] for v, s in zip(values, states, strict=True)]


def test_whole_numbers_given_signs_zeros_and_rubbish():
    cells = [b"0", b"-5", b"+7", b"00012", b"", b"1.5", b"1a", b"-", b"9" * 18, b"9" * 19]
    assert read(bv.read_integers, cells) == [0, -5, 7, 12, None, "bad", "bad", "bad", 10**18 - 1, "bad"]


def test_yuan_given_decimals_are_exact_fen():
    cells = [b"50.00", b"-20.5", b"0.01", b"7", b"1.234", b"1.230", b"1.", b".5", b"", b"1,000.00"]
    assert read(bv.read_yuan, cells) == [5000, -2050, 1, 700, "bad", 123, "bad", "bad", None, "bad"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.decimals(Decimal("-99999999"), Decimal("99999999"), places=2), min_size=1, max_size=20))
def test_any_two_decimal_amount_is_read_exactly(amounts):
    assert read(bv.read_yuan, [str(amount).encode() for amount in amounts]) == [int(amount * 100) for amount in amounts]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.from_regex(rb"[0-9]{8}|(19|20)[0-9]{2}(0[0-9]|1[0-3])[0-3][0-9]|[0-9x]{7,9}", fullmatch=True),
        min_size=1,
        max_size=20,
    )
)
def test_days_exist_exactly_when_the_calendar_says_so(cells):
    def wanted(cell: bytes):
        try:
            assert re.fullmatch(rb"\d{8}", cell)
            return calendar.timegm(datetime.strptime(cell.decode(), "%Y%m%d").timetuple()) // 86400
        except (ValueError, AssertionError):
            return "bad"

    assert read(bv.read_dates, cells) == [wanted(cell) for cell in cells]


def test_times_given_wrong_hours_minutes_seconds():
    cells = [b"20260310235959", b"20260310240000", b"20260310006000", b"20260229000000", b"20260310", b""]
    found = read(bv.read_datetimes, cells)
    assert found[0] == calendar.timegm((2026, 3, 10, 23, 59, 59)) * 1_000_000
    assert found[1:] == ["bad", "bad", "bad", "bad", None]


def test_months_and_mobile_numbers():
    assert read(bv.read_months, [b"202603", b"202613", b"20263", b""]) == [202603, "bad", "bad", None]
    data, starts, ends = spans([b"13800138000", b"12800138000", b"1380013800", b"", b"1380013800x"])
    values = np.empty(5, np.int64)
    bv.read_mobiles(data, starts, ends, values)
    assert values.tolist() == [13800138000, bv.NOT_MOBILE, bv.NOT_MOBILE, bv.BLANK_NUMBER, bv.NOT_MOBILE]


def python_split(line: bytes, fours: bool) -> list[bytes]:
    """Reference: a byte 0x81-0xFE begins a character of two bytes, in GB18030 also of four; only an unpaired 0x80 splits."""
    two, four = rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]", rb"[\x81-\xfe][0-9][\x81-\xfe][0-9]"
    one_field = re.compile(rb"((?:%s%s|[^\x80])*)(\x80|$)" % (two, rb"|" + four if fours else b""), re.DOTALL)
    fields, at = [], 0
    while True:
        found = one_field.match(line, at)
        fields.append(found[1])
        at = found.end()
        if not found[2]:
            return fields


def split(lines: list[bytes], pairs: int, utf8_bytes: int = 0) -> tuple[list[list[bytes]], list[bool]]:
    """Fields of style C lines as the compiled loop sees them, and which lines are UTF-8."""
    data = np.frombuffer(b"".join(line + b"\n" for line in lines), np.uint8)
    starts, ends = find_lines(data)
    bounds, counts, is_utf8 = (
        np.zeros((len(lines), 64), np.int32),
        np.zeros(len(lines), np.int32),
        np.zeros(len(lines), bool),
    )
    scan_fields(data, starts, ends, 0x80, pairs, utf8_bytes, bounds, counts, is_utf8)
    found = [
        [bytes(data[bounds[row, j] : bounds[row, j + 1] - 1]) for j in range(counts[row])] for row in range(len(lines))
    ]
    return found, is_utf8.tolist()


def without_line_ends(content: bytes) -> bytes:
    return content.replace(b"\n", b"").replace(b"\r", b"")


@settings(max_examples=400, deadline=None)
@given(st.lists(st.binary(max_size=30).map(without_line_ends), min_size=1, max_size=8), st.booleans())
def test_fields_of_style_c_are_those_of_a_byte_by_byte_reading(lines, fours):
    found, is_utf8 = split(lines, PAIRS_AND_FOURS if fours else PAIRS)
    assert found == [python_split(line, fours) for line in lines]
    assert not any(is_utf8)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12), min_size=1, max_size=6))
def test_a_line_of_a_mixed_feed_is_utf_8_when_all_of_it_is_and_one_character_has_three_bytes(cells):
    encoded = [cell.encode() for cell in cells]
    found, is_utf8 = split([b"\x80".join(encoded)], PAIRS_AND_FOURS, 3)
    assert is_utf8 == [any(len(char.encode()) >= 3 for cell in cells for char in cell)]
    assert not is_utf8[0] or found == [encoded]


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=30).map(without_line_ends))
def test_bytes_that_are_not_utf_8_are_never_read_as_such(line):
    def is_text(part: bytes) -> bool:
        try:
            return bool(part.decode() or True)
        except UnicodeDecodeError:
            return False

    found, is_utf8 = split([line], PAIRS_AND_FOURS, 2)
    assert not is_utf8[0] or all(is_text(cell) for cell in found[0])


def test_names_ending_in_the_separator_byte_stay_whole():
    line = "個".encode("gbk") + b"\x80" + "億".encode("gbk") + b"\x80" + "𠮷".encode("gb18030") + b"\x80\x81\x31"
    assert split([line], PAIRS_AND_FOURS)[0] == [
        ["個".encode("gbk"), "億".encode("gbk"), "𠮷".encode("gb18030"), b"\x81\x31"]
    ]


def test_a_column_is_decoded_at_once_and_one_by_one_only_when_it_must():
    data, starts, ends = spans(["億".encode("gbk"), b"", b"\xfe\xfe", b"plain"])
    texts, undecodable = text_array(data, starts, ends, "gbk")
    assert texts.to_pylist() == ["億", None, None, "plain"]
    assert undecodable.tolist() == [False, False, True, False]


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Berlin"])
def test_wall_clock_to_utc_agrees_with_the_zone_database(zone):
    from zoneinfo import ZoneInfo

    walls = [datetime(1988, 7, 1, 12), datetime(2026, 3, 10, 1), datetime(2026, 7, 1, 0, 30)]
    micros = np.array([calendar.timegm(w.timetuple()) * 1_000_000 for w in walls])
    wanted = [int(w.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).timestamp()) * 1_000_000 for w in walls]
    assert to_utc(micros, zone).tolist() == wanted
    assert [int(to_utc(micros[i : i + 1], zone)[0]) for i in range(3)] == wanted


def test_a_shape_tells_the_form_and_never_the_value():
    assert shape("13800138000") == "99999999999"
    assert shape("王小明 A1") == "xxx a9"
    assert len(shape("9" * 300)) == 40
