"""Writes all rows of a table of any layer anew, changed batch by batch, in one commit and in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa
from deltalake import CommitProperties, write_deltalake

from conf.settings import Settings
from conf.tables import table_of
from jobs.lakehouse.locks import held
from jobs.lakehouse.places import open_table, table_place
from jobs.lakehouse.schema import arrow_schema


def rewrite(
    settings: Settings, name: str, version: int, change: Callable[[pa.RecordBatch], pa.RecordBatch], run_id: str
) -> int:
    """Put the changed rows of `version` in the place of all rows; returns the new version, which nobody published yet.

    Rows come and stay in the order of the version's files; a column the contract gained since is null.
    """
    path = table_place(settings, name).for_delta_rs
    schema = arrow_schema(table_of(name))
    # Made here: delta-rs cannot open a table while it writes.
    source = open_table(settings, name, version).to_pyarrow_dataset()

    def changed() -> Iterator[pa.RecordBatch]:
        for batch in source.to_batches():
            if batch.num_rows:
                yield change(with_contract_columns(batch, schema))

    with held(settings.path("run", "locks", f"table-{name}.lock")):
        write_deltalake(
            path,
            pa.RecordBatchReader.from_batches(schema, changed()),
            mode="overwrite",
            schema_mode="merge",  # a column the contract lost is still there
            commit_properties=CommitProperties(custom_metadata={"userMetadata": run_id}),
        )
        return open_table(settings, name).version()


def is_newest_by(settings: Settings, name: str, run_id: str) -> bool:
    """Whether the newest commit of a table is that run's."""
    newest = open_table(settings, name).history(1)[0]
    return newest.get("userMetadata") == run_id


def with_contract_columns(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The rows in the contract's columns and types; a column the contract gained since is null."""
    found = batch.schema.names
    columns = [
        batch.column(field.name).cast(field.type) if field.name in found else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
