"""The same event in two files of a feed: named once as a copy, counted once in every night, in any order of loading."""

from __future__ import annotations

import itertools
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from conf.dates import DateRange
from conf.feeds import load_feeds
from jobs.ingest.job import run
from jobs.lakehouse import delta_rs
from jobs.lakehouse.content import rows_hash
from jobs.overview import quality
from jobs.view import as_of
from tests.conftest import settings_for_tests
from tests.unit.ingest.deliveries import A_DAY, dollar, euro, fee_record, fixed, payments, too_late

CALLS = Path(__file__).parents[1] / "data" / "field_cases" / "call-twice" / "landing"
DAYS = [A_DAY + timedelta(days=offset) for offset in range(4)]
TABLES = ["ops.duplicate_row", "ops.quarantine", "ops.file_ledger"]


def copies(settings) -> list[tuple[str, int, str, int]]:
    """(file, line, earlier file, its line), files by their dates."""
    names = {row["file_id"]: row for row in delta_rs.read(settings, "ops.file_ledger").to_pylist()}
    return sorted(
        (
            f"{names[row['file_id']]['data_date']:%d}.{names[row['file_id']]['resend_no']}",
            row["line_number"],
            f"{names[row['earlier_file_id']]['data_date']:%d}.{names[row['earlier_file_id']]['resend_no']}",
            row["earlier_line_number"],
        )
        for row in delta_rs.read(settings, "ops.duplicate_row").to_pylist()
    )


def test_a_call_again_and_a_file_under_another_day_are_copies_in_any_order_of_loading(tmp_path):
    wanted = None
    for number, order in enumerate(itertools.permutations(range(3))):
        settings = settings_for_tests(tmp_path / f"order-{number}")
        shutil.copytree(CALLS, settings.path("landing"))
        if number:
            shutil.copytree(tmp_path / "order-0" / "secrets", settings.path("secrets"))
        for position in [*order, order[0]]:  # the first once more: a rerun changes nothing
            run(settings, DateRange.of(DAYS[position]), ["cdr_voice"])
        assert copies(settings) == [
            ("11.0", 1, "10.0", 3),
            ("12.0", 1, "10.0", 1),
            ("12.0", 3, "10.0", 3),
            ("12.0", 3, "11.0", 1),
            ("12.0", 4, "10.0", 4),
        ], f"order {order}"
        found = {name: rows_hash(settings, name) for name in TABLES}
        wanted = wanted or found
        assert found == wanted, f"order {order}"
    (shown,) = [rows for title, rows in quality(settings, DAYS[1]) if title.startswith("Records another file")]
    assert [tuple(row.values()) for row in shown] == [
        ("cdr_voice", "S0400820260311000000.AVL", "S0400820260310000000.AVL", 1)
    ]
    told = [path.read_text(encoding="utf-8") for path in settings.path("alerts").glob("*_FILE_REPEATED_*.json")]
    assert len(told) == 1
    assert "S0400820260312000000.AVL: found 3 records, each in an earlier file" in told[0]


def test_an_event_is_its_key_where_the_feed_has_one_and_its_record_where_it_has_none_or_protects(settings):
    landing = settings.path("landing")
    order = ["O1", "13800138000", "1", "01", "", "", "", "P", "", "WAP", "20260310120000", "", "", ""]
    result = "K1$C1$T1$1$13800138000$SMS$20260310120000$DELIVERED$$$$$$"
    for day, number, refused in ((DAYS[0], "13800138000", ""), (DAYS[1], "+8613800138000", "SYSTEM")):
        euro(landing, "vas", "15210", day, [[*order[:1], number, *order[2:9], f"CHANNEL {day}", *order[10:]]])
        dollar(landing, "channel", "05001", day, [f"{result}{refused}"])
        fixed(landing, "vas", "13203", day, fee_record(1, "F1", number, 500, f"{day:%Y%m%d}120000"), 1)
    run(settings, DateRange.of(DAYS[0], DAYS[1]), ["misc_order", "channel_result", "crbt_fee"])
    feeds = [row["feed"] for row in delta_rs.read(settings, "ops.duplicate_row").to_pylist()]
    assert feeds == ["misc_order"]  # an opt-out is never a copy of a row without one; another day is another fee


def test_a_resend_is_no_copy_of_what_it_replaces_and_nights_look_back_as_far_as_the_contract_says(settings):
    landing = settings.path("landing")
    dollar(landing, "billing", "03006", DAYS[0], payments(3))
    run(settings, DateRange.of(DAYS[0]), ["payment"])
    dollar(landing, "billing", "03006", DAYS[0], payments(4), created=too_late(DAYS[0]))
    run(settings, DateRange.of(DAYS[1]), ["payment"])
    assert copies(settings) == []
    last_copy = DAYS[1] + timedelta(days=load_feeds()["payment"].duplicate_days)
    for day, first in ((last_copy, 0), (last_copy + timedelta(days=1), 1)):
        dollar(landing, "billing", "03006", day, payments(1, first))
    run(settings, DateRange(last_copy, last_copy + timedelta(days=1)), ["payment"])
    assert copies(settings) == [("18.0", 1, "10.1", 1)]  # a night later is another payment, however alike


def standing(lake, night: date) -> list[tuple[str, int]]:
    """(payer, fen) of the payments that count as of a night."""
    as_of.register_feeds(lake, ["payment"], DateRange(DAYS[0], DAYS[-1]))
    rows = lake.spark.sql(
        f"SELECT user_id, amount_fen FROM as_of_payment WHERE load_date <= DATE '{night}' AND superseded_on > DATE '{night}'"
    ).collect()
    return sorted((row["user_id"], row["amount_fen"]) for row in rows)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0)])
def test_a_payment_counts_once_every_night_and_a_resend_without_it_gives_it_back_to_its_copy(lake, settings, order):
    landing = settings.path("landing")
    one, two, three = payments(3)
    dollar(landing, "billing", "03006", DAYS[0], [one, two])
    dollar(landing, "billing", "03006", DAYS[1], [two, three])
    dollar(landing, "billing", "03006", DAYS[3], [two, one])
    for position in order:
        run(settings, DateRange.of(DAYS[position]), ["payment"])
    pay = {0: ("U00000", 50), 1: ("U00001", 150), 2: ("U00002", 250)}
    assert standing(lake, DAYS[0]) == [pay[0], pay[1]]
    assert standing(lake, DAYS[1]) == standing(lake, DAYS[3]) == [pay[0], pay[1], pay[2]]
    dollar(
        landing, "billing", "03006", DAYS[0], [one], created=too_late(DAYS[1])
    )  # the night of DAYS[2]: two was a mistake
    run(settings, DateRange.of(DAYS[2]), ["payment"])
    assert standing(lake, DAYS[0]) == [pay[0], pay[1]]
    for night in DAYS[1:]:
        assert standing(lake, night) == [pay[0], pay[1], pay[2]], night
