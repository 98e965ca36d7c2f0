"""Id of a record: a keyed code of its business key, or of all of it where the feed has none, alike in every file."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from jobs.ingest.byte_lines import hash_lines
from jobs.ingest.layout import Records
from jobs.people.record_mac import RecordMac, block_of


def record_ids(
    records: Records, names: Sequence[str], column_of: Callable[[str], pa.Array], mac: RecordMac
) -> np.ndarray:
    """AES-CMAC of these fields of each record, of the whole record without any.

    Personal fields count by their tokens, so that any writing of a number is the same.
    """
    return mac.of([_block(records, name, column_of) for name in names] or [block_of(*records.digests)])


def _block(records: Records, name: str, column_of: Callable[[str], pa.Array]) -> np.ndarray:
    """A key field of all records: its token, or a digest of its bytes."""
    field = records.feed.field(name)
    if field.personal:
        return block_of(column_of(field.column).fill_null(0).to_numpy(zero_copy_only=False).view(np.uint64))
    starts, ends = records.fields[records.feed.fields.index(field)]
    digests = np.empty(len(starts), np.uint64), np.empty(len(starts), np.uint64)
    hash_lines(records.chunk.data, starts, ends, *digests)
    return block_of(*digests)
