"""The one canonical writing of a handset's IMEI: the fourteen digits that name it (TS 23.003)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

BETWEEN_DIGITS = r"[\s\-/.]"
# 14 digits, with check digit 15, with software version 16; all zeros or all of another digit is a filler.
FORM = r"^\d{14,16}$"
FILLER = "^(?:{})$".format("|".join(f"{digit}+" for digit in range(10)))
DIGITS = 14


def canonical_imeis(texts: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """The first fourteen digits of each IMEI however it is written, and which values (not blank) name no handset."""
    encoded = texts.dictionary_encode()
    digits = pc.replace_substring_regex(encoded.dictionary, BETWEEN_DIGITS, "")
    is_imei = pc.and_not(pc.match_substring_regex(digits, FORM), pc.match_substring_regex(digits, FILLER))
    found = pc.if_else(is_imei, pc.utf8_slice_codeunits(digits, 0, DIGITS), pa.scalar(None, pa.string()))
    canonical = found.take(encoded.indices)
    return canonical, pc.and_(texts.is_valid(), canonical.is_null()).to_numpy(zero_copy_only=False)
