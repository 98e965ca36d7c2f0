"""Joins the nights of a bronze table into one file a month once they are old; a young night stays in a file of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta

import pyarrow as pa
from deltalake import CommitProperties, write_deltalake
from pyarrow.dataset import field

from conf.dates import DateRange
from conf.settings import Settings
from conf.tables import table_of
from jobs.lakehouse.delta_rs import compact
from jobs.lakehouse.locks import held
from jobs.lakehouse.pins import pinned, require_none
from jobs.lakehouse.places import open_table, table_place
from jobs.lakehouse.rewriting import with_contract_columns
from jobs.lakehouse.schema import arrow_schema

# A month that is larger stays in its nights: those files are large enough, and a late night rewrites no more than this.
MONTH_BYTES = 128 * 2**20
_ONE_FILE_BYTES = 16 * MONTH_BYTES  # counted by the writer before compression


def join_months(settings: Settings, name: str, before: date, run_id: str) -> int:
    """Put each whole month before a date that lies in several files, small together, into one; returns how many months.

    One commit a month; the rows stay as they are. In a table from before, which has a folder a night, nothing spans nights.
    """
    if open_table(settings, name).metadata().partition_columns:
        compact(settings, name)
        return 0
    if pinned(settings, name) is not None:
        require_none(settings)
    with held(settings.path("run", "locks", f"table-{name}.lock")):
        months = _scattered_months(settings, name, before)
        for month in months:
            _join(settings, name, month, run_id)
    return len(months)


def _scattered_months(settings: Settings, name: str, before: date) -> list[DateRange]:
    """Whole months before a date whose rows lie in more than one file, as long as those are small together."""
    column = str(table_of(name).date_column)
    log = pa.table(open_table(settings, name).get_add_actions(flatten=True))
    if f"min.{column}" not in log.column_names:  # not one file has rows
        return []
    sizes: dict[date, list[int]] = defaultdict(list)
    ranges = zip(*(log[key].to_pylist() for key in (f"min.{column}", f"max.{column}", "size_bytes")), strict=True)
    for first, last, size in ranges:
        if first is None or last is None:
            continue
        month = first.replace(day=1)
        while month <= last:
            sizes[month].append(size)
            month = _next(month)
    return [
        DateRange(month, _next(month) - timedelta(days=1))
        for month, found in sorted(sizes.items())
        if _next(month) <= before and len(found) > 1 and sum(found) <= MONTH_BYTES
    ]


def _next(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _join(settings: Settings, name: str, month: DateRange, run_id: str) -> None:
    path, table = table_place(settings, name).for_delta_rs, table_of(name)
    schema, column = arrow_schema(table), str(table.date_column)
    source = open_table(settings, name).to_pyarrow_dataset()  # made here: delta-rs cannot open a table while it writes

    def rows() -> Iterator[pa.RecordBatch]:
        for night in month:  # in order: within the file a night's rows stand together
            for batch in source.to_batches(filter=field(column) == night):
                if batch.num_rows:
                    yield with_contract_columns(batch, schema)

    write_deltalake(
        path,
        pa.RecordBatchReader.from_batches(schema, rows()),
        mode="overwrite",
        predicate=month.predicate(column),
        target_file_size=_ONE_FILE_BYTES,
        commit_properties=CommitProperties(custom_metadata={"userMetadata": run_id}),
    )
