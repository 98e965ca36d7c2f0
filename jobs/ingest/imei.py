"""The one canonical writing of a handset's IMEI: the fourteen digits that name it (TS 23.003)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.ingest.byte_values import find_plain_imeis
from jobs.ingest.texts import text_array

BETWEEN_DIGITS = r"[\s\-/.]"
# 14 digits, with check digit 15, with software version 16; all zeros or all of another digit is a filler.
FORM = r"^\d{14,16}$"
FILLER = "^(?:{})$".format("|".join(f"{digit}+" for digit in range(10)))
DIGITS = 14


def imei_column(
    data: np.ndarray, starts: np.ndarray, ends: np.ndarray, codec: str, is_utf8: np.ndarray
) -> tuple[pa.Array, np.ndarray, np.ndarray]:
    """A column of IMEIs in their canonical writing, which fields cannot be decoded, and which (not blank) name no handset.

    Plain digits are cut to fourteen as bytes; every other writing goes through `canonical_imeis`.
    """
    is_plain = np.empty(len(starts), dtype=bool)
    find_plain_imeis(data, starts, ends, is_plain)
    texts, _ = text_array(data, starts, np.where(is_plain, starts + DIGITS, starts).astype(ends.dtype), codec)
    undecodable, no_imei = np.zeros(len(starts), dtype=bool), np.zeros(len(starts), dtype=bool)
    odd = ~is_plain & (ends > starts)
    if odd.any():
        written, undecodable[odd] = text_array(data, starts[odd], ends[odd], codec, is_utf8[odd])
        canonical, no_imei[odd] = canonical_imeis(written)
        texts = pc.replace_with_mask(texts, pa.array(odd), canonical)
    return texts, undecodable, no_imei


def canonical_imeis(texts: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """The first fourteen digits of each IMEI however it is written, and which values (not blank) name no handset."""
    encoded = texts.dictionary_encode()
    digits = pc.replace_substring_regex(encoded.dictionary, BETWEEN_DIGITS, "")
    is_imei = pc.and_not(pc.match_substring_regex(digits, FORM), pc.match_substring_regex(digits, FILLER))
    found = pc.if_else(is_imei, pc.utf8_slice_codeunits(digits, 0, DIGITS), pa.scalar(None, pa.string()))
    canonical = found.take(encoded.indices)
    return canonical, pc.and_(texts.is_valid(), canonical.is_null()).to_numpy(zero_copy_only=False)
