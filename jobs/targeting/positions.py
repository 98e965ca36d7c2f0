"""Texts of a night's targets as whole numbers, for work on whole columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def positions(texts: pa.ChunkedArray, known: Sequence[str]) -> np.ndarray:
    """Where each text stands among those known; KeyError for one that does not."""
    found = pc.index_in(texts, value_set=pa.array(known, pa.string()))
    if found.null_count:
        raise KeyError(texts.filter(found.is_null())[0].as_py())
    return found.to_numpy().astype(np.int64)


def ranks(texts: pa.ChunkedArray) -> tuple[int, np.ndarray]:
    """How many different texts there are, and the place of each one in their order."""
    coded = texts.combine_chunks().dictionary_encode()
    rank = np.empty(len(coded.dictionary), dtype=np.int64)
    rank[pc.sort_indices(coded.dictionary).to_numpy()] = np.arange(len(rank))
    return len(rank), rank[coded.indices.to_numpy()]
