"""What a scan looks for: every value of the vault, in the writings in which it could have slipped out.

Left out, and counted: numbers of services and numbers of fewer than 10 digits (they say nobody), names and addresses of fewer
than two and six characters, and names the project's own files hold as a word (somebody may be called as a city's quarter).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from conf.numbering import load_numbering
from conf.reading import ROOT
from conf.settings import Settings
from jobs.lakehouse import delta_rs
from jobs.people.msisdn import SP_CODE, canonical
from jobs.people.vault import IDENTITY, KINDS
from jobs.privacy.matcher import Matcher

LEAST_DIGITS, LEAST_ADDRESS, LEAST_NAME = 10, 6, 2
SHORT_NAME = 2  # characters: found as a whole word only, as two of them stand side by side in any text
_FULL_WIDTH = str.maketrans("0123456789Xx", "０１２３４５６７８９ＸＸ")
_OWN_FILES = ("conf/**/*.yaml", "sql/**/*.*", "expectations/**/*.yaml", "docs/**/*.md", "dags/*.py", "jobs/**/*.py")
INT64_DIGITS, TOKEN_DIGITS = 18, 19
_DIGITS, _DIGITS_BEFORE = re.compile(rb"[0-9]+"), re.compile(rb"[0-9]+$")


@dataclass
class Wanted:
    """Patterns for text and whole numbers for columns of numbers, with how many values of each kind they stand for."""

    matcher: Matcher
    numbers: np.ndarray  # sorted
    number_kinds: dict[int, str]
    short_names: frozenset[bytes]
    values: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    tokens: frozenset[int] = frozenset()  # 19 random digits each: one may hold a number by chance, and is none

    def in_numbers(self, found: np.ndarray) -> Iterator[str]:
        """Kinds of the values among distinct whole numbers."""
        if len(self.numbers) == 0 or len(found) == 0:
            return
        place = np.minimum(np.searchsorted(self.numbers, found), len(self.numbers) - 1)
        yield from (self.number_kinds[int(number)] for number in found[self.numbers[place] == found])

    def in_text(self, content: bytes, start: int = 0) -> Iterator[str]:
        """Kind of each value that stands in the content and ends behind `start`; a digit beside a number is told."""
        for position, pattern, kind in self.matcher.find(content, start):
            before, after = (
                content[position - 1 : position],
                content[position + len(pattern) : position + len(pattern) + 1],
            )
            if pattern in self.short_names and (before >= b"\x80" or after >= b"\x80"):
                continue
            if not (pattern[:1].isdigit() and (before.isdigit() or after.isdigit())):
                yield kind
            elif _digits_around(content, position) not in self.tokens:
                yield f"{kind} in a longer number"


def _digits_around(content: bytes, position: int) -> int:
    """The whole number a position stands in; 0 when it is longer than a token."""
    around = content[max(0, position - TOKEN_DIGITS) : position + TOKEN_DIGITS + 1]
    at = min(position, TOKEN_DIGITS)
    before, after = _DIGITS_BEFORE.search(around[:at]), _DIGITS.match(around[at:])
    run = (before[0] if before else b"") + (after[0] if after else b"")
    return int(run) if len(run) <= TOKEN_DIGITS else 0


def wanted_of(settings: Settings, own: Path = ROOT) -> Wanted:
    """All values of the vault of a home."""
    table = delta_rs.read(settings, IDENTITY, columns=["token", "kind", "value"])
    found = wanted(zip(table["kind"].to_pylist(), table["value"].to_pylist(), strict=True), own)
    return replace(found, tokens=frozenset(table["token"].to_pylist()))


def wanted(identities: Iterable[tuple[str, str]], own: Path = ROOT) -> Wanted:
    """The same of (kind, value) pairs."""
    values: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    kept: list[tuple[str, str]] = []
    for kind, value in identities:
        if why := _says_nobody(kind, value):
            left_out[f"{kind} {why}"] += 1
        else:
            kept.append((kind, value))
    ours = _own_words([value for kind, value in kept if kind == "NAME"], own)
    left_out["NAME that the project's own files hold"] += sum(kind == "NAME" and value in ours for kind, value in kept)
    kept = [(kind, value) for kind, value in kept if kind != "NAME" or value not in ours]
    patterns: dict[bytes, str] = {}
    numbers: dict[int, str] = {}
    for kind, value in kept:
        values[kind] += 1
        for text in _writings(kind, value):
            patterns.setdefault(text, kind)
        for number in _as_numbers(value):
            numbers.setdefault(number, kind)
    short = frozenset(value.encode() for kind, value in kept if kind == "NAME" and len(value) <= SHORT_NAME)
    return Wanted(Matcher(patterns), np.array(sorted(numbers), np.int64), numbers, short, values, +left_out)


def _says_nobody(kind: str, value: str) -> str | None:
    if kind not in KINDS:
        raise ValueError(f"vault.identity: found kind {kind}, wanted one of {', '.join(KINDS)}")
    if kind == "NAME":
        return f"below {LEAST_NAME} characters" if len(value) < LEAST_NAME or len(value.encode()) < 6 else None
    if kind == "ADDRESS":
        return f"below {LEAST_ADDRESS} characters" if len(value) < LEAST_ADDRESS else None
    if kind == "MSISDN" and canonical(value)[1] == SP_CODE:
        return "of a service"
    return f"below {LEAST_DIGITS} digits" if sum(char.isdigit() for char in value) < LEAST_DIGITS else None


def _writings(kind: str, value: str) -> Iterator[bytes]:
    """The value in UTF-8 and, where it is long enough not to stand there by chance, in GB 18030 and in other digits."""
    yield value.encode()
    if kind in ("NAME", "ADDRESS"):
        if len(value) > SHORT_NAME:
            yield value.encode("gb18030")
        return
    yield value.translate(_FULL_WIDTH).encode()
    if value[-1] == "X":
        yield value.replace("X", "x").encode()
    if kind == "MSISDN" and len(value) == load_numbering().mobile_digits:
        yield from (apart.join((value[:3], value[3:7], value[7:])).encode() for apart in (" ", "-"))


def _as_numbers(value: str) -> Iterator[int]:
    if value.isascii() and value.isdigit() and len(value) <= INT64_DIGITS and value[0] != "0":
        yield int(value)
        if len(value) == load_numbering().mobile_digits:
            yield int(f"{load_numbering().home_country_code}{value}")


def _own_words(names: list[str], own: Path) -> set[str]:
    """Names the project's own files hold, whoever's customers they meet."""
    finder = Matcher({name.encode(): "NAME" for name in names})
    found: set[str] = set()
    for pattern in _OWN_FILES:
        for path in own.glob(pattern):
            found.update(text.decode() for _, text, _ in finder.find(path.read_bytes()))
    return found
