"""Control files and names: the printed examples are read, every damaged line is refused with place, found and wanted."""

from datetime import date, datetime
from pathlib import Path

import pytest

from conf.feeds import load_feeds
from jobs.ingest.control_file import ControlBroken, read_control, usual_time
from jobs.ingest.names import control_file, data_file

CONTROL = Path(__file__).parents[2] / "data" / "golden" / "control"
USUAL = datetime(2026, 3, 11, 3)


def test_the_printed_style_a_line_of_104_bytes():
    path = CONTROL / "s_13100_201105_21003_00.verf"
    first, second = read_control(path, "fixed_width", USUAL)
    assert path.stat().st_size == 2 * 104
    assert (first.name, first.bytes, first.rows, first.stamp) == (
        "s_13100_201105_21003_00_001.dat",
        1_875_000_000,
        7_500_000,
        "201105",
    )
    assert first.bytes == first.rows * 250
    assert second.bytes == 62_878 * 250 == 15_719_500


def test_the_printed_style_c_line():
    (line,) = read_control(CONTROL / "i_13100_201005_VGOP-R1.6-13201_00.verf", "euro", USUAL)
    assert (line.name, line.bytes, line.rows) == ("i_13100_201005_VGOP-R1.6-13201_00_001.dat", 11_585_370, 131_185)
    assert (line.stamp, line.created_at) == ("201005", datetime(2010, 6, 9, 17, 6, 17))


def test_a_check_file_with_name_and_count_only_takes_the_usual_time():
    (line,) = read_control(CONTROL / "I1700220110308.CHK", "dollar", USUAL)
    assert (line.rows, line.bytes, line.created_at) == (131_185, None, USUAL)


@pytest.mark.parametrize(
    ("style", "content", "complaint"),
    [
        ("fixed_width", b"x" * 103 + b"\n", "104 bytes"),
        (
            "fixed_width",
            b"a.dat".ljust(40) + b"12x".ljust(20) + b"1".ljust(20) + b"20260310" + b"20260311030000\r\n",
            "size in bytes",
        ),
        (
            "fixed_width",
            b"a.dat".ljust(40) + b"12".ljust(20) + b"1".ljust(20) + b"20260310" + b"20261311030000\r\n",
            "creation time",
        ),
        ("fixed_width", b"", "one line"),
        ("euro", b"a.dat\x8012\x801\x8020260310\r\n", "5 fields"),
        ("euro", b"a.dat\x8012\x801\x8020260310\x8020260311030000", "line end"),
        ("dollar", b"a.AVL$5$5\n", "name$rows"),
        ("dollar", b"../a.AVL$5\n", "plain name"),
        ("dollar", b"a.AVL$-5\n", "row count"),
    ],
)
def test_a_damaged_control_line_is_refused_with_place_found_and_wanted(tmp_path, style, content, complaint):
    path = tmp_path / "c.verf"
    path.write_bytes(content)
    with pytest.raises(ControlBroken, match=r"c\.verf line 1: found .*, wanted .*; ask the sender") as refused:
        read_control(path, style, USUAL)
    assert complaint in str(refused.value)


def test_names_say_style_unit_date_resend_and_part():
    name = data_file("i_13100_201005_VGOP-R1.6-13201_02_001.dat")
    assert (name.style, name.unit, name.cadence, name.resend_no, name.sequence_no) == ("euro", "13201", "monthly", 2, 1)
    name = data_file("I1700220110308000000.AVL")
    assert (name.style, name.unit, name.stamp, name.sequence_no, name.is_full_snapshot) == (
        "dollar",
        "17002",
        "20110308",
        0,
        True,
    )
    assert control_file("s_13100_201105_21003_00.verf").sequence_no is None
    assert data_file("s_13100_2011_21003_00_001.dat") is None


def test_a_month_of_totals_ends_and_a_month_of_a_snapshot_begins():
    feeds = load_feeds()
    name = data_file("s_13100_202602_03005_00_001.dat")
    assert name.data_date(feeds["bill_summary"]) == date(2026, 2, 28)
    assert name.data_date(feeds["tac_device"]) == date(2026, 2, 1)
    assert usual_time(feeds["bill_summary"], date(2026, 2, 28)) == datetime(2026, 3, 8, 3)
    assert usual_time(feeds["tac_device"], date(2026, 2, 1)) == datetime(2026, 2, 1, 3)
