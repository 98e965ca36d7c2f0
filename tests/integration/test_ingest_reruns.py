"""Reruns, other orders, resends, copies, gaps, shrunken lists, late and missing feeds: the same tables, or a clear refusal."""

import itertools
import json
import random
import shutil
from datetime import date, timedelta

import numpy as np
import pytest

from conf.dates import DateRange
from conf.errors import ClosedLoopError, ConfigError
from jobs.ingest import control_file_index
from jobs.ingest.bronze import FeedLoad
from jobs.ingest.feeds import feed_status, missing_feeds
from jobs.ingest.job import run
from jobs.lakehouse import delta_rs
from jobs.lakehouse.content import rows_hash
from jobs.stage import run_stage
from jobs.view.required_feeds import FeedsMissing, require_feeds
from tests.conftest import settings_for_tests
from tests.unit.ingest.deliveries import A_DAY, dollar, fee_record, fixed, in_time, list_members, payments, too_late

NEXT = A_DAY + timedelta(days=1)
FEEDS = ["payment", "crbt_fee", "list_member"]
TABLES = [
    "bronze.payment",
    "bronze.crbt_fee",
    "bronze.list_member",
    "vault.identity",
    "ops.quarantine",
    "ops.file_ledger",
    "ops.feed_status",
]


@pytest.fixture(autouse=True)
def _index_from_the_first_run_on(monkeypatch):
    """Control files of a test are seconds old; here they are remembered all the same, so that every case meets the index."""
    monkeypatch.setattr(control_file_index, "SETTLED_SECONDS", 0)


def hashes(settings) -> dict[str, str]:
    return {table: rows_hash(settings, table) for table in TABLES}


def ledger_of(settings, feed: str) -> dict[str, tuple]:
    rows = delta_rs.read(settings, "ops.file_ledger").to_pylist()
    return {
        row["file_name"]: (row["status"], row["resend_no"], row["reason"] or "") for row in rows if row["feed"] == feed
    }


def alarms(settings, event: str) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted(settings.path("alerts").glob(f"*_{event}_*.json"))]


def status_of(settings, day: date, feed: str) -> tuple[str, str]:
    (row,) = [row for row in feed_status(settings, day) if row["feed"] == feed]
    return row["status"], row["detail"]


def fees(*numbers: int, at: str = "20260310120000") -> bytes:
    return b"".join(fee_record(row, f"F{n:09d}", f"1380000{n:04d}", n, at) for row, n in enumerate(numbers, 1))


def five_days(landing) -> list[date]:
    """Five days of three feeds with a late file, a resend and a bad row."""
    days = [A_DAY + timedelta(days=offset) for offset in range(5)]
    for offset, day in enumerate(days):
        dollar(
            landing,
            "billing",
            "03006",
            day,
            [*payments(30, 100 * offset), "01$1$bad$1.00$A$0$U"],
            created=too_late(day) if offset == 1 else "",
        )
        dollar(landing, "boss", "02090", day, list_members(20 + offset), letter="I")
        fixed(landing, "vas", "13203", day, fees(*range(1, 6), at=f"{day:%Y%m%d}120000"), 5)
    fixed(landing, "vas", "13203", days[0], fees(1, 2, 3, 4, 5, 6), 6, resend=1, created=in_time(days[2]))
    return days


def test_any_order_of_dates_and_a_rerun_give_the_same_tables(tmp_path):
    settings = settings_for_tests(tmp_path / "in-order")
    days = five_days(settings.path("landing"))
    run(settings, DateRange(days[0], days[-1]), FEEDS)
    wanted = hashes(settings)
    assert delta_rs.read(settings, "bronze.payment").num_rows == 150
    run(settings, DateRange.of(days[2]), FEEDS)
    assert hashes(settings) == wanted
    orders = random.Random(11).sample(list(itertools.permutations(range(5))), 3)
    for number, order in enumerate(orders):
        other = settings_for_tests(tmp_path / f"order-{number}")
        shutil.copytree(settings.path("landing"), other.path("landing"))
        shutil.copytree(settings.path("secrets"), other.path("secrets"))
        for position in order:
            run(other, DateRange.of(days[position]), FEEDS)
        assert hashes(other) == wanted, f"order {order}"


POINTS = [
    "bronze.list_member.before_commit",
    "bronze.payment.after_commit",
    "vault.identity.before_commit",
    "ops.quarantine.before_commit",
    "ops.file_ledger.before_commit",
    "ops.file_ledger.after_commit",
]


def test_a_run_cut_off_at_any_commit_is_finished_by_the_next(tmp_path, monkeypatch):
    clean = settings_for_tests(tmp_path / "clean")
    days = five_days(clean.path("landing"))
    two_nights = DateRange(days[0], days[1])
    passed: list[str] = []
    monkeypatch.setattr("jobs.lakehouse.faults.point", passed.append)
    run(clean, two_nights, FEEDS)
    wanted = hashes(clean)
    assert set(POINTS) <= set(passed)
    for name in POINTS:
        broken = settings_for_tests(tmp_path / name)
        for folder in ("landing", "secrets"):
            shutil.copytree(clean.path(folder), broken.path(folder))

        def die(point: str, name: str = name) -> None:
            if point == name:
                raise KeyboardInterrupt(point)

        monkeypatch.setattr("jobs.lakehouse.faults.point", die)
        with pytest.raises(KeyboardInterrupt):
            run(broken, two_nights, FEEDS)
        monkeypatch.setattr("jobs.lakehouse.faults.point", lambda point: None)
        run(broken, two_nights, FEEDS)
        assert hashes(broken) == wanted, name


def test_a_dollar_file_replaced_under_its_name_is_a_resend_and_the_first_version_stays(settings):
    landing = settings.path("landing")
    dollar(landing, "billing", "03006", A_DAY, payments(3))
    run(settings, DateRange.of(A_DAY), ["payment"])
    dollar(landing, "billing", "03006", A_DAY, payments(5), created=too_late(A_DAY))
    for _ in range(2):  # the rerun changes nothing
        run(settings, DateRange.of(A_DAY, NEXT), ["payment"])
        rows = delta_rs.read(settings, "bronze.payment").to_pylist()
        counts = {(row["load_date"], row["resend_no"]): 0 for row in rows}
        for row in rows:
            counts[row["load_date"], row["resend_no"]] += 1
        assert counts == {(A_DAY, 0): 3, (NEXT, 1): 5}
        files = delta_rs.read(settings, "ops.file_ledger").to_pylist()
        assert sorted((f["resend_no"], f["status"]) for f in files) == [(0, "SUPERSEDED"), (1, "LANDED")]


def test_files_gone_from_landing_keep_their_rows_when_their_date_is_run_again(settings):
    delivery = dollar(settings.path("landing"), "billing", "03006", A_DAY, payments(3))
    run(settings, DateRange.of(A_DAY), ["payment"])
    for taken_away in (delivery.data, delivery.control):
        taken_away.unlink()
        run(settings, DateRange.of(A_DAY), ["payment"])
        assert delta_rs.read(settings, "bronze.payment").num_rows == 3
        assert ledger_of(settings, "payment")["S0300620260310000000.AVL"][0] == "LANDED"
        assert status_of(settings, A_DAY, "payment") == ("COMPLETE", "3 rows")


def test_the_same_content_again_is_a_copy_and_raises_no_alarm(settings):
    landing = settings.path("landing")
    fixed(landing, "vas", "13203", A_DAY, fees(1, 2), 2)
    fixed(landing, "vas", "13203", A_DAY, fees(1, 2), 2, letter="a")  # same number, other name
    fixed(landing, "vas", "13203", A_DAY, fees(1, 2), 2, letter="i", sequence=2)  # same content, other number
    run(settings, DateRange.of(A_DAY), ["crbt_fee"])
    verdicts = sorted(status for status, _, _ in ledger_of(settings, "crbt_fee").values())
    assert verdicts == ["DUPLICATE_COPY", "DUPLICATE_COPY", "LANDED"]
    assert delta_rs.read(settings, "bronze.crbt_fee").num_rows == 2
    assert alarms(settings, "FILE_REJECTED") == []


def test_other_content_under_a_used_number_is_refused_with_an_alarm(settings):
    landing = settings.path("landing")
    fixed(landing, "vas", "13203", A_DAY, fees(1, 2), 2)
    fixed(landing, "vas", "13203", A_DAY, fees(8, 9), 2, letter="a", created=f"{NEXT:%Y%m%d}040000")
    run(settings, DateRange.of(A_DAY), ["crbt_fee"])
    status, _, reason = ledger_of(settings, "crbt_fee")["a_13100_20260310_13203_00_001.dat"]
    assert status == "REJECTED"
    assert "found other content under the number of s_13100_20260310_13203_00_001.dat" in reason
    assert sorted(delta_rs.read(settings, "bronze.crbt_fee")["fee"].to_pylist()) == [1, 2]
    assert len(alarms(settings, "FILE_REJECTED")) == 1
    assert status_of(settings, A_DAY, "crbt_fee")[0] == "REJECTED"


def replaced_in_place(landing, feed: str, content: str) -> None:
    """A delivery whose name and creation time are always the same, whatever is in it."""
    if feed == "crbt_fee":
        fixed(landing, "vas", "13203", A_DAY, fees(*{"first": (1, 2), "second": (8, 9)}[content]), 2)
        return
    rows = payments(2, {"first": 0, "second": 50}[content])
    delivery = dollar(landing, "billing", "03006", A_DAY, rows)
    delivery.control.write_text(f"{delivery.data.name}$2\n", encoding="ascii", newline="")  # two fields: always 03:00


@pytest.mark.parametrize("feed", ["crbt_fee", "payment"])
def test_a_loaded_file_is_never_replaced_by_other_content_under_its_name_and_time(settings, feed):
    landing = settings.path("landing")
    replaced_in_place(landing, feed, "first")
    run(settings, DateRange.of(A_DAY), [feed])
    rows = rows_hash(settings, f"bronze.{feed}")
    replaced_in_place(landing, feed, "second")
    for _ in range(2):
        run(settings, DateRange.of(A_DAY), [feed])
        assert rows_hash(settings, f"bronze.{feed}") == rows
        files = delta_rs.read(settings, "ops.file_ledger").to_pylist()
        assert sorted((file["status"], file["rows_good"]) for file in files) == [("LANDED", 2), ("REJECTED", 0)]
    assert len(alarms(settings, "FILE_REJECTED")) == 1
    assert status_of(settings, A_DAY, feed)[0] == "REJECTED"
    replaced_in_place(landing, feed, "first")  # put back: all is as it was
    run(settings, DateRange.of(A_DAY), [feed])
    assert rows_hash(settings, f"bronze.{feed}") == rows
    assert status_of(settings, A_DAY, feed) == ("COMPLETE", "2 rows")


def test_a_gap_in_the_parts_is_a_warning_and_what_came_is_loaded(settings):
    landing = settings.path("landing")
    fixed(landing, "vas", "13203", A_DAY, fees(1), 1)
    fixed(landing, "vas", "13203", A_DAY, fees(3), 1, letter="a", sequence=3)
    run(settings, DateRange.of(A_DAY), ["crbt_fee"])
    assert delta_rs.read(settings, "bronze.crbt_fee").num_rows == 2
    (alarm,) = alarms(settings, "SEQUENCE_GAP")
    assert "part(s) [2] missing" in alarm


def test_a_suppression_list_that_lost_a_fifth_is_refused_and_the_feed_says_so(settings):
    landing = settings.path("landing")
    for offset, rows in enumerate((100, 90, 70)):  # 70 < 0.8 x 90
        dollar(landing, "boss", "02090", A_DAY + timedelta(days=offset), list_members(rows), letter="I")
    run(settings, DateRange.of(A_DAY, A_DAY + timedelta(days=2)), ["list_member"])
    assert delta_rs.read(settings, "bronze.list_member").num_rows == 190
    status, detail = status_of(settings, A_DAY + timedelta(days=2), "list_member")
    assert status == "REJECTED"
    assert "found 70 readable rows, wanted at least 80% of the last list's 90" in detail
    assert "max_shrink_share" in detail


def test_lists_loaded_in_another_order_get_the_same_verdict(settings):
    days = [A_DAY + timedelta(days=offset) for offset in range(3)]
    for day, rows in zip(days, (100, 70, 60), strict=True):  # both lost more than a fifth of the 100
        dollar(settings.path("landing"), "boss", "02090", day, list_members(rows), letter="I")
    for day in reversed(days):
        run(settings, DateRange.of(day), ["list_member"])
    assert [status_of(settings, day, "list_member")[0] for day in days] == ["COMPLETE", "REJECTED", "REJECTED"]


def test_a_corrupt_control_file_stops_the_feed_and_a_resend_mends_it(settings):
    landing = settings.path("landing")
    delivery = fixed(landing, "vas", "13203", A_DAY, fees(1, 2), 2)
    delivery.control.write_bytes(delivery.control.read_bytes()[:-9])
    run(settings, DateRange.of(A_DAY), ["crbt_fee"])
    status, detail = status_of(settings, A_DAY, "crbt_fee")
    assert status == "REJECTED"
    assert detail.startswith("s_13100_20260310_13203_00.verf line 1: found 95 bytes")
    assert "ask the sender" in detail
    assert delta_rs.read(settings, "bronze.crbt_fee").num_rows == 0
    fixed(landing, "vas", "13203", A_DAY, fees(1, 2), 2, resend=1)
    run(settings, DateRange.of(A_DAY), ["crbt_fee"])
    assert status_of(settings, A_DAY, "crbt_fee") == ("COMPLETE", "2 rows, resend 01")


def test_a_late_feed_joins_the_next_night_and_its_date_says_late(settings):
    landing = settings.path("landing")
    dollar(landing, "billing", "03006", A_DAY, payments(4), created=too_late(A_DAY))
    run(settings, DateRange.of(A_DAY), ["payment"])
    assert status_of(settings, A_DAY, "payment")[0] == "CARRIED"
    assert delta_rs.read(settings, "bronze.payment").num_rows == 0
    run(settings, DateRange.of(NEXT), ["payment"])
    assert status_of(settings, A_DAY, "payment") == (
        "LATE",
        f"came with the night of {NEXT}, wanted by 06:00 after {A_DAY}",
    )
    (row,) = [
        r
        for r in delta_rs.read(settings, "ops.feed_status").to_pylist()
        if (r["feed"], r["business_date"]) == ("payment", A_DAY)
    ]
    assert row["status"] == "LATE"
    assert set(delta_rs.read(settings, "bronze.payment")["load_date"].to_pylist()) == {NEXT}


VOICE = "13800138000$352099001761481$13900139000$$0591$$0591$CMCC$C1$20260310120000$60$100$0$0$0$0$MO$"
SUBSCRIBER = "U1$C1$1$20080808$13800138000$460001234567890$0591$0591$01$S1$2$1$11$1$P1$A1$1$0$20260310"


def test_every_money_field_of_a_file_has_a_balance_of_its_own(settings):
    bad = VOICE.replace("$100$0$0$", "$7$20$3$").replace("$MO$", "$XX$")
    dollar(settings.path("landing"), "billing", "04008", A_DAY, [VOICE, VOICE.replace("$100$0$0$", "$50$20$$"), bad])
    run(settings, DateRange.of(A_DAY), ["cdr_voice"])
    (file,) = delta_rs.read(settings, "ops.file_ledger").to_pylist()
    assert (file["money_in"], file["money_good"], file["money_quarantined"]) == ("157", "150", "7")
    money = json.loads(file["money_by_field"])
    assert [money[name]["money_good"] for name in ("base_call_fee", "toll_call_fee", "info_fee")] == ["150", "20", "0"]
    assert [money[name]["money_in"] for name in ("base_call_fee", "toll_call_fee", "info_fee")] == ["157", "40", "3"]


def test_money_that_does_not_add_up_stops_the_feed(settings, monkeypatch):
    dollar(settings.path("landing"), "billing", "04008", A_DAY, [VOICE])
    lose = FeedLoad._money

    def lossy(self, parsed, batch):
        return {**lose(self, parsed, batch), ("info_fee", "money_in"): np.array([3])}

    monkeypatch.setattr(FeedLoad, "_money", lossy)
    with pytest.raises(ClosedLoopError, match="money that does not add up: info_fee"):
        run(settings, DateRange.of(A_DAY), ["cdr_voice"])


def test_a_night_stops_without_a_feed_it_must_not_go_on_without(settings):
    landing = settings.path("landing")
    feeds = ["subscription", "cdr_voice", "cdr_sms"]
    dollar(landing, "boss", "02004", A_DAY - timedelta(days=2), [SUBSCRIBER], letter="A")
    dollar(landing, "billing", "04008", A_DAY, [VOICE], created=too_late(A_DAY))
    run(settings, DateRange.of(A_DAY - timedelta(days=2), A_DAY), feeds)
    with pytest.raises(FeedsMissing) as stopped:
        run_stage(None, settings, "conform", DateRange.of(A_DAY))  # before it asks Spark for anything
    told = str(stopped.value)
    assert "subscription: MISSING, nothing for 2026-03-10 by 06:00" in told
    assert "last delivered for 2026-03-08, 2 day(s) before" in told
    assert "cdr_voice: MISSING" in told
    assert "closedloop run ingest --date 2026-03-10" in told
    assert "cdr_sms" not in told  # it waits for the next night
    assert "list_member" not in told  # a suppression feed stops the lists, not the tables
    assert any("cdr_sms" in alarm and "joins the next night" in alarm for alarm in alarms(settings, "FEED_MISSING"))

    dollar(landing, "boss", "02004", A_DAY, [SUBSCRIBER], letter="A")
    run(settings, DateRange.of(A_DAY, NEXT), feeds)
    with pytest.raises(
        FeedsMissing, match="cdr_voice: LATE"
    ) as stopped:  # what came with the next night is not in this one
        require_feeds(settings, DateRange.of(A_DAY))
    assert "subscription" not in str(stopped.value)

    dollar(landing, "boss", "02004", NEXT, [SUBSCRIBER], letter="A")
    dollar(landing, "billing", "04008", NEXT, [VOICE])
    run(settings, DateRange.of(NEXT), feeds)
    require_feeds(settings, DateRange.of(A_DAY, NEXT))  # the late file is in: both nights can be built
    require_feeds(settings, DateRange.of(A_DAY - timedelta(days=2)))  # history is taken as it is


def test_files_nobody_can_place_are_named_in_one_alert_each_and_counted(settings):
    folder = settings.path("landing") / "billing"
    dollar(settings.path("landing"), "billing", "03006", A_DAY, payments(4))
    unknown = [
        "S0300620260311000000.AVL.Z",
        "S0300620260231000000.AVL",
        "S0300620260231.CHK",
        "s_13100_202613_03005_00.verf",
        "readme.txt",
    ]
    for name in [
        *unknown,
        "S0300620260311000000.AVL.part",
        ".hidden",
        "S0999920260310000000.AVL",
    ]:  # these may be there
        (folder / name).write_bytes(b"x\n")
    for _ in range(2):
        assert run(settings, DateRange.of(A_DAY), ["payment"])["unknown_files"] == 5
    told = alarms(settings, "FILE_UNKNOWN")
    assert len(told) == 5
    for name in unknown:
        (alarm,) = [text for text in told if f"billing/{name}:" in text]
        assert ("unpack it" in alarm) == name.endswith(".Z")
    assert delta_rs.read(settings, "bronze.payment").num_rows == 4


def test_what_a_night_still_waits_for(settings):
    assert "payment" in missing_feeds(settings, A_DAY)
    assert "bill_summary" not in missing_feeds(settings, A_DAY)  # due on the 8th
    assert "bill_summary" in missing_feeds(settings, date(2026, 3, 8))
    delivery = dollar(settings.path("landing"), "billing", "03006", A_DAY, payments(4))
    assert "payment" not in missing_feeds(settings, A_DAY)
    delivery.control.unlink()
    assert "payment" in missing_feeds(settings, A_DAY)  # a data file alone is not ready


def test_an_unknown_feed_is_refused_by_name(settings):
    with pytest.raises(ConfigError, match="wanted: one of: account_manager"):
        run(settings, DateRange.of(A_DAY), ["voice"])
