"""Rows of silver that come as rows, for benchmarks: a history too large to deliver as records, published as a night would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

import pyarrow as pa
from deltalake import CommitProperties, write_deltalake

from conf.settings import Settings
from conf.tables import table_of
from jobs.lakehouse import delta_rs, published
from jobs.lakehouse.places import table_place
from jobs.lakehouse.schema import arrow_schema


def load_history(settings: Settings, name: str, parts: Iterable[pa.Table], run_id: str) -> int:
    """Add rows to a table in one commit, streamed part by part; columns the contract lost are left out. Returns the rows.

    For an empty home and one process alone: nothing is replaced, and no lock is taken.
    """
    schema, rows = arrow_schema(table_of(name)), 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal rows
        for part in parts:
            rows += part.num_rows
            yield from part.select(schema.names).cast(schema).to_batches()

    data = pa.RecordBatchReader.from_batches(schema, batches())
    properties = CommitProperties(custom_metadata={"userMetadata": run_id})
    write_deltalake(table_place(settings, name).for_delta_rs, data, mode="append", commit_properties=properties)
    return rows


def publish_history(settings: Settings, names: Iterable[str], stage: str, last: date, run_id: str) -> None:
    """Let readers see what these tables hold now, as published for a date."""
    versions = {name: delta_rs.head_version(settings, name) for name in names}
    published.publish(settings, stage, last, run_id, versions)
