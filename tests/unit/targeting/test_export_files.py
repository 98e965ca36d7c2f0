"""Layouts and the last gate: what is written reads back equal, hostile values are refused, protected people are found."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from conf.channels import load_channels
from conf.errors import ExportRefused
from conf.exports import load_exports
from jobs.people.msisdn import national_mobile
from jobs.targeting import export_check, export_layout
from jobs.targeting.export_check import Protection

LAYOUTS = sorted(load_exports())
HOSTILE = [
    "=1+1",
    "+86",
    "-2",
    "@SUM(A1)",
    " =1",
    "a\tb",
    "a\nb",
    "a\rb",
    "a\x00b",
    "",
    " ",
    "x" * 2001,
    "a\u2028b",
    "＝1+1",
    "＋86",
    "－2",
    "＠SUM(A1)",
    "'=1",
    '"=1',
    ";=1",
    "'＝1",
    "'\"@A",
]
CELLS = {
    "contact_id": "K0123456789ABCDEF01234567",
    "campaign_id": "CRBT_SAVE",
    "task_id": "CRBT_SAVE_SMS",
    "wave_no": "1",
    "msisdn": "13800000001",
    "product_id": "CRBT",
    "offer_id": "GIFT",
    "planned_date": "20260311",
    "script_id": "TEXT_1",
    "valid_to": "20260312",
    "priority": "1",
    "window_start": "0900",
    "window_end": "2000",
    "city_code": "591",
    "script_title": "彩铃",
    "script_text": "开通彩铃，回复TD退订。",
    "script_url": "https://www.operator.example/crbt",
}
CONTACT = {
    "contact_id": CELLS["contact_id"],
    "campaign_id": "CRBT_SAVE",
    "product_id": "CRBT",
    "offer_id": "GIFT",
    "subscription_id": "S1",
}
FREE = Protection(
    holder={"13800000001": "S1", "13800000002": "S2"}, live={"S1", "S2"}, status={"S1": "ACTIVE", "S2": "ACTIVE"}
)


def file_bytes(layout, rows: list[dict[str, str]], file_name: str) -> bytes:
    """A file of these cells, written from plain columns and from coded ones alike."""
    plain = pa.Table.from_pylist(rows)
    coded = pa.table({name: plain[name].combine_chunks().dictionary_encode() for name in plain.column_names})
    content = export_layout.file_bytes(layout, coded, file_name)
    assert export_layout.file_bytes(layout, plain, file_name) == content
    return content


def read_back(layout, content: bytes) -> list[dict[str, str]]:
    return export_check.read_back(layout, content).to_pylist()


def differences(rows: list[dict], contacts: list[dict]) -> list[str]:
    return export_check.differences(pa.Table.from_pylist(rows), pa.Table.from_pylist(contacts))


def violations(rows: list[dict], channel: str, contacts: list[dict], protection: Protection, goal=None) -> dict:
    return export_check.violations(
        pa.Table.from_pylist(rows), channel, pa.Table.from_pylist(contacts), protection, goal
    )


def test_nine_layouts_for_nine_channels():
    assert {channel.export_layout for channel in load_channels().values()} == set(LAYOUTS)
    assert {load_exports()[channel.export_layout].channel_code for channel in load_channels().values()} == set(
        load_channels()
    )


@pytest.mark.parametrize("name", LAYOUTS)
def test_file_reads_back_equal(name):
    layout = load_exports()[name]
    rows = [CELLS, CELLS | {"msisdn": "13800000002"}]
    found = read_back(layout, file_bytes(layout, rows, "F"))
    assert found == [{column: row[column] for column in layout.column_names} for row in rows]


@pytest.mark.parametrize("name", LAYOUTS)
def test_hostile_text_is_refused(name):
    layout = load_exports()[name]
    column = "script_text" if "script_text" in layout.column_names else "script_id"
    separators = [f"a{layout.delimiter}b"] if layout.delimiter and layout.quote == "never" else []
    for value in [*HOSTILE, *separators]:
        with pytest.raises(ExportRefused) as refusal:
            file_bytes(layout, [CELLS, CELLS | {column: value}], "FILE_1")
        assert f"FILE_1: line 2, column {column}" in str(refusal.value)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("msisdn", "+8613800000001"),
        ("msisdn", "02012345678"),
        ("msisdn", "1380000000"),
        ("msisdn", "１３８００００００００"),
        ("wave_no", "1;2"),
        ("planned_date", "20260230"),
        ("window_start", "2460"),
        ("contact_id", "k-1"),
        ("campaign_id", "../../etc"),
    ],
)
def test_machine_columns_keep_to_their_grammar(column, value):
    with pytest.raises(ExportRefused, match=f"column {column}"):
        file_bytes(load_exports()["sms"], [CELLS | {column: value}], "F")


def test_refusal_never_shows_the_value():
    with pytest.raises(ExportRefused) as refusal:
        file_bytes(load_exports()["sms"], [CELLS | {"msisdn": "138000000012"}], "F")
    assert "1380000" not in str(refusal.value)


def test_text_the_encoding_cannot_say_is_refused():
    with pytest.raises(ExportRefused, match="in gbk"):
        file_bytes(load_exports()["sms"], [CELLS | {"script_text": "😀 TD退订"}], "F")


def two_byte_characters(encoding: str = "gbk") -> list[str]:
    """Every character the encoding writes with two bytes of which the second is one of ASCII's signs, as 0x5C or 0x7C."""
    signs = [byte for byte in range(0x40, 0x7F) if not chr(byte).isalnum()]
    pairs = (bytes([first, second]).decode(encoding, "ignore") for first in range(0x81, 0xFF) for second in signs)
    return [pair for pair in pairs if len(pair) == 1 and pair > "\x7f" and pair.isprintable()]


@pytest.mark.parametrize("mark", list("|\\^~@[]{}`_"))
def test_text_with_the_separators_byte_inside_a_character_never_leaves(mark):
    """A gateway splits bytes: what it would read as another row or cell is refused, everything else it reads equal."""
    layout = load_exports()["sms"].model_copy(update={"delimiter": mark})
    plain = {name: value.replace("_", "") for name, value in CELLS.items()}
    written, refused = [], []
    for character in two_byte_characters():
        row = plain | {"script_text": f"回复{character}TD退订"}
        if character.encode("gbk")[1] == ord(mark):
            refused.append(character)
            with pytest.raises(ExportRefused, match="column script_text"):
                file_bytes(layout, [row], "F")
        else:
            written.append(row)
    content = file_bytes(layout, written, "F")
    by_bytes = [line.split(mark.encode()) for line in content.split(b"\n")[:-1]]
    assert [line[-1].decode("gbk") for line in by_bytes] == [row["script_text"] for row in written]
    assert {len(line) for line in by_bytes} == {len(layout.columns)}
    assert read_back(layout, content) == [{name: row[name] for name in layout.column_names} for row in written]
    assert len(written) > 1_000, "floor: most characters leave"
    assert len(refused) > 80, "floor: many hold the separator's byte"


def test_last_gate_reads_bytes_as_the_gateway_does():
    """A file with 億 (0x83 0x7C) between `|`, as the writer made it before: the gateway would see one cell too many."""
    layout = load_exports()["sms"]
    honest = file_bytes(layout, [CELLS], "F")
    with pytest.raises((ValueError, UnicodeError)):
        read_back(layout, honest.replace("彩铃，".encode("gbk"), "億".encode("gbk")))


@pytest.mark.parametrize("name", ["store", "hotline"])
def test_quoted_and_fixed_cells_hold_any_character(name):
    layout = load_exports()[name]
    rows = [CELLS | {"script_text": f'说"{character}"'} for character in two_byte_characters()]
    found = read_back(layout, file_bytes(layout, rows, "F"))
    assert [row["script_text"] for row in found] == [row["script_text"] for row in rows]


@pytest.mark.parametrize(
    "spelling",
    ["13800000001", "+8613800000001", "008613800000001", " 138 0000 0001 ", "１３８０００００００１", "013800000001"],
)
def test_number_is_found_however_it_is_written(spelling):
    assert national_mobile(spelling) == "13800000001"


@pytest.mark.parametrize("spelling", ["", "12345678901", "1380000000", "10086", "abc", "138000000011"])
def test_number_that_cannot_be_read_is_nobodys(spelling):
    assert national_mobile(spelling) is None


def faults(channel: str = "SMS", protection: Protection = FREE, **row) -> list[str]:
    return list(violations([CELLS | row], channel, [CONTACT], protection).values())


def test_free_contact_may_leave():
    assert faults() == []


@pytest.mark.parametrize(
    ("status", "goal", "leaves"),
    [
        ("SUSPENDED", "RETAIN", True),
        ("GRACE", "RETAIN", True),
        ("QUARANTINE", "RETAIN", False),
        ("SUSPENDED", "ACQUIRE", False),
        ("ACTIVE", "ACQUIRE", True),
    ],
)
def test_only_campaigns_that_keep_customers_reach_lines_suspended_or_in_grace(status, goal, leaves):
    protection = replace(FREE, status={"S1": status})

    assert (violations([CELLS], "SMS", [CONTACT], protection, goal) == {}) == leaves


@pytest.mark.parametrize(
    ("changes", "channel", "words"),
    [
        ({"suppressed": {"S1": [("SYSTEM", "*")]}}, "STORE", "suppressed"),
        ({"suppressed": {"S1": [("CHANNEL", "SMS")]}}, "SMS", "suppressed"),
        ({"suppressed": {"S1": [("PRODUCT", "CRBT")]}}, "WEB", "suppressed"),
        ({"suppressed": {"S1": [("WORLD", "x")]}}, "WEB", "suppressed"),
        ({"listed": {"S1": [("BLACK", "SYSTEM", "", "")]}}, "STORE", "BLACK"),
        ({"listed": {"S1": [("RED", "SYSTEM", "", "")]}}, "OUTBOUND", "RED"),
        ({"listed": {"S1": [("GREY", "CHANNEL", "SMS", "")]}}, "SMS", "GREY"),
        ({"listed": {"S1": [("GREY", "SYSTEM", "", "STAFF")]}}, "IVR", "GREY"),
        ({"listed": {"S1": [("GREY", "SYSTEM", "", "")]}}, "STORE", "GREY"),
        ({"opted_out": {"S1": [("SYSTEM", "SMS", "CRBT")]}}, "STORE", "opted out"),
        ({"opted_out": {"S1": [("CHANNEL", "SMS", "NEWSPAPER")]}}, "SMS", "opted out"),
        ({"opted_out": {"S1": [("PRODUCT", "OUTBOUND", "CRBT")]}}, "SMS", "opted out"),
        ({"complained": {"S1": [("SYSTEM", "*")]}}, "STORE", "complained"),
        ({"complained": {"S1": [("CHANNEL", "SMS")]}}, "SMS", "complained"),
        ({"complained": {"S1": [("PRODUCT", "CRBT")]}}, "WEB", "complained"),
        ({"sensitive": {"S1": {"OUTBOUND", "IVR"}}}, "IVR", "sensitive"),
        ({"held_back": {("CRBT_SAVE", "S1")}}, "SMS", "control group"),
        ({"held_back_always": {"S1"}}, "SMS", "control group"),
        ({"live": {"S2"}}, "SMS", "not live"),
        ({"status": {"S1": "SUSPENDED"}}, "SMS", "status SUSPENDED"),
        ({"status": {"S1": "GRACE"}}, "STORE", "status GRACE"),
        ({"status": {}}, "SMS", "status None"),
        ({"holder": {}}, "SMS", "nobody"),
        ({"holder": {"13800000001": "S9"}, "live": {"S9"}}, "SMS", "another subscription"),
        ({"holder": {"13800000001": ""}}, "SMS", "another subscription"),  # two live lines on one number
    ],
)
def test_protected_contact_is_found(changes, channel, words):
    found = faults(channel, replace(FREE, **changes))
    assert len(found) == 1
    assert words in found[0]
    assert "13800000001" not in found[0]


@pytest.mark.parametrize(
    ("changes", "channel"),
    [
        ({"suppressed": {"S1": [("CHANNEL", "OUTBOUND")]}}, "SMS"),
        ({"suppressed": {"S1": [("PRODUCT", "NEWSPAPER")]}}, "SMS"),
        ({"listed": {"S1": [("RED", "SYSTEM", "", "")]}}, "STORE"),
        ({"listed": {"S1": [("RED", "SYSTEM", "", "")]}}, "ACCOUNT_MANAGER"),
        ({"listed": {"S1": [("GREY", "SYSTEM", "", "STAFF")]}}, "WEB"),
        ({"opted_out": {"S1": [("CHANNEL", "SMS", "CRBT")]}}, "STORE"),
        ({"complained": {"S1": [("CHANNEL", "OUTBOUND"), ("PRODUCT", "NEWSPAPER")]}}, "SMS"),
        ({"sensitive": {"S1": {"OUTBOUND", "IVR"}}}, "SMS"),
        ({"held_back": {("OTHER", "S1")}}, "SMS"),
    ],
)
def test_what_a_protection_leaves_open_may_leave(changes, channel):
    assert faults(channel, replace(FREE, **changes)) == []


def test_file_unlike_the_frozen_list_is_found():
    assert differences([CELLS | {"offer_id": "OTHER"}], [CONTACT]) == ["line 1: offer_id is not the frozen one"]
    assert "wanted the 2" in differences([CELLS], [CONTACT, CONTACT])[0]
    assert differences([CELLS], [CONTACT]) == []


@pytest.mark.parametrize("name", LAYOUTS)
def test_torn_file_is_not_read(name):
    layout = load_exports()[name]
    content = file_bytes(layout, [CELLS, CELLS], "F")
    torn = content[: len(content) - len(content) // 4]
    with pytest.raises((ValueError, UnicodeError)):
        read_back(layout, torn)
