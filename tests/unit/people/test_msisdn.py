"""The canonical writing of phone numbers: every usual writing of one number gives one key, on both sides."""

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conf.numbering import load_numbering
from jobs.ingest.numbers import read_numbers
from jobs.people.msisdn import (
    CLASSES,
    FIXED,
    FOREIGN,
    INVALID,
    NATIONAL_MOBILE,
    SP_CODE,
    canonical,
    canonicals,
    national_mobile,
)

MOBILE = "13800138000"


@pytest.mark.parametrize(
    "writing",
    [
        "13800138000",
        "+8613800138000",
        "8613800138000",
        "008613800138000",
        "013800138000",
        "+86 138 0013 8000",
        "138-0013-8000",
        " 13800138000 ",
        "138\u200b0013\u200b8000",
        "\ufeff13800138000",
        "13800138000\t",
        "１３８００１３８０００",
        "＋８６１３８００１３８０００",
        "1.3800138000E+10",
        "1.3800138000e10",
        "13800138000.0",
        "13,800,138,000",
        "13800138000,",
        "'13800138000",
        '="13800138000"',
        "138‐0013‐8000",
        "138.0013.8000",
        "860 138 0013 8000",
        "1253013800138000",
        "1795113800138000",
        "+86 17951 138 0013 8000",
        "17951 0086 13800138000",
        "d13800138000",
        "D13800138000",
        "(+86)13800138000",
        "13800138000\u00a0",
    ],
)
def test_every_usual_writing_of_a_mobile_number_is_the_same_number(writing):
    assert canonical(writing) == (MOBILE, NATIONAL_MOBILE)


@pytest.mark.parametrize(
    ("writing", "number", "number_class"),
    [
        ("10086", "10086", SP_CODE),
        ("901234", "901234", SP_CODE),
        ("12530", "12530", SP_CODE),
        ("106575550001", "106575550001", SP_CODE),
        ("02112345678", "02112345678", FIXED),
        ("+862112345678", "02112345678", FIXED),
        ("059112345678", "059112345678", FIXED),
        ("88886666", "88886666", FIXED),
        ("+85212345678", "0085212345678", FOREIGN),
        ("0085212345678", "0085212345678", FOREIGN),
        ("8521234567890", "008521234567890", FOREIGN),
        ("0", "0", INVALID),
        ("abc", "abc", INVALID),
        ("1.38E+10", "1.38E+10", INVALID),  # digits were lost: it may be anybody
        ("8612345678901", "8612345678901", INVALID),
        ("+8612345678901", "+8612345678901", INVALID),
        ("008612345678901", "008612345678901", INVALID),
        ("13800138000123", "13800138000123", INVALID),
        ("+99912345678", "+99912345678", INVALID),  # no country has that code
        ("+12125550100", "0012125550100", FOREIGN),
        ("+8613800138000,13800138001", "+861380013800013800138001", INVALID),
        ("862112345678", "02112345678", FIXED),
        ("1.38E-10", "138E-10", INVALID),
        ("138****0005", "138****0005", INVALID),
        ("12345678901", "12345678901", INVALID),
        ("138001380001234567", "138001380001234567", INVALID),
    ],
)
def test_other_numbers_have_a_class_and_one_writing(writing, number, number_class):
    assert canonical(writing) == (number, number_class)


@pytest.mark.parametrize("blank", [None, "", " ", "\u200b", "\u3000", "--"])
def test_a_blank_number_is_no_number(blank):
    assert canonical(blank) == (None, None)


def test_many_numbers_keep_their_order():
    assert canonicals(["+8613800138000", None, "10086"]) == ([MOBILE, None, "10086"], [NATIONAL_MOBILE, None, SP_CODE])


mobiles = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
prefixes = st.lists(st.sampled_from(["+86", "86", "0086", "086", "12593", "17951", "12530", "17911"]), max_size=2).map(
    "".join
)
gaps = st.sampled_from(
    ["", " ", "-", "/", "\u200b", "\u00a0", "\u3000", "\u2060", "\u2010", "\u2013", "－", "，", " - "]
)
wraps = st.sampled_from(
    ["{}", " {} ", "({})", "（{}）", "[{}]", "'{}", '"{}"', '="{}"', "={}", "“{}”", "‘{}’", "{},", "{};", "{}\t"]
)
WIDE = {ord(str(digit)): chr(0xFF10 + digit) for digit in range(10)}


@settings(max_examples=3000, deadline=None)
@given(mobiles, prefixes, st.sampled_from(["", "0"]), st.lists(gaps, min_size=16, max_size=16), wraps, st.booleans())
@example("13800130005", "86", "0", ["/"] * 16, '="{}"', True)
def test_writing_noise_never_changes_whose_number_it_is(number, prefix, trunk, between, wrap, wide):
    digits = prefix + trunk + number
    written = "".join(map("".join, itertools.zip_longest(digits, between, fillvalue="")))
    written = wrap.format(written.translate(WIDE) if wide else written)
    assert canonical(written) == (number, NATIONAL_MOBILE)
    assert national_mobile(written) == number


@settings(max_examples=1000, deadline=None)
@given(mobiles, st.sampled_from(["{}.0", "{}.00", "1.E+10"]), wraps)
def test_what_a_spreadsheet_makes_of_a_number_is_the_number_when_no_digit_is_lost(number, form, wrap):
    written = f"{number[0]}.{number[1:]}E+10" if "E" in form else form.format(number)
    assert canonical(wrap.format(written)) == (number, NATIONAL_MOBILE)
    assert canonical(wrap.format(f"{number[0]}.{number[1:5]}E+10"))[1] == INVALID  # it may be anybody


@settings(max_examples=3000, deadline=None)
@given(
    st.one_of(
        st.text(max_size=24),
        st.text("0123456789+-. dEe()０１９'\"=,/（）－［］", max_size=24),
        st.builds(
            "".join,
            st.lists(
                st.sampled_from(["86", "0086", "+", "0", "12593", "17951", "138", "00", "591", "21", "1", "852", "."]),
                max_size=8,
            ),
        ),
    )
)
@example("+86+8613800138000")
@example("8612345678901")
@example("1e5")
@example("²13800138000")
@example("d0013800138000")
@example("1380013800.0")
def test_canonical_of_anything_is_stable_and_never_raises(text):
    number, number_class = canonical(text)
    assert (number is None) == (number_class is None)
    if number is not None:
        assert number_class in CLASSES
        assert canonical(number) == (number, number_class)
        if number_class == FOREIGN:
            assert number.startswith("00")
            assert load_numbering().is_foreign(number[2:])


@settings(max_examples=1000, deadline=None)
@given(st.one_of(mobiles, st.text("0123456789+ -", max_size=14)))
def test_compiled_reading_agrees_with_the_rule(text):
    content = text.strip().encode() or b""
    data = np.frombuffer(content or b" ", np.uint8)
    found = read_numbers(
        data, np.array([0], np.int32), np.array([len(content)], np.int32), "gbk", np.zeros(1, dtype=bool)
    )
    number, number_class = canonical(content.decode())
    assert (CLASSES[found.classes[0]] if found.classes[0] >= 0 else None) == number_class
    held = str(found.mobiles[0]) if found.mobiles[0] > 0 else found.others[found.other_of_row[0]] if number else None
    assert held == number
