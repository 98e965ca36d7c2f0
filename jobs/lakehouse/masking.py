"""Takes personal numbers and names out of what people and senders wrote, before it reaches a table, an alert, a log or a webhook."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from conf.delivery_names import fits_a_style

MASK = "***"
SHOWN_CHARACTERS = 120
_APART = "[ \u00a0\u3000\u2010-\u2015\u2212\uff0d-]{0,3}"  # blanks and hyphens of all widths
# Phone, account and card numbers, 18-character ID numbers: 7 or more digits, also full-width or held apart, an X behind.
LONG_NUMBER = f"[0-9０-９](?:{_APART}[0-9０-９]){{6,}}(?:{_APART}[XxＸｘ])?"
_DAY = r"20[0-9]{2}(?P<dash>-?)(?:0[1-9]|1[0-2])(?P=dash)(?:[0-2][0-9]|3[01])"
_TIME = r"(?:(?:[T ]?[0-2][0-9]:[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]+)?)?)|[0-2][0-9][0-5][0-9][0-5][0-9])?"
# What our own messages say and nobody's number is: names of deliveries, days and times, digests.
_OURS = rf"(?P<name>[IASias][0-9_][A-Za-z0-9_.-]*\.(?:dat|verf|AVL|CHK))|(?P<time>{_DAY}{_TIME})|(?P<digest>K?(?:[0-9a-f]{{16,}}|[0-9A-F]{{24}}))"
_MESSAGE = re.compile(rf"(?<![0-9A-Za-z])(?:{_OURS})(?![0-9A-Za-z])|(?P<number>{LONG_NUMBER})")
_IDS = ("_id", "inode")
_NUMBER = re.compile(LONG_NUMBER)
_WORD = re.compile(r"[^\x00-\x7f]{2,}")


def masked_column(texts: pa.Array) -> pa.Array:
    """A column of free text without the numbers that may be a person's."""
    return pc.replace_substring_regex(texts, LONG_NUMBER, MASK)


def masked(text: str) -> str:
    """One free text of a person, as a reason: the same rule, days included."""
    return _NUMBER.sub(MASK, printable(text))


def masked_message(text: str) -> str:
    """Words of our own with words of others in them: long numbers go, days, times, digests and names of deliveries stay.

    Counts of seven digits and more stay when they are written with commas.
    """
    return _MESSAGE.sub(_kept, printable(text))


def masked_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Values of an alert or a log line: texts masked, ids (`..._id`, `inode`), numbers and days as they are."""
    return {key: _masked_fact(key, value) for key, value in facts.items()}


def _masked_fact(key: str, value: Any) -> Any:
    if value is None or isinstance(value, (int, float, date)) or key.startswith("_"):
        return value
    if isinstance(value, Mapping):
        return masked_facts(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_masked_fact(key, each) for each in value]
    return printable(str(value)) if key.endswith(_IDS) else masked_message(str(value))


def masked_name(name: str) -> str:
    """Name of a file nobody expected: long numbers go, of each word that is not ASCII the first character stays.

    A name of a delivery style stays whole: it says a unit and a date.
    """
    return _WORD.sub(lambda word: word[0][0] + "**", quoted(_readable(name)))


def quoted(text: str) -> str:
    """What a sender wrote into a control file, for a reason: printable, masked and no longer than a line."""
    return _MESSAGE.sub(_kept, printable(text, kept=""))[:SHOWN_CHARACTERS]


def printable(text: str, kept: str = "\n\t") -> str:
    """A text that every file and webhook can take: bytes that are no UTF-8, control and direction characters are escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in kept else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    if "\udc80" <= char <= "\udcff":  # a byte of a name that is no UTF-8, as os.fsdecode gives it
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def _readable(name: str) -> str:
    """A file name as its sender meant it: one that is no UTF-8 is tried as Chinese, else its bytes are escaped."""
    try:
        name.encode("utf-8")
        return name
    except UnicodeEncodeError:
        pass
    try:
        meant = os.fsencode(name).decode("gb18030")
        return meant if meant.isprintable() else printable(name)
    except UnicodeError:
        return printable(name)


def _kept(found: re.Match[str]) -> str:
    if found["number"] is not None:
        return MASK
    if found["name"] is not None and not fits_a_style(found["name"]):
        return _NUMBER.sub(MASK, found["name"])
    if found["digest"] is not None and found["digest"].isdigit():
        return MASK
    return found[0]
