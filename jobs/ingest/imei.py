"""The one canonical writing of a handset's IMEI: the fourteen digits that name it (TS 23.003)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.ingest.byte_values import read_plain_imeis
from jobs.ingest.texts import text_array

BETWEEN_DIGITS = r"[\s\-/.]"
# 14 digits, with check digit 15, with software version 16; all zeros or all of another digit is a filler.
FORM = r"^\d{14,16}$"
FILLER = "^(?:{})$".format("|".join(f"{digit}+" for digit in range(10)))
DIGITS, TAC_DIGITS = 14, 8


@dataclass
class Imeis:
    """A column of handsets: the fourteen digits as a number, 0 where none is named."""

    numbers: np.ndarray

    @property
    def is_blank(self) -> np.ndarray:
        """Rows that name no handset."""
        return self.numbers == 0

    def clear(self, where: np.ndarray) -> None:
        """Leave these rows without a handset."""
        self.numbers[where] = 0

    def type_codes(self) -> pa.Array:
        """The first eight digits as texts, null where no handset is named."""
        codes = pa.array(self.numbers // 10 ** (DIGITS - TAC_DIGITS), mask=self.is_blank)
        return pc.utf8_lpad(codes.cast(pa.string()), TAC_DIGITS, "0")


def read_imeis(
    data: np.ndarray, starts: np.ndarray, ends: np.ndarray, codec: str, is_utf8: np.ndarray
) -> tuple[Imeis, np.ndarray, np.ndarray]:
    """A column of IMEIs, which fields cannot be decoded, and which (not blank) name no handset.

    Plain digits are read by a compiled loop; every other writing goes through `canonical_imeis`.
    """
    numbers = np.empty(len(starts), dtype=np.int64)
    read_plain_imeis(data, starts, ends, numbers)
    undecodable, no_imei = np.zeros(len(starts), dtype=bool), np.zeros(len(starts), dtype=bool)
    odd = (numbers == 0) & (ends > starts)
    if odd.any():
        written, undecodable[odd] = text_array(data, starts[odd], ends[odd], codec, is_utf8[odd])
        canonical, no_imei[odd] = canonical_imeis(written)
        numbers[odd] = pc.fill_null(canonical.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    return Imeis(numbers), undecodable, no_imei


def canonical_imeis(texts: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """The first fourteen digits of each IMEI however it is written, and which values (not blank) name no handset."""
    encoded = texts.dictionary_encode()
    digits = pc.replace_substring_regex(encoded.dictionary, BETWEEN_DIGITS, "")
    is_imei = pc.and_not(pc.match_substring_regex(digits, FORM), pc.match_substring_regex(digits, FILLER))
    found = pc.if_else(is_imei, pc.utf8_slice_codeunits(digits, 0, DIGITS), pa.scalar(None, pa.string()))
    canonical = found.take(encoded.indices)
    return canonical, pc.and_(texts.is_valid(), canonical.is_null()).to_numpy(zero_copy_only=False)
