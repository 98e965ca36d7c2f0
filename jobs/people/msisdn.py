"""The one canonical writing of a phone number: used for subscriptions, lists, opt-outs and exports alike.

A suppressed number written in another usual way (+86, leading 0, full-width digits, ...) must meet the customer's
number, so both sides go through `canonical`. It is pure and idempotent: canonical(canonical(x)) is canonical(x).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from conf.numbering import load_numbering

NATIONAL_MOBILE, FIXED, SP_CODE, FOREIGN, INVALID = "NATIONAL_MOBILE", "FIXED", "SP_CODE", "FOREIGN", "INVALID"
CLASSES = (NATIONAL_MOBILE, FIXED, SP_CODE, FOREIGN, INVALID)

_NUMBERING = load_numbering()
_SERVICE = "|".join(_NUMBERING.service_prefixes)
_HOME = _NUMBERING.home_country_code
_HEAD = rf"(?:(?:\+|00|0)?{_HOME}|\+?(?:{_SERVICE}))*"  # country code and service prefixes, however they are mixed
_AREA = f"(?:{_NUMBERING.area})"
_MOBILE = re.compile(rf"{_HEAD}0?({_NUMBERING.mobile})")
_FIXED = re.compile(rf"(?:{_SERVICE})*0({_AREA})|{_HEAD}(?<={_HOME})0?({_AREA})")
_LOCAL_FIXED = re.compile(_NUMBERING.local_fixed)
_SHORT_CODE = re.compile(_NUMBERING.short_code)
_SCIENTIFIC = re.compile(r"(\d)(?:\.(\d+))?[eE]\+?0*(\d{1,2})")  # what a spreadsheet makes of a number
_WHOLE_DECIMAL = re.compile(r"(\d{11,})\.0+|(\d+)\.0{1,2}")
_UNSEEN = ("Cf", "Cc", "Zs", "Zl", "Zp")  # Unicode categories of control, format (zero width) and blank characters
_BRACKETS = ("Pd", "Ps", "Pe", "Pi", "Pf")  # dashes, brackets and typographic quotes
_SEPARATORS = frozenset("'\"`´,;/\\_·、\u2212")  # the last is the minus sign
_DOTS = ".。"


def canonical(text: str | None) -> tuple[str | None, str | None]:
    """Canonical text and class of a number; (None, None) for a blank one.

    National mobile: 11 digits. Fixed: leading 0 and area code where given. Foreign: 00 and a country code that exists. SP
    codes and short codes: as they are. Anything else is INVALID and keeps its cleaned text, so that it matches only itself.
    """
    return _canonical(text) if text else (None, None)


def canonicals(texts: Iterable[str | None]) -> tuple[list[str | None], list[str | None]]:
    """The same for many; repeated values cost a look-up."""
    pairs = [canonical(text) for text in texts]
    return [number for number, _ in pairs], [number_class for _, number_class in pairs]


def national_mobile(text: str | None) -> str | None:
    """The eleven digits of a national mobile number however it is written, None for any other text."""
    number, number_class = canonical(text)
    return number if number_class == NATIONAL_MOBILE else None


@lru_cache(maxsize=200_000)
def _canonical(text: str) -> tuple[str | None, str | None]:
    cleaned = _plain(text)
    if not cleaned:
        return None, None
    number = _undo_spreadsheet(cleaned)
    if re.fullmatch(r"[dD]\d{11,}", number):  # terminated numbers carry a `d` in BOSS
        number = number[1:]
    return _classified(number) or (cleaned, INVALID)


def _plain(text: str) -> str:
    """Full-width to ASCII, without blanks, zero-width characters, quotes, dashes, brackets and separators."""
    before, now = None, text
    while now != before:  # taking something out may bring together what folds again
        before, now = now, _folded(now)
    return now


def _folded(text: str) -> str:
    visible = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) not in _UNSEEN)
    digits = "".join(str(unicodedata.digit(char)) if char.isdigit() else char for char in visible)
    bare = "".join(char for at, char in enumerate(digits) if not _is_noise(char, digits[at - 1 : at])).lstrip("=")
    if _SCIENTIFIC.fullmatch(bare) or _WHOLE_DECIMAL.fullmatch(bare):
        return bare
    return bare.translate(dict.fromkeys(map(ord, _DOTS)))


def _is_noise(char: str, before: str) -> bool:
    """Whether a character only holds digits apart; the minus of an exponent (1.38E-10) does not."""
    if before in ("e", "E"):
        return False
    return char in _SEPARATORS or unicodedata.category(char) in _BRACKETS


def _undo_spreadsheet(text: str) -> str:
    """1.3800138000E+10 and 13800138000.0 back to digits, only when no digit was lost."""
    if found := _WHOLE_DECIMAL.fullmatch(text):
        return found[1] or found[2]
    found = _SCIENTIFIC.fullmatch(text)
    if not found:
        return text
    head, tail, power = found[1], (found[2] or ""), int(found[3])
    if len(tail) < power or tail[power:].strip("0"):
        return text  # 1.38E+10 stands for many numbers: it can only be invalid
    return head + tail[:power]


def _classified(number: str) -> tuple[str, str] | None:
    """Canonical number and class, None for what is no number."""
    if found := _MOBILE.fullmatch(number):
        return found[1], NATIONAL_MOBILE
    if _SHORT_CODE.fullmatch(number):
        return number, SP_CODE
    if found := _FIXED.fullmatch(number):
        return "0" + (found[1] or found[2]), FIXED
    if _LOCAL_FIXED.fullmatch(number):
        return number, FIXED
    return _foreign(number)


def _foreign(number: str) -> tuple[str, str] | None:
    """Number of another country behind + or 00, or with 13 digits and more: its country code must be a real one."""
    bare = number.removeprefix("+") if number.startswith("+") else number.removeprefix("00")
    digits = _NUMBERING.foreign_digits
    shortest, longest = digits.bare if bare == number else digits.dialled
    is_written = bare.isdigit() and shortest <= len(bare) <= longest
    return ("00" + bare, FOREIGN) if is_written and _NUMBERING.is_foreign(bare) else None
