"""The canonical writing of phone numbers: every usual writing of one number gives one key, on both sides."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobs.ingest.msisdn import CLASSES, FIXED, FOREIGN, INVALID, NATIONAL_MOBILE, SP_CODE, canonical, canonicals

MOBILE = "13800138000"


@pytest.mark.parametrize(
    "writing",
    [
        "13800138000", "+8613800138000", "8613800138000", "008613800138000", "013800138000", "+86 138 0013 8000",
        "138-0013-8000", " 13800138000 ", "138\u200b0013\u200b8000", "\ufeff13800138000", "13800138000\t",
        "１３８００１３８０００", "＋８６１３８００１３８０００", "1.3800138000E+10", "1.3800138000e10", "13800138000.0",
        "1253013800138000", "1795113800138000", "d13800138000", "D13800138000", "(+86)13800138000", "13800138000\u00a0",
    ],
)  # fmt: skip
def test_every_usual_writing_of_a_mobile_number_is_the_same_number(writing):
    assert canonical(writing) == (MOBILE, NATIONAL_MOBILE)


@pytest.mark.parametrize(
    ("writing", "number", "number_class"),
    [
        ("10086", "10086", SP_CODE), ("901234", "901234", SP_CODE), ("12530", "12530", SP_CODE), ("106575550001", "106575550001", SP_CODE),
        ("02112345678", "02112345678", FIXED), ("+862112345678", "02112345678", FIXED), ("059112345678", "059112345678", FIXED),
        ("88886666", "88886666", FIXED), ("+85212345678", "0085212345678", FOREIGN), ("0085212345678", "0085212345678", FOREIGN),
        ("8521234567890", "008521234567890", FOREIGN), ("0", "0", INVALID), ("abc", "abc", INVALID),
        ("1.38E+10", "1.38E+10", INVALID),  # digits were lost: it may be anybody
        ("12345678901", "12345678901", INVALID), ("138001380001234567", "138001380001234567", INVALID),
    ],
)  # fmt: skip
def test_other_numbers_have_a_class_and_one_writing(writing, number, number_class):
    assert canonical(writing) == (number, number_class)


@pytest.mark.parametrize("blank", [None, "", " ", "\u200b", "\u3000", "--"])
def test_a_blank_number_is_no_number(blank):
    assert canonical(blank) == (None, None)


def test_many_numbers_keep_their_order():
    assert canonicals(["+8613800138000", None, "10086"]) == ([MOBILE, None, "10086"], [NATIONAL_MOBILE, None, SP_CODE])


mobiles = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
noise = st.sampled_from(["", " ", "-", "\u200b", "\u00a0", "\u3000", "\u2060"])


@settings(max_examples=400, deadline=None)
@given(
    mobiles,
    st.sampled_from(["", "+86", "86", "0086", "0", "d", "12530", "+86 "]),
    st.lists(noise, min_size=11, max_size=11),
    st.booleans(),
)
def test_writing_noise_never_changes_whose_number_it_is(number, prefix, between, wide):
    digits = number.translate({ord(str(d)): chr(0xFF10 + d) for d in range(10)}) if wide else number
    written = prefix + "".join(digit + gap for digit, gap in zip(digits, between, strict=True))
    assert canonical(written) == (number, NATIONAL_MOBILE)


@settings(max_examples=600, deadline=None)
@given(st.one_of(st.text(max_size=24), st.text("0123456789+-. dEe()０１９", max_size=24)))
@example("+86+8613800138000")
@example("1e5")
@example("²13800138000")
@example("d0013800138000")
def test_canonical_of_anything_is_stable_and_never_raises(text):
    number, number_class = canonical(text)
    assert (number is None) == (number_class is None)
    if number is not None:
        assert number_class in CLASSES
        assert canonical(number) == (number, number_class)
