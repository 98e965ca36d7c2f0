"""Each rule of the quarantine: found on its line, with its field, once, and no good row goes with it."""

import numpy as np
import pytest

from conf.feeds import load_feeds
from jobs.ingest.chunks import Chunk, Piece, chunks_of
from jobs.ingest.layout import Rule
from jobs.ingest.parse import parse_chunk
from jobs.ingest.reasons import reason_of
from jobs.ingest.tokens import Tokenizer
from tests.unit.ingest.deliveries import fee_record

TOKENIZER = Tokenizer(bytes(32))
GOOD_SMS = "13800138000$13900139000$0591$00$1$100$0$0$20260310120000"


def parse(feed: str, content: bytes):
    chunk = Chunk(np.frombuffer(content, np.uint8), [Piece(0, 1, content.count(b"\n"))])
    return parse_chunk(load_feeds()[feed], chunk, TOKENIZER, "Asia/Shanghai")


def broken(parsed) -> list[tuple[int, str, str | None]]:
    return [(int(line) + 1, *reason_of(parsed.records, line)[:2]) for line in np.flatnonzero(~parsed.good)]


@pytest.mark.parametrize(
    ("row", "rule", "field"),
    [
        (GOOD_SMS.replace("13800138000", ""), "REQUIRED_MISSING", "product_no"),
        (GOOD_SMS.replace("13800138000", "0"), "BAD_MSISDN", "product_no"),
        (GOOD_SMS.replace("$00$", "$07$"), "NOT_ALLOWED", "cdr_type"),
        (GOOD_SMS.replace("$00$", "$$"), "REQUIRED_MISSING", "cdr_type"),
        (GOOD_SMS.replace("$100$", "$1o0$"), "BAD_NUMBER", "comm_fee"),
        (GOOD_SMS.replace("$100$", "$-1$"), "OUT_OF_RANGE", "comm_fee"),
        (GOOD_SMS.replace("20260310120000", "20260230120000"), "BAD_DATE", "input_time"),
        (GOOD_SMS.replace("20260310120000", "20260310"), "BAD_DATE", "input_time"),
        (GOOD_SMS + "$", "FIELD_COUNT", None),
        ("", "FIELD_COUNT", None),
        (GOOD_SMS.replace("$100$", "$1o0$").replace("20260310120000", "x"), "BAD_NUMBER", "comm_fee"),  # leftmost first
        (GOOD_SMS.replace("$00$", "$07$") + "$", "FIELD_COUNT", None),  # structure before fields
    ],
)
def test_a_bad_sms_record_is_found_with_its_rule_and_field(row, rule, field):
    parsed = parse("cdr_sms", f"{GOOD_SMS}\n{row}\n{GOOD_SMS.replace('$100$', '$200$')}\n".encode())
    assert broken(parsed) == [(2, rule, field)]


@pytest.mark.parametrize("opposite", ["10086", "+8613900139000", "", "abc", "0"])
def test_a_number_that_is_not_required_never_costs_the_record(opposite):
    assert broken(parse("cdr_sms", f"{GOOD_SMS.replace('13900139000', opposite)}\n".encode())) == []


def test_half_a_character_breaks_its_own_line_only():
    lines = [
        GOOD_SMS.encode(),
        GOOD_SMS.replace("0591", "??").encode().replace(b"??", b"\x81\x31"),
        "福州".encode("gbk").join(GOOD_SMS.encode().split(b"0591")),
    ]
    parsed = parse("cdr_sms", b"\n".join(lines) + b"\n")
    assert broken(parsed) == [(2, "NOT_DECODABLE", None)]
    assert parsed.columns[parsed.names.index("city_id")].to_pylist()[2] == "福州"


def test_a_pair_that_is_no_character_is_not_decodable_and_goes_before_other_rules():
    row = GOOD_SMS.replace("$00$", "$07$").encode().replace(b"$0591$", b"$\xfe\xfe$")
    assert broken(parse("cdr_sms", row + b"\n")) == [(1, "NOT_DECODABLE", "city_id")]


def test_a_fixed_record_of_another_length_or_number():
    good = [fee_record(n, f"F{n}", "13800138000", n, "20260310120000") for n in (1, 2, 3)]
    short = good[1][:-3] + b"\r\n"
    assert broken(parse("crbt_fee", good[0] + short + good[2])) == [(2, "RECORD_LENGTH", None)]
    assert broken(parse("crbt_fee", good[0] + good[2] + good[1])) == [(2, "ROW_NUMBER", None), (3, "ROW_NUMBER", None)]


def test_over_long_codes_are_cut_by_the_sender_and_refused_here():
    row = b"\x80".join(
        [b"1", b"O1", b"13800138000", b"", b"01", b"", b"S" * 21, *[b""] * 4, b"20260310120000", b"", b"", b""]
    )
    assert broken(parse("misc_order", row + b"\n")) == [(1, "TOO_LONG", "spid")]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("请回电13800138000", "请回电***"),
        ("本人+8613800138000或0591-8765 4321，谢谢", "本人+***或***，谢谢"),
        ("１３８００１３８０００", "***"),  # full-width digits
        ("身份证35010219800101001X 丢失", "身份证*** 丢失"),
        ("第3次来电，退费120元，工单号123456", "第3次来电，退费120元，工单号123456"),  # too short to be anybody's
        ("億元大獎", "億元大獎"),
        ("", None),
    ],
)
def test_numbers_people_write_into_free_text_do_not_reach_bronze(written, kept):
    row = f"C1$13800138000$U1$20260310120000$HOTLINE$IN$1$2$A1$60$OK${written}\n".encode("gbk")
    parsed = parse("cs_contact", row)
    assert broken(parsed) == []
    assert parsed.columns[parsed.names.index("remark")].to_pylist() == [kept]


@pytest.mark.parametrize(
    "code", [f"{code:02d}" for code in (*range(1, 10), *range(11, 16), 17, 21, 22, 25, 80, 89, 90, 99)]
)
def test_every_operation_code_of_the_service_platform_is_read(code):
    row = b"\x80".join([b"1", b"O1", b"13800138000", b"", code.encode(), *[b""] * 6, b"20260310120000", b"", b"", b""])
    assert broken(parse("misc_order", row + b"\n")) == []


def test_every_field_people_write_into_is_masked():
    free = {(feed.feed, field.name) for feed in load_feeds().values() for field in feed.fields if field.masked}
    remarks = {(feed.feed, "remark") for feed in load_feeds().values() if "remark" in [f.name for f in feed.fields]}
    assert {("complaint", "remark"), ("cs_contact", "remark"), ("product_subscription", "remark")} == remarks
    assert remarks <= free


def test_personal_values_of_bad_rows_get_no_token():
    parsed = parse(
        "cdr_sms", f"{GOOD_SMS.replace('$00$', '$07$').replace('13800138000', '13300133000')}\n{GOOD_SMS}\n".encode()
    )
    values = sorted(value for identity in parsed.identities for value in identity.values.to_pylist())
    assert values == ["13800138000", "13900139000"]


def test_reasons_never_hold_the_value():
    parsed = parse("cdr_sms", GOOD_SMS.replace("$100$", "$13800138000x$").encode() + b"\n")
    rule, field, reason = reason_of(parsed.records, 0)
    assert (rule, field) == ("BAD_NUMBER", "comm_fee")
    assert reason == "comm_fee: found the form 99999999999a, wanted a whole number of li"


def test_small_chunks_give_the_same_lines_and_rows(tmp_path):
    content = "".join(f"{GOOD_SMS[:-6]}{n:06d}\n" for n in range(500)).encode()
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "b").write_bytes(content[:-1])  # no line end at the end
    (tmp_path / "c").write_bytes(b"")
    whole = list(chunks_of([tmp_path / "a", tmp_path / "b", tmp_path / "c"]))
    small = list(chunks_of([tmp_path / "a", tmp_path / "b", tmp_path / "c"], chunk_bytes=1000))
    assert (len(whole), sum(chunk.lines for chunk in whole)) == (1, 1000)
    assert len(small) > 30
    assert np.concatenate([chunk.line_numbers() for chunk in small]).tolist() == [*range(1, 501), *range(1, 501)]
    assert np.concatenate([chunk.file_of_line() for chunk in small]).tolist() == [0] * 500 + [1] * 500
    assert b"".join(bytes(chunk.data) for chunk in small) == content * 2


def test_rule_names_are_those_of_the_quarantine_report():
    assert [rule.name for rule in Rule][1:] == [
        "NOT_DECODABLE", "FIELD_COUNT", "RECORD_LENGTH", "ROW_NUMBER", "BAD_DATE", "BAD_NUMBER", "BAD_MSISDN", "OUT_OF_RANGE",
        "NOT_ALLOWED", "REQUIRED_MISSING", "TOO_LONG", "DUPLICATE_ROW",
    ]  # fmt: skip
