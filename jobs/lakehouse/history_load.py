"""Rows of silver that come as rows, for benchmarks: a history too large to deliver as records, published as a night would."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import pyarrow as pa
from deltalake import CommitProperties, write_deltalake

from conf.settings import Settings
from conf.tables import table_of
from jobs.lakehouse import delta_rs, published
from jobs.lakehouse.places import table_place
from jobs.lakehouse.schema import arrow_schema


def load_history(settings: Settings, name: str, parts: Iterable[pa.Table], run_id: str) -> int:
    """Add rows to a silver table, a commit for each part; columns the contract lost are left out. Returns the rows.

    For an empty home and one process alone: nothing is replaced, and no lock is taken.
    """
    table, rows = table_of(name), 0
    schema = arrow_schema(table)
    properties = CommitProperties(custom_metadata={"userMetadata": run_id})
    for part in parts:
        data = part.select(schema.names).cast(schema)
        write_deltalake(table_place(settings, name).for_delta_rs, data, mode="append", commit_properties=properties)
        rows += data.num_rows
    return rows


def publish_history(settings: Settings, names: Iterable[str], stage: str, last: date, run_id: str) -> None:
    """Let readers see what these tables hold now, as published for a date."""
    versions = {name: delta_rs.head_version(settings, name) for name in names}
    published.publish(settings, stage, last, run_id, versions)
