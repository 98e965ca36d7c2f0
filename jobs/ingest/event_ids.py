"""Identity of a record: a keyed hash of its business key, or of all of it where the feed has none, alike in every file."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from jobs.ingest.byte_lines import hash_lines
from jobs.ingest.layout import Records
from jobs.ingest.siphash import siphash


def identities(
    records: Records, names: Sequence[str], column_of: Callable[[str], pa.Array], key: tuple[np.uint64, np.uint64]
) -> np.ndarray:
    """Keyed hash of these fields of each record, of the whole record without any.

    Personal fields count by their tokens, so that any writing of a number is the same.
    """
    parts = [_words(records, name, column_of) for name in names] or [records.digests]
    words = np.column_stack([word for part in parts for word in part])
    ids = np.empty(len(words), dtype=np.uint64)
    siphash(words, *key, ids)
    return ids


def _words(records: Records, name: str, column_of: Callable[[str], pa.Array]) -> tuple[np.ndarray, ...]:
    """A key field in words of 64 bits: its token, or a digest of its bytes."""
    field = records.feed.field(name)
    if field.personal:
        return (column_of(field.column).fill_null(0).to_numpy(zero_copy_only=False).view(np.uint64),)
    starts, ends = records.fields[records.feed.fields.index(field)]
    digests = np.empty(len(starts), np.uint64), np.empty(len(starts), np.uint64)
    hash_lines(records.chunk.data, starts, ends, *digests)
    return digests
