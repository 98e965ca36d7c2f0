"""Files typed by hand (tests/data/golden) through the whole ingest job: each gives exactly the rows a person expects."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from conf.dates import DateRange
from jobs.ingest.job import run
from jobs.lakehouse import delta_rs
from jobs.people.sealed_records import Sealer, unsealed
from jobs.people.tokens import Tokenizer
from tests.conftest import settings_for_tests

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "landing"
DAY, NEXT = date(2026, 3, 10), date(2026, 3, 11)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Settings of a home into which both nights of the golden landing folder were loaded."""
    settings = settings_for_tests(tmp_path_factory.mktemp("golden"))
    shutil.copytree(GOLDEN, settings.path("landing"))
    run(settings, DateRange.of(DAY, NEXT))
    return settings


def rows_of(home, table: str, *columns: str) -> list[tuple]:
    found = delta_rs.read(home, table).to_pylist()
    found.sort(key=lambda row: (row.get("load_date"), row.get("file_id"), row.get("line_number") or 0))
    return [tuple(row[column] for column in columns) for row in found]


def quarantined(home, feed: str) -> list[tuple]:
    rows = delta_rs.read(home, "ops.quarantine").to_pylist()
    return sorted((row["line_number"], row["rule"], row["field"]) for row in rows if row["feed"] == feed)


def files_of(home, feed: str) -> dict[str, dict]:
    return {row["file_name"]: row for row in delta_rs.read(home, "ops.file_ledger").to_pylist() if row["feed"] == feed}


def test_a_split_file_and_its_resend_are_both_there_with_their_own_nights(home):
    rows = sorted(rows_of(home, "bronze.crbt_fee", "load_date", "resend_no", "ring_fee_id", "fee", "msisdn_class"))
    assert rows == [
        (DAY, 0, "F000000001", 500, "NATIONAL_MOBILE"),
        (DAY, 0, "F000000002", 200, "NATIONAL_MOBILE"),
        (DAY, 0, "F000000003", 0, "SP_CODE"),
        (NEXT, 1, "F000000001", 500, "NATIONAL_MOBILE"),
        (NEXT, 1, "F000000002", 200, "NATIONAL_MOBILE"),
        (NEXT, 1, "F000000003", 0, "SP_CODE"),
        (NEXT, 1, "F000000004", 500, "NATIONAL_MOBILE"),
    ]
    files = files_of(home, "crbt_fee")
    assert files["s_13100_20260310_13203_00_001.dat"]["status"] == "SUPERSEDED"
    assert files["s_13100_20260310_13203_00_002.dat"]["status"] == "SUPERSEDED"
    resend = files["s_13100_20260310_13203_01_001.dat"]
    assert (resend["status"], resend["rows_in"], resend["money_in"], resend["money_good"]) == (
        "LANDED",
        4,
        "1200",
        "1200",
    )
    assert resend["control_created_at"] == datetime(2026, 3, 10, 23, 10, tzinfo=UTC)


def test_style_a_names_with_second_bytes_that_look_like_separators(home):
    rows = rows_of(
        home,
        "bronze.corporate_customer",
        "corporate_id",
        "corporate_name",
        "is_gov_enterprise",
        "create_date",
        "is_full_snapshot",
    )
    assert rows == [
        ("G0591000000001", "億和科技", False, date(2001, 1, 1), True),
        ("G0591000000002", "個体工商户", True, date(1999, 9, 9), True),
        ("G0591000000003", None, True, date(1999, 9, 9), True),  # half a character costs the name, not the customer
    ]
    assert quarantined(home, "corporate_customer") == []
    assert rows_of(home, "bronze.corporate_customer", "dq_flag")[2] == ("corporate_name NOT_DECODABLE",)
    (file,) = files_of(home, "corporate_customer").values()
    assert (file["rows_good"], file["marks_by_field"]) == (3, '{"corporate_name": {"NOT_DECODABLE": 1}}')


def test_a_monthly_snapshot_has_the_first_of_its_month_as_data_date(home):
    rows = rows_of(
        home, "bronze.tac_device", "tac", "brand", "model", "supports_java", "supports_wap", "data_date", "load_date"
    )
    assert rows == [
        ("35209900", "NOKIA", "E63", False, None, date(2026, 3, 1), DAY),
        ("01194800", "摩托罗拉", "V3億", False, None, date(2026, 3, 1), DAY),
    ]


def test_payments_are_exact_fen_and_their_bad_rows_have_one_reason_each(home):
    rows = rows_of(home, "bronze.payment", "line_number", "amount_fen", "reversal_flag", "user_id", "pay_time")
    assert rows == [
        (1, 5000, False, "U0001", datetime(2026, 3, 10, 2, tzinfo=UTC)),  # 10:00 in Shanghai
        (2, -2050, True, "U0002", datetime(2026, 3, 10, 2, 5, tzinfo=UTC)),
        (3, 1, False, "U0003", datetime(2026, 3, 10, 3, tzinfo=UTC)),  # reversal_flag was 否
    ]
    assert quarantined(home, "payment") == [(4, "DUPLICATE_ROW", None), (5, "BAD_DATE", "pay_time")]
    file = files_of(home, "payment")["S0300620260310000000.AVL"]
    assert (file["rows_in"], file["rows_good"], file["rows_quarantined"]) == (5, 3, 2)
    assert (file["money_in"], file["money_good"], file["money_quarantined"]) == ("89.51", "29.51", "60.00")
    assert file["load_date"] == DAY  # a check file without time counts as made at 03:00


def test_subscriptions_given_prefixes_sentinels_and_a_short_line(home):
    token = Tokenizer.of(home).token
    rows = rows_of(
        home, "bronze.subscription", "user_id", "create_date", "product_no_token", "imsi_token", "is_vpn_member"
    )
    assert rows == [
        ("U0001", None, token("MSISDN", "13800138000"), token("IMSI", "460001234567890"), True),
        ("U0002", date(2008, 8, 8), token("MSISDN", "13900139000"), None, False),
        ("U0003", date(2005, 5, 5), token("MSISDN", "13700137000"), token("IMSI", "460009876543210"), False),
    ]
    assert quarantined(home, "subscription") == [(4, "FIELD_COUNT", None)]


def test_style_c_names_keep_their_separator_bytes(home):
    token = Tokenizer.of(home).token
    rows = rows_of(
        home,
        "bronze.crbt_tone_event",
        "tone_id",
        "tone_name",
        "singer",
        "price_fen",
        "msisdn_token",
        "other_msisdn_token",
    )
    assert rows == [
        ("T0001", "一個人", "億哥", 200, token("MSISDN", "13800138000"), None),
        ("T0002", "個", None, 300, token("MSISDN", "13900139000"), token("MSISDN", "13800138000")),
        ("T0003", None, None, 0, token("MSISDN", "13700137000"), None),
    ]
    assert quarantined(home, "crbt_tone_event") == [
        (4, "ROW_NUMBER", None),
        (5, "NOT_ALLOWED", "action"),
    ]


def test_an_empty_file_lands_and_a_file_without_control_file_waits(home):
    (empty,) = files_of(home, "misc_order").values()
    assert (empty["status"], empty["rows_in"]) == ("LANDED", 0)
    assert files_of(home, "mms_event") == {}


def test_status_of_the_night_names_what_came_and_what_did_not(home):
    rows = delta_rs.read(home, "ops.feed_status").to_pylist()
    status = {row["feed"]: row["status"] for row in rows if row["business_date"] == DAY}
    assert status["crbt_fee"] == status["payment"] == status["subscription"] == status["tac_device"] == "COMPLETE"
    assert status["misc_order"] == "EMPTY"
    assert status["mms_event"] == status["customer"] == "CARRIED"
    assert status["list_member"] == status["cdr_voice"] == "MISSING"


def test_the_vault_holds_each_personal_value_once_and_bronze_none(home):
    rows = delta_rs.read(home, "vault.identity").to_pylist()
    mobiles = sorted(row["value"] for row in rows if row["kind"] == "MSISDN")
    assert mobiles == ["12530", "13700137000", "13800138000", "13900139000"]
    assert {row["kind"] for row in rows} == {"MSISDN", "IMSI"}
    for table in ("subscription", "crbt_fee", "crbt_tone_event"):
        text = str(delta_rs.read(home, f"bronze.{table}").to_pylist())
        assert "13800138000" not in text


def test_a_quarantined_record_can_be_opened_with_the_key_and_tells_no_value_without_it(home):
    (row,) = [r for r in delta_rs.read(home, "ops.quarantine").to_pylist() if r["feed"] == "subscription"]
    raw = unsealed(Sealer.of(home), row)
    assert raw == b"U0004$C0004$1$20050505$13600136000$"
    assert b"13600136000" not in row["raw_encrypted"]
    assert "13600136000" not in row["reason"]
    assert row["reason"] == "found 6 fields, wanted 19"
