"""Phone numbers of a column: plain mobile numbers by a compiled loop, every other writing through `msisdn.canonical`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from jobs.ingest.byte_values import BLANK_NUMBER, NOT_MOBILE, read_mobiles
from jobs.ingest.texts import binary_array
from jobs.people.msisdn import CLASSES, INVALID, NATIONAL_MOBILE, canonical
from jobs.people.tokens import Tokenizer

BLANK_CLASS = -1
NONE = "NONE"  # class of a number the sender says is not there, as 0 of corporate accounts
INVALID_CLASS, MOBILE_CLASS = CLASSES.index(INVALID), CLASSES.index(NATIONAL_MOBILE)


@dataclass
class Numbers:
    """Canonical numbers of a column: `mobiles` where they are plain, else `others[other_of_row]`."""

    mobiles: np.ndarray  # 11-digit number, or negative
    classes: np.ndarray  # position in CLASSES, BLANK_CLASS for none
    other_of_row: np.ndarray  # position in `others`, or -1
    others: list[str]
    undecodable: np.ndarray
    is_none: np.ndarray  # blank because the sender says that there is no number

    @property
    def is_blank(self) -> np.ndarray:
        """Rows without a number, whatever the reason."""
        return self.classes == BLANK_CLASS

    @property
    def is_invalid(self) -> np.ndarray:
        """Rows whose number is none."""
        return self.classes == INVALID_CLASS

    def clear(self, where: np.ndarray) -> None:
        """Leave these rows without a number."""
        self.mobiles[where], self.other_of_row[where] = NOT_MOBILE, -1
        self.classes[where] = BLANK_CLASS

    def class_column(self) -> pa.Array:
        """Class names, null for a blank number."""
        codes = np.where(self.is_none, len(CLASSES), self.classes).astype(np.int8)
        return pa.DictionaryArray.from_arrays(
            pa.array(codes, mask=self.is_blank & ~self.is_none), pa.array([*CLASSES, NONE])
        ).cast(pa.string())

    def tokens(
        self, tokenizer: Tokenizer, wanted: np.ndarray
    ) -> tuple[np.ndarray, list[tuple[np.ndarray, pa.Array, np.ndarray]]]:
        """Token of every wanted row (0 elsewhere), and per distinct value: first row, the value (plain digits as a number), token."""
        tokens, found = number_tokens("MSISDN", self.mobiles, wanted, tokenizer)
        rows = np.flatnonzero(wanted & (self.other_of_row >= 0))
        if len(rows):
            codes, places = pd.factorize(self.other_of_row[rows])
            values = pa.array([self.others[place] for place in places], pa.string())
            of_value = tokenizer.tokens("MSISDN", values)
            tokens[rows] = of_value[codes]
            found.append((rows[_first_of(codes, len(values))], values, of_value))
        return tokens, found


def number_tokens(
    kind: str, numbers: np.ndarray, wanted: np.ndarray, tokenizer: Tokenizer
) -> tuple[np.ndarray, list[tuple[np.ndarray, pa.Array, np.ndarray]]]:
    """Token of every wanted row that has a number (0 elsewhere), and per distinct number: first row, number, token."""
    tokens = np.zeros(len(numbers), dtype=np.int64)
    rows = np.flatnonzero(wanted & (numbers > 0))
    if not len(rows):
        return tokens, []
    codes, values = pd.factorize(numbers[rows])
    of_value = tokenizer.tokens_of_numbers(kind, values)
    tokens[rows] = of_value[codes]
    return tokens, [(rows[_first_of(codes, len(values))], pa.array(values), of_value)]


def _first_of(codes: np.ndarray, size: int) -> np.ndarray:
    """Position where each code stands first."""
    first = np.empty(size, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return first


def read_numbers(data: np.ndarray, starts: np.ndarray, ends: np.ndarray, codec: str, is_utf8: np.ndarray) -> Numbers:
    """Read a column of numbers; `starts` and `ends` are stripped of blanks, `is_utf8` lines are read as UTF-8."""
    mobiles = np.empty(len(starts), dtype=np.int64)
    read_mobiles(data, starts, ends, mobiles)
    classes = np.where(mobiles > 0, MOBILE_CLASS, BLANK_CLASS).astype(np.int8)
    other_of_row = np.full(len(starts), -1, dtype=np.int64)
    undecodable = np.zeros(len(starts), dtype=bool)
    seen: dict[str, int] = {}
    odd = mobiles == NOT_MOBILE
    for rows, encoding in ((np.flatnonzero(odd & ~is_utf8), codec), (np.flatnonzero(odd & is_utf8), "utf-8")):
        if not len(rows):
            continue
        writings = binary_array(data, starts[rows], ends[rows]).dictionary_encode()
        verdicts = [_canonical(writing, encoding, seen) for writing in writings.dictionary.to_pylist()]
        of_row = writings.indices.to_numpy()
        other_of_row[rows] = np.array([position for position, _, _ in verdicts])[of_row]
        classes[rows] = np.array([number_class for _, number_class, _ in verdicts], dtype=np.int8)[of_row]
        undecodable[rows] = np.array([broken for _, _, broken in verdicts])[of_row]
    mobiles[mobiles == BLANK_NUMBER] = NOT_MOBILE
    return Numbers(mobiles, classes, other_of_row, list(seen), undecodable, np.zeros(len(starts), dtype=bool))


def _canonical(writing: bytes, codec: str, seen: dict[str, int]) -> tuple[int, int, bool]:
    try:
        number, number_class = canonical(writing.decode(codec))
    except UnicodeDecodeError:
        return -1, BLANK_CLASS, True
    if number is None or number_class is None:
        return -1, BLANK_CLASS, False
    return seen.setdefault(number, len(seen)), CLASSES.index(number_class), False
