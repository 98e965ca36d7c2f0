"""A wish is never lost for another cell: suppression feeds that a spreadsheet or a desk wrote, through the whole ingest job."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from conf.dates import DateRange
from conf.errors import ConfigError
from conf.feeds import FEEDS, Feed
from conf.reading import load
from jobs.ingest.job import run
from jobs.lakehouse import delta_rs
from jobs.targeting.readiness import StaleSuppression, require_fresh_suppression
from tests.conftest import settings_for_tests
from tests.unit.ingest.deliveries import dollar, list_members

CASES = Path(__file__).parents[2] / "data" / "protection"
DAY = date(2026, 3, 10)
NEXT = DAY + timedelta(days=1)


def loaded(home: Path, case: str, feed: str, dates: DateRange):
    """Settings of a home into which a case was loaded."""
    settings = settings_for_tests(home)
    shutil.copytree(CASES / case / "landing", settings.path("landing"))
    run(settings, dates, [feed])
    return settings


def rows_of(settings, table: str) -> list[dict]:
    return sorted(delta_rs.read(settings, table).to_pylist(), key=lambda row: (row["load_date"], row["line_number"]))


def told(settings, event: str) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(settings.path("alerts").glob(f"*_{event}_*.json"))]


@pytest.fixture(scope="module")
def spreadsheet(tmp_path_factory):
    """The list of ten, and the next night the same list after a spreadsheet."""
    home = tmp_path_factory.mktemp("spreadsheet")
    return loaded(home, "spreadsheet_list", "list_member", DateRange(DAY, NEXT))


def test_every_number_that_is_beyond_doubt_is_read_given_list_from_a_spreadsheet(spreadsheet):
    tokens = {day: {} for day in (DAY, NEXT)}
    for row in rows_of(spreadsheet, "bronze.list_member"):
        tokens[row["load_date"]][row["line_number"]] = row["msisdn_token"]

    assert len(set(tokens[DAY].values())) == 10
    assert tokens[NEXT] == {line: tokens[DAY][line] for line in range(3, 11)}  # lines 1 and 2 lost digits: 1.38E+10


def test_unreadable_people_are_counted_and_told_and_nothing_leaves(spreadsheet):
    status = {
        row["business_date"]: row
        for row in delta_rs.read(spreadsheet, "ops.feed_status").to_pylist()
        if row["feed"] == "list_member"
    }
    alerts = told(spreadsheet, "PROTECTION_UNREADABLE")

    assert [status[day]["rows_unreadable"] for day in (DAY, NEXT)] == [0, 2]
    assert [(alert["business_date"], alert["rows"]) for alert in alerts] == [(str(NEXT), "2")]
    with pytest.raises(
        StaleSuppression, match="list_member: found 2 unreadable rows beside 8 good ones, wanted at most 5%"
    ):
        require_fresh_suppression(spreadsheet, NEXT)


@pytest.mark.parametrize(("bad", "leaves"), [(1, True), (2, False)])
def test_lists_leave_up_to_the_share_of_unreadable_rows(tmp_path, bad, leaves):
    settings = settings_for_tests(tmp_path)
    rows = list_members(20 - bad) + [f"1.38E+1{n}$L1$BLACK$SYSTEM$$R1$S1$20260101000000$$$OP1" for n in range(bad)]
    dollar(settings.path("landing"), "boss", "02090", DAY, rows, letter="I")
    run(settings, DateRange.of(DAY), ["list_member"])
    status = delta_rs.read(settings, "ops.feed_status").to_pylist()
    assert [row["rows_unreadable"] for row in status if row["feed"] == "list_member"] == [bad]
    others = [{**row, "status": "COMPLETE"} for row in status]  # the other feeds are not what this is about
    delta_rs.replace(settings, "ops.feed_status", others, None)
    if leaves:
        require_fresh_suppression(settings, DAY)
    else:
        with pytest.raises(StaleSuppression, match="list_member"):
            require_fresh_suppression(settings, DAY)


def test_unreadable_rows_are_missing_rows_given_list_that_may_not_shrink(tmp_path):
    settings = settings_for_tests(tmp_path)
    dollar(settings.path("landing"), "boss", "02090", DAY, list_members(10), letter="I")
    rows = [f"1.38E+1{n}{row[11:]}" if n < 3 else row for n, row in enumerate(list_members(10))]
    dollar(settings.path("landing"), "boss", "02090", NEXT, rows, letter="I")
    run(settings, DateRange(DAY, NEXT), ["list_member"])

    files = {row["load_date"]: row for row in delta_rs.read(settings, "ops.file_ledger").to_pylist()}
    assert (files[DAY]["status"], files[NEXT]["status"]) == ("LANDED", "REJECTED")
    assert "found 7 readable rows, wanted at least 80% of the last list's 10" in files[NEXT]["reason"]


def test_the_wish_counts_and_only_the_odd_cell_is_refused(tmp_path):
    settings = loaded(tmp_path, "odd_opt_outs", "channel_result", DateRange.of(DAY))
    rows = rows_of(settings, "bronze.channel_result")

    assert delta_rs.read(settings, "ops.quarantine").num_rows == 0
    assert [row["contact_id"][-2:] for row in rows] == ["0A", "0B", "0C", "0D", "0E", "0F", "10", "11", "12", "13"]
    assert [row["msisdn_token"] is None for row in rows] == [False, True, True] + [False] * 7
    assert [row["contact_time"] is None for row in rows] == [False] * 3 + [True] + [False] * 6
    assert [row["opt_out_scope"] for row in rows] == ["SYSTEM"] * 4 + ["UNKNOWN"] * 2 + ["SYSTEM"] * 4
    assert (rows[6]["response_code"], rows[7]["reach_code"], rows[8]["wave_no"]) == (None, "UNKNOWN", None)
    assert rows[9]["campaign_id"] is None


@pytest.mark.parametrize(
    ("contact", "number", "is_read"),
    [
        ("K1", "13800138000", True),
        ("K1", "1.38E+10", True),
        ("", "13800138000", True),
        ("", "1.38E+10", False),
        ("", "", False),
    ],
)
def test_a_wish_is_read_when_either_contact_or_number_is(tmp_path, contact, number, is_read):
    settings = settings_for_tests(tmp_path)
    row = f"{contact}$C$T$1${number}$SMS$20260310101500$DELIVERED$$$A1$S1$$SYSTEM"
    dollar(settings.path("landing"), "channel", "05001", DAY, [row])
    run(settings, DateRange.of(DAY), ["channel_result"])

    assert delta_rs.read(settings, "bronze.channel_result").num_rows == int(is_read)
    refused = delta_rs.read(settings, "ops.quarantine").to_pylist()
    assert [row["rule"] for row in refused] == ([] if is_read else ["BAD_MSISDN" if number else "REQUIRED_MISSING"])
    assert len(told(settings, "PROTECTION_UNREADABLE")) == int(not is_read)


@pytest.mark.parametrize("feed", ["list_member", "channel_result", "complaint"])
def test_a_protecting_feed_may_not_lose_rows_for_a_cell(feed, tmp_path):
    text = (FEEDS / f"{feed}.yaml").read_text(encoding="utf-8")
    (tmp_path / f"{feed}.yaml").write_text(text.replace(", on_error: empty}", "}", 1), encoding="utf-8")
    with pytest.raises(ConfigError, match="a wish is never lost for another cell"):
        load(Feed, tmp_path / f"{feed}.yaml")
