"""Each rule of the quarantine: found on its line, with its field, once, and no good row goes with it."""

import numpy as np
import pytest

from conf.channels import load_channels
from conf.codes import load_code_lists
from conf.feeds import Feed, load_feeds
from jobs.ingest.chunks import Chunk, Piece, chunks_of
from jobs.ingest.layout import FieldRule
from jobs.ingest.parse import parse_chunk
from jobs.ingest.reasons import reason_of
from jobs.people.tokens import Tokenizer
from tests.unit.ingest.deliveries import fee_record

TOKENIZER = Tokenizer(bytes(32))
GOOD_SMS = "13800138000$13900139000$0591$00$1$100$0$0$20260310120000"


def parse(feed: str | Feed, content: bytes):
    chunk = Chunk(np.frombuffer(content, np.uint8), [Piece(0, 1, content.count(b"\n"))])
    contract = load_feeds()[feed] if isinstance(feed, str) else feed
    return parse_chunk(contract, chunk, TOKENIZER, "Asia/Shanghai")


def column(parsed, name: str) -> list:
    return parsed.columns[parsed.names.index(name)].to_pylist()


def with_field(feed: str, name: str, **changed) -> Feed:
    """A contract of the product with one field changed."""
    contract = load_feeds()[feed].model_dump()
    fields = [{**field, **(changed if field["name"] == name else {})} for field in contract["fields"]]
    return Feed.model_validate({**contract, "fields": fields})


def broken(parsed) -> list[tuple[int, str, str | None]]:
    return [(int(line) + 1, *reason_of(parsed.records, line)[:2]) for line in np.flatnonzero(~parsed.good)]


@pytest.mark.parametrize(
    ("row", "rule", "field"),
    [
        (GOOD_SMS.replace("13800138000", ""), "REQUIRED_MISSING", "product_no"),
        (GOOD_SMS.replace("13800138000", "0"), "BAD_MSISDN", "product_no"),  # 0 means something in other feeds only
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
    assert broken(parsed) == [(2, "NOT_DECODABLE", "city_id")]
    assert parsed.columns[parsed.names.index("city_id")].to_pylist()[2] == "福州"


def test_a_pair_that_is_no_character_is_not_decodable_and_goes_before_other_rules():
    row = GOOD_SMS.replace("$00$", "$07$").encode().replace(b"$0591$", b"$\xff\xff$")
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


@pytest.mark.parametrize(
    ("name", "bad", "on_error", "kept"),
    [
        ("sms_status", b"\xff\xff", "empty", None),
        ("sms_status", b"\xff\xff", "unknown", "UNKNOWN"),
        ("cdr_type", b"07", "empty", None),
        ("cdr_type", b"07", "unknown", "UNKNOWN"),
        ("input_time", b"20260230120000", "empty", None),
    ],
)
def test_a_contract_says_whether_a_bad_value_costs_its_record_or_its_cell(name, bad, on_error, kept):
    cells = GOOD_SMS.encode().split(b"$")
    place = [field.name for field in load_feeds()["cdr_sms"].fields].index(name)
    row = b"$".join([*cells[:place], bad, *cells[place + 1 :]])
    content = b"\n".join([GOOD_SMS.encode(), row, GOOD_SMS.encode()]) + b"\n"
    refused = parse(with_field("cdr_sms", name, on_error="refuse_row"), content)
    assert [(line, field) for line, _, field in broken(refused)] == [(2, name)]
    parsed = parse(with_field("cdr_sms", name, on_error=on_error), content)
    assert broken(parsed) == []
    assert column(parsed, name)[1] == kept
    assert column(parsed, name)[0] == column(parsed, name)[2] is not None
    rule = broken(refused)[0][1]
    assert parsed.flags().to_pylist() == [None, f"{name} {rule}", None]


def test_a_blank_that_is_required_still_costs_its_record_and_money_is_never_emptied():
    blank = GOOD_SMS.replace("$00$", "$$").encode() + b"\n"
    parsed = parse(with_field("cdr_sms", "cdr_type", on_error="unknown"), blank)
    assert broken(parsed) == [(1, "REQUIRED_MISSING", "cdr_type")]
    with pytest.raises(ValueError, match="money is never emptied"):
        with_field("cdr_sms", "comm_fee", on_error="empty")
    with pytest.raises(ValueError, match="for a code without personal"):
        with_field("cdr_sms", "input_time", on_error="unknown")


@pytest.mark.parametrize("bad", [b"\x81", b"\x81\x31X", b"\xff", "客户".encode("gb18030") + b"\xb0"])
def test_a_remark_nobody_can_read_is_emptied_and_its_complaint_stays(bad):
    row = b"T1$$13800130002$U1$20260310111500$MARKETING$OUTBOUND$$2$0$0$OPEN$$0$" + bad + b"\n"
    parsed = parse("complaint", row + row.replace(bad, b"ok"))
    assert broken(parsed) == []
    assert column(parsed, "remark") == [None, "ok"]
    assert parsed.flags().to_pylist() == ["remark NOT_DECODABLE", None]


def test_characters_of_four_bytes_are_read_in_every_style():
    remark = "T1$$13800130002$U1$20260310111500$MARKETING$OUTBOUND$$2$0$0$OPEN$$0$客户𠮷田投诉䶮先生\n".encode(
        "gb18030"
    )
    assert column(parse("complaint", remark), "remark") == ["客户𠮷田投诉䶮先生"]
    tone = [b"1", b"13800138000", b"T1", "𠮷個".encode("gb18030"), b"", b"", b"SET", b"20260310120000", b"1", b"", b""]
    parsed = parse("crbt_tone_event", b"\x80".join(tone) + b"\n")
    assert (broken(parsed), column(parsed, "tone_name")) == ([], ["𠮷個"])
    utf8 = load_feeds()["crbt_tone_event"].model_copy(update={"encoding": ("utf-8",)})
    name = "啀𠮷é"  # E5 95 80: the separator's byte inside a character
    parsed = parse(utf8, b"\x80".join([*tone[:3], name.encode(), *tone[4:]]) + b"\n")
    assert (broken(parsed), column(parsed, "tone_name")) == ([], [name])


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_lines_of_two_encodings_in_one_file_are_read_each_as_its_own(encoding):
    name = b"$".join(
        [b"T1", b"", b"+86" + b"13800130002", b"U1", b"20260310111500", b"MARKETING", b"OUTBOUND", b"", b"2"]
    )
    row = name + "$是$否$OPEN$$0$福建客户\n".encode(encoding)
    other = name + "$否$是$OPEN$$0$个体户億\n".encode("gbk")
    parsed = parse("complaint", row + other + name + b"$0$1$OPEN$$0$plain\n")
    assert broken(parsed) == []
    assert column(parsed, "remark") == ["福建客户", "个体户億", "plain"]
    assert column(parsed, "is_escalated") == [True, False, False]
    assert column(parsed, "msisdn_token")[0] == column(parsed, "msisdn_token")[1]


def test_a_line_that_may_be_either_encoding_is_the_one_the_contract_names_first():
    row = "T1$$13800130002$U1$20260310111500$M$O$$2$0$0$OPEN$$0$女\n".encode("gbk")  # two bytes, valid UTF-8 too
    assert column(parse("complaint", row), "remark") == ["女"]
    utf8_first = load_feeds()["complaint"].model_copy(update={"encoding": ("utf-8", "gb18030")})
    assert column(parse(utf8_first, row), "remark") == ["Ů"]


@pytest.mark.parametrize(
    "encoding", ["latin-1", [], ["gbk", "gb2312"], ["gb18030", "utf-8", "gbk"], ["ascii", "utf-8"]]
)
def test_encodings_the_reader_does_not_handle_are_refused(encoding):
    contract = load_feeds()["complaint"].model_dump()
    with pytest.raises(ValueError, match="utf-8"):
        Feed.model_validate({**contract, "encoding": encoding})


IMEIS = {
    "353837410123450": "35383741012345",
    "35383741012345": "35383741012345",
    "3538374101234501": "35383741012345",
    "35-383741-012345-0": "35383741012345",
    " 353837 410123450 ": "35383741012345",
    "353837/41/012345/0": "35383741012345",
    "0101790000012": None,
    "000000000000000": None,
    "0": None,
    "UNKNOWN": None,
    "3.53837E+14": None,
    "35383741012345012": None,
}


def test_a_handset_has_one_token_however_it_is_written_and_what_is_no_imei_is_empty_and_marked():
    rows = "".join(f"U{n}${imei}$20260301$20260310\n" for n, imei in enumerate(IMEIS)).encode()
    parsed = parse("subscription_imei", rows)
    assert broken(parsed) == []
    token = TOKENIZER.token("IMEI", "35383741012345")
    assert column(parsed, "imei_token") == [token if kept else None for kept in IMEIS.values()]
    assert column(parsed, "tac") == ["35383741" if kept else None for kept in IMEIS.values()]
    assert parsed.flags().to_pylist() == [None if kept else "imei BAD_IMEI" for kept in IMEIS.values()]
    (imeis,) = [identity for identity in parsed.personal if identity.kind == "IMEI"]
    assert imeis.values.to_pylist() == [35383741012345], (
        "plain digits travel as a number and are written out once a run"
    )


def test_a_tac_has_eight_digits():
    row = "{:08d}{:8s}DEV0000000000001" + "01" + " " * 204 + "1" * 6 + " " * 8 + "\r\n"
    parsed = parse(
        "tac_device", "".join(row.format(n, tac) for n, tac in enumerate(["35391234", "1017900", "010179"], 1)).encode()
    )
    assert broken(parsed) == [(2, "BAD_FORM", "tac"), (3, "BAD_FORM", "tac")]


def test_number_0_of_a_corporate_account_is_no_number_and_no_fault():
    row = "{}$U{}$$1$PLAN$SP$SV$0$20260301$$1$remark$01\n"
    rows = "".join(row.format(number, n) for n, number in enumerate(["0", "13800138000", "", "ERR", "0"])).encode()
    parsed = parse("product_subscription", rows)
    assert broken(parsed) == [(3, "REQUIRED_MISSING", "product_no"), (4, "BAD_MSISDN", "product_no")]
    token = TOKENIZER.token("MSISDN", "13800138000")
    assert [column(parsed, "product_no_token")[line] for line in (0, 1, 4)] == [None, token, None]
    assert [column(parsed, "product_no_class")[line] for line in (0, 1, 4)] == ["NONE", "NATIONAL_MOBILE", "NONE"]


def test_a_code_outside_its_list_becomes_unknown_where_the_contract_says_so():
    order = "O{}$U1$13800138000$$ADD$CRBT$20260310120000${}$S1$$$DONE$\n"
    parsed = parse(
        "product_order", "".join(order.format(n, code) for n, code in enumerate(["STORE", "ZZ9", ""])).encode()
    )
    assert (broken(parsed), column(parsed, "channel_id")) == ([], ["STORE", "UNKNOWN", None])
    assert parsed.flags().to_pylist() == [None, "channel_id NOT_ALLOWED", None]


def test_every_channel_of_ours_is_a_touchpoint_an_order_may_name():
    assert set(load_channels()) <= set(load_code_lists()["touchpoints"])


def test_a_long_session_is_kept_with_its_money_and_flagged_and_a_negative_one_is_refused():
    session = "13800131001$0$CMNET$20260309080000${}$6442450944$9663676416$500$$\n"
    parsed = parse("cdr_gprs", "".join(session.format(seconds) for seconds in (86400, 90061, -1)).encode())
    assert broken(parsed) == [(3, "OUT_OF_RANGE", "duration")]
    assert column(parsed, "duration")[:2] == [86400, 90061]
    assert parsed.flags().to_pylist() == [None, "duration ABOVE_USUAL", None]
    assert parsed.money["fee"].tolist() == [500, 500, 500]


def test_personal_values_of_bad_rows_get_no_token():
    parsed = parse(
        "cdr_sms", f"{GOOD_SMS.replace('$00$', '$07$').replace('13800138000', '13300133000')}\n{GOOD_SMS}\n".encode()
    )
    values = sorted(str(value) for identity in parsed.personal for value in identity.values.to_pylist())
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
    assert [rule.name for rule in FieldRule][1:] == [
        "NOT_DECODABLE",
        "FIELD_COUNT",
        "RECORD_LENGTH",
        "ROW_NUMBER",
        "BAD_DATE",
        "BAD_NUMBER",
        "BAD_MSISDN",
        "OUT_OF_RANGE",
        "NOT_ALLOWED",
        "REQUIRED_MISSING",
        "TOO_LONG",
        "DUPLICATE_ROW",
        "BAD_IMEI",
        "BAD_FORM",
        "ABOVE_USUAL",
        "DOUBLE_KEY",
    ]
