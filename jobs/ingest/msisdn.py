"""The one canonical writing of a phone number: used for subscriptions, lists, opt-outs and exports alike.

A suppressed number written in another usual way (+86, leading 0, full-width digits, ...) must meet the customer's
number, so both sides go through `canonical`. It is pure and idempotent: canonical(canonical(x)) is canonical(x).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

NATIONAL_MOBILE, FIXED, SP_CODE, FOREIGN, INVALID = "NATIONAL_MOBILE", "FIXED", "SP_CODE", "FOREIGN", "INVALID"
CLASSES = (NATIONAL_MOBILE, FIXED, SP_CODE, FOREIGN, INVALID)

_MOBILE = re.compile(r"1[3-9]\d{9}")
_SERVICE_PREFIX = re.compile(r"(?:12530|12593|17951|17911)(0?(?:86)?1[3-9]\d{9})")  # dialled before the number itself
_SCIENTIFIC = re.compile(r"(\d)(?:\.(\d+))?[eE]\+?0*(\d{1,2})")  # what a spreadsheet makes of a number
_WHOLE_DECIMAL = re.compile(r"(\d+)\.0+")
_SHORT_CODE = re.compile(r"[1-9]\d{2,5}|1(?:0[01]|1[0-9]|2[0-9]|[68]\d)\d{1,6}|106\d{3,18}|95\d{3,6}|[48]00\d{7}")
_FIXED = re.compile(r"0(?:10|2\d)\d{7,8}|0[3-9]\d{2}\d{6,8}")
_LOCAL_FIXED = re.compile(r"[2-9]\d{6,7}")
_UNSEEN = ("Cf", "Cc", "Zs", "Zl", "Zp")  # Unicode categories of control, format (zero width) and blank characters
_NOISE = re.compile(r"[\s\-().]")


def canonical(text: str | None) -> tuple[str | None, str | None]:
    """Canonical text and class of a number; (None, None) for a blank one.

    National mobile: 11 digits. Fixed: leading 0 and area code where given. Foreign: 00 and country code. SP codes and
    short codes: as they are. Anything else is INVALID and keeps its cleaned text, so that it matches only itself.
    """
    return _canonical(text) if text else (None, None)


def canonicals(texts: Iterable[str | None]) -> tuple[list[str | None], list[str | None]]:
    """The same for many; repeated values cost a look-up."""
    pairs = [canonical(text) for text in texts]
    return [number for number, _ in pairs], [number_class for _, number_class in pairs]


@lru_cache(maxsize=200_000)
def _canonical(text: str) -> tuple[str | None, str | None]:
    cleaned = _plain(text)
    if not cleaned:
        return None, None
    number = _undo_spreadsheet(cleaned)
    if re.fullmatch(r"[dD]\d{11,}", number):  # terminated numbers carry a `d` in BOSS
        number = number[1:]
    if number.startswith("+"):
        return _international(number[1:], cleaned)
    if not number.isdigit():
        return cleaned, INVALID
    return _national(number, cleaned)


def _plain(text: str) -> str:
    """Full-width to ASCII, without blanks, zero-width characters, hyphens, brackets and dots between digits."""
    before, now = None, text
    while now != before:  # taking something out may bring together what folds again
        before, now = now, _folded(now)
    return now


def _folded(text: str) -> str:
    visible = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) not in _UNSEEN)
    if _SCIENTIFIC.fullmatch(visible) or _WHOLE_DECIMAL.fullmatch(visible):
        return visible
    return _NOISE.sub("", "".join(str(unicodedata.digit(char)) if char.isdigit() else char for char in visible))


def _undo_spreadsheet(text: str) -> str:
    """1.3800138000E+10 and 13800138000.0 back to digits, only when no digit was lost."""
    if found := _WHOLE_DECIMAL.fullmatch(text):
        return found[1]
    found = _SCIENTIFIC.fullmatch(text)
    if not found:
        return text
    head, tail, power = found[1], (found[2] or ""), int(found[3])
    if len(tail) < power or tail[power:].strip("0"):
        return text  # 1.38E+10 stands for many numbers: it can only be invalid
    return head + tail[:power]


def _national(number: str, cleaned: str) -> tuple[str, str]:
    if found := _SERVICE_PREFIX.fullmatch(number):
        number = found[1]
    if number.startswith("00"):
        return _international(number[2:], cleaned)
    for prefix in ("", "0", "86", "086"):
        rest = number.removeprefix(prefix)
        if len(rest) + len(prefix) == len(number) and _MOBILE.fullmatch(rest):
            return rest, NATIONAL_MOBILE
    if _SHORT_CODE.fullmatch(number):
        return number, SP_CODE
    if _FIXED.fullmatch(number) or _LOCAL_FIXED.fullmatch(number):
        return number, FIXED
    if 13 <= len(number) <= 15 and not number.startswith("0"):
        return "00" + number, FOREIGN
    return cleaned, INVALID


def _international(digits: str, cleaned: str) -> tuple[str, str]:
    """Number behind + or 00: ours again when the country code is 86."""
    if not digits.isdigit() or digits.startswith("0"):
        return cleaned, INVALID
    home = digits.removeprefix("86")
    if home != digits:
        home = home.removeprefix("0")
        if _MOBILE.fullmatch(home):
            return home, NATIONAL_MOBILE
        if _FIXED.fullmatch("0" + home):
            return "0" + home, FIXED
    elif 8 <= len(digits) <= 15:
        return "00" + digits, FOREIGN
    return cleaned, INVALID
