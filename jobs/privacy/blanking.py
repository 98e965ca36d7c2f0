"""Finds a person's values in bytes, however a file writes and encodes them, and puts blanks of the same length in their place.

Length, line ends and number of lines stay, so that a control file still fits its data file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from jobs.privacy.person import Person

CODECS = (
    "gb18030",
    "utf-8",
)  # what feeds, lists and our own files are written in; gbk and gb2312 are parts of the first
_BETWEEN = rb"[ \-().]{0,2}"
_MIN_CHARACTERS = 4  # a shorter text (a name) is only looked for on lines that are the person's for another reason


@dataclass(frozen=True)
class Patterns:
    """`strong` values are the person's wherever they stand; `weak` ones only on lines with a strong one or the customer's id."""

    strong: re.Pattern[bytes]
    lines: re.Pattern[bytes]
    weak: re.Pattern[bytes] | None

    def finds(self, content: bytes) -> bool:
        """Whether a value that is the person's alone stands in there."""
        return self.strong.search(content) is not None


def patterns_of(person: Person) -> Patterns:
    """Patterns of all values of a person that are known in clear."""
    texts = [*person.values("ADDRESS", "NAME"), *(value for _, value in person.shared.values())]
    long_ones = [text for text in person.values("ADDRESS") if len(text) > _MIN_CHARACTERS]
    strong = [*map(_number, person.values("MSISDN")), *map(_code, person.values("ID_NUMBER", "IMSI", "IMEI"))]
    strong += [pattern for text in long_ones for pattern in _text(text)]
    ids = [re.escape(name.encode()) + rb"(?![0-9A-Za-z])" for name in sorted(person.customers | person.subscriptions)]
    weak = [pattern for text in texts for pattern in _text(text)]
    return Patterns(_any(strong), _any([*strong, *ids]), _any(weak) if weak else None)


def blank(content: bytes, patterns: Patterns) -> bytes:
    """The same bytes without the person; unchanged bytes when nothing was found."""
    blanked = bytearray(content)
    lines = {content.rfind(b"\n", 0, found.start()) + 1 for found in patterns.lines.finditer(content)}
    for start in lines:
        end = content.find(b"\n", start)
        _overwrite(blanked, start, len(content) if end < 0 else end, patterns.weak)
    _overwrite(blanked, 0, len(blanked), patterns.strong)
    return bytes(blanked)


def _overwrite(content: bytearray, start: int, end: int, pattern: re.Pattern[bytes] | None) -> None:
    for found in list(pattern.finditer(content, start, end)) if pattern else []:
        content[found.start() : found.end()] = b" " * (found.end() - found.start())


def _any(patterns: list[bytes]) -> re.Pattern[bytes]:
    return re.compile(b"|".join(patterns) if patterns else rb"(?!)", re.IGNORECASE)


def _number(number: str) -> bytes:
    """Digits as they are, held apart by blanks, dashes and brackets, in full width, or as a spreadsheet writes them."""
    wide = [rb"(?:%c|\xa3%c|\xef\xbc%c)" % (ord(d), 0xB0 + int(d), 0x90 + int(d)) for d in number]
    mantissa = number[1:].rstrip("0").encode()
    scientific = number[:1].encode() + rb"\." + mantissa + rb"0*E\+?%d" % (len(number) - 1)
    return _BETWEEN.join(wide) + b"|" + scientific


def _code(text: str) -> bytes:
    return re.escape(text.encode())


def _text(text: str) -> list[bytes]:
    return [re.escape(text.encode(codec)) for codec in CODECS]
