"""Writes and reads the bronze, vault and ops tables with delta-rs: no JVM, a commit in about 0.1 s, safe between processes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from pyarrow.dataset import Expression, dataset, field, partitioning

from conf.dates import DateRange
from conf.errors import ContractBroken
from conf.files import write_whole
from conf.settings import Settings
from conf.tables import Table, load_tables, table_of
from jobs.lakehouse.locks import held
from jobs.lakehouse.pins import pinned, require_none
from jobs.lakehouse.places import is_there, open_table, table_place
from jobs.lakehouse.schema import arrow_schema, conform

CONTRACTS_FILE = "_contracts.json"
# Commits that change no rows: following a contract, and removing files nobody needs.
_SAME_ROWS = ("ADD COLUMN", "CREATE OR REPLACE TABLE", "VACUUM START", "VACUUM END")
_LOOK_BACK = 10  # commits
Rows: TypeAlias = pa.Table | Iterable[Mapping[str, Any]]


def ensure_tables(settings: Settings) -> list[str]:
    """Create every table of the contracts that is missing, and add columns a contract gained; returns what was changed."""
    remembered_file = settings.path("lake", CONTRACTS_FILE)
    wanted = {name: contract_hash(table) for name, table in load_tables().items()}
    if _remembered(remembered_file) == wanted:
        return []
    with held(settings.path("lake", "_contracts.lock")):
        remembered = _remembered(remembered_file)
        changed = [name for name, digest in wanted.items() if remembered.get(name) != digest]
        for name in changed:
            ensure_shape(settings, name)
        write_whole(remembered_file, json.dumps(wanted, indent=1))
    return changed


def contract_hash(table: Table) -> str:
    """Digest of what a contract fixes on disk: columns, types, partition."""
    shape = [[column.name, column.type] for column in table.columns] + [list(table.partition_by)]
    return sha256(json.dumps(shape).encode()).hexdigest()[:16]


def _remembered(path: Path) -> dict[str, str]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def ensure_shape(settings: Settings, name: str) -> None:
    """Create one table of the contracts, or add the columns it lacks."""
    table = table_of(name)
    if not is_there(settings, name):
        _create(settings, table)
        return
    _evolve(settings, table, open_table(settings, name))


def _create(settings: Settings, table: Table, mode: Literal["error", "overwrite"] = "error") -> None:
    path = table_place(settings, table.name).local
    path.mkdir(parents=True, exist_ok=True)
    DeltaTable.create(
        str(path),
        schema=arrow_schema(table),
        mode=mode,
        partition_by=list(table.partition_by) or None,
        name=table.short_name,
        description=table.grain,
        configuration=_configuration(settings, table),
    )


def _configuration(settings: Settings, table: Table) -> dict[str, str]:
    """How long log and old files stay; the log of a table with values in clear never tells the least and greatest of them."""
    keep = settings.retention.replay_days
    configuration = {
        "delta.logRetentionDuration": f"interval {keep + 5} days",
        "delta.deletedFileRetentionDuration": f"interval {keep + 1} days",
    }
    if any(column.pii == "clear" for column in table.columns):
        shown = [
            column.name for column in table.columns if column.pii != "clear" and column.name not in table.partition_by
        ]
        configuration["delta.dataSkippingStatsColumns"] = ",".join(shown)
    elif table.layer == "bronze":  # a night's files are found by it, however many columns a feed has before it
        configuration["delta.dataSkippingStatsColumns"] = str(table.date_column)
    return configuration


def _evolve(settings: Settings, table: Table, existing: DeltaTable) -> None:
    """Follow a contract that gained columns, or lost some: those stay, empty in new rows; another type is refused."""
    present = {field.name: field for field in existing.schema().fields}
    wanted = {field.name: field for field in _delta_schema(table).fields}
    same = all(name not in wanted or str(wanted[name].type) == str(field.type) for name, field in present.items())
    if same and _has_layout_of(table, existing):
        added = [field for name, field in wanted.items() if name not in present]
        if added:
            existing.alter.add_columns(added)
        return
    if existing.count() == 0:
        _create(settings, table, mode="overwrite")
        return
    raise ContractBroken(
        table.name,
        {name: str(field.type) for name, field in wanted.items()},
        {name: str(field.type) for name, field in present.items()},
        f"the table at {table_place(settings, table.name).uri} has rows of another shape: give the new shape a new table name or use a fresh home",
    )


def _has_layout_of(table: Table, existing: DeltaTable) -> bool:
    """Whether the files lie as the contract says; a table with rows may keep the folder a night it had before."""
    found = list(existing.metadata().partition_columns)
    is_of_before = not table.partition_by and found == [table.date_column] and existing.count() > 0
    return found == list(table.partition_by) or is_of_before


def _delta_schema(table: Table) -> Any:
    from deltalake import Schema

    return Schema.from_arrow(arrow_schema(table))


def append(settings: Settings, name: str, rows: Rows, run_id: str | None = None) -> int:
    """Add rows (dicts or an Arrow table) to a table in one commit; returns their number."""
    table = _own_table(settings, name)
    data = _as_arrow(table, rows)
    if data.num_rows == 0:
        return 0
    with _write_lock(settings, name):
        write_deltalake(
            table_place(settings, name).for_delta_rs,
            data,
            mode="append",
            schema_mode="merge",  # a column the contract lost is still there
            commit_properties=_properties(run_id),
        )
    return data.num_rows


def replace(
    settings: Settings, name: str, rows: Rows | pa.RecordBatchReader, predicate: str | None, run_id: str | None = None
) -> int:
    """Replace the rows that `predicate` names (None: all) by these, in one commit; returns the new table version.

    `predicate` is SQL text of our own code, as "load_date = '2026-03-10'"; every new row must satisfy it.
    """
    table = _own_table(settings, name)
    data = rows if isinstance(rows, pa.RecordBatchReader) else _as_arrow(table, rows)
    return overwrite(settings, name, data, predicate, run_id)


def overwrite(
    settings: Settings, name: str, data: pa.Table | pa.RecordBatchReader, predicate: str | None, run_id: str | None
) -> int:
    """The same for rows in the contract's shape, whoever owns the table; `Lake.replace` calls it for what fits into memory."""
    path = table_place(settings, name).for_delta_rs
    with _write_lock(settings, name):
        write_deltalake(
            path,
            data,
            mode="overwrite",
            schema_mode="merge",
            predicate=predicate,
            commit_properties=_properties(run_id),
        )
        return open_table(settings, name).version()


def delete(settings: Settings, name: str, predicate: str, run_id: str | None = None) -> None:
    """Remove the rows that `predicate` names, in one commit."""
    _own_table(settings, name)
    with _write_lock(settings, name):
        open_table(settings, name).delete(predicate, commit_properties=_properties(run_id))


def compact(settings: Settings, name: str) -> None:
    """Join a table's small files."""
    _own_table(settings, name)
    with _write_lock(settings, name):
        open_table(settings, name).optimize.compact()


def remove_files(settings: Settings, name: str) -> None:
    """Remove files of any table that no version still to be replayed needs, those of killed writes among them."""
    with _write_lock(settings, name):
        # How long files stay was set when the table was made: retention.replay_days.
        open_table(settings, name).vacuum(dry_run=False, full=True)


def purge(settings: Settings, name: str) -> None:
    """Remove every old version of a table at once, with the log entries that tell what its columns held.

    For erasure alone: no version but the newest can be read or replayed afterwards.
    """
    table = _own_table(settings, name)
    log_days = "delta.logRetentionDuration"
    with _write_lock(settings, name):
        open_table(settings, name).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False, full=True)
        usual = _configuration(settings, table)
        open_table(settings, name).alter.set_table_properties({**usual, log_days: "interval 0 days"})
        found = open_table(settings, name)
        found.create_checkpoint()
        found.cleanup_metadata()
        open_table(settings, name).alter.set_table_properties({log_days: usual[log_days]})


def read(
    settings: Settings,
    name: str,
    filters: list[tuple[str, str, Any]] | None = None,
    version: int | None = None,
    columns: list[str] | None = None,
) -> pa.Table:
    """Rows of any table as Arrow; `filters` are (column, operator, value) and must all hold."""
    if not is_there(settings, name):
        return _project(arrow_schema(table_of(name)).empty_table(), columns)
    found = open_table(settings, name, pinned(settings, name) if version is None else version)
    return found.to_pyarrow_table(filters=filters or None, columns=columns)


def newest_date(
    settings: Settings, name: str, column: str, version: int | None = None, before: date | None = None
) -> date | None:
    """Newest date of a date column, None for a table without rows; `before` leaves out that day and later ones.

    Answered from the table's log, file by file: no row is read as long as the files have statistics of the column.
    """
    if not is_there(settings, name):
        return None
    dates = _dates_in_log(open_table(settings, name, version), column, is_whole=before is None)
    if dates is None:
        filters = [(column, "<", before)] if before else None
        dates = read(settings, name, filters, version, [column])[column].unique().to_pylist()
    return max((day for day in dates if before is None or day < before), default=None)


def dates_of(settings: Settings, name: str, column: str, version: int | None = None) -> list[date]:
    """Every date of a date column, oldest first; from the table's log where each of its files is of one date."""
    if not is_there(settings, name):
        return []
    dates = _dates_in_log(open_table(settings, name, version), column, is_whole=False)
    if dates is None:
        dates = read(settings, name, None, version, [column])[column].unique().to_pylist()
    return sorted(set(dates) - {None})


def _dates_in_log(table: DeltaTable, column: str, is_whole: bool) -> list[date] | None:
    """The date of each file that has rows: of its partition, or its newest when all files count; None where not noted."""
    files = pa.table(table.get_add_actions(flatten=True))
    noted = [f"partition.{column}", *([f"max.{column}"] if is_whole else [])]
    known = next((key for key in noted if key in files.column_names), None)
    if known is None:
        return None
    dates = [
        day for day, rows in zip(files[known].to_pylist(), files["num_records"].to_pylist(), strict=True) if rows != 0
    ]
    return None if None in dates else dates


def read_nights(
    settings: Settings, name: str, nights: DateRange, columns: list[str], where: Expression | None = None
) -> pa.Table:
    """Some columns of a bronze table's nights (load dates), read from the files of these nights alone.

    `read` looks at the statistics of every file of the table, which grow with its history; this does not.
    """
    schema = arrow_schema(table_of(name))
    files: list[str] = []
    if is_there(settings, name):
        found = open_table(settings, name)
        files = found.file_uris(file_pruning_predicate=nights.predicate("load_date"))
    if not files:
        return _project(schema.empty_table(), columns)
    is_of_nights = (field("load_date") >= nights.first) & (field("load_date") <= nights.last)
    in_folders = partitioning(pa.schema([("load_date", pa.date32())]), flavor="hive")  # tables of before
    rows = dataset(files, schema, "parquet", partitioning=in_folders if found.metadata().partition_columns else None)
    return rows.to_table(columns, filter=is_of_nights if where is None else is_of_nights & where)


def batches(
    settings: Settings, name: str, version: int | None = None, columns: list[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Rows of any table as record batches, in bounded memory."""
    dataset = open_table(settings, name, version=version).to_pyarrow_dataset()
    return dataset.to_batches(columns=columns)


def head_version(settings: Settings, name: str) -> int:
    """Newest version of a table on disk, published or not."""
    return open_table(settings, name).version()


def holds_version(settings: Settings, name: str, version: int) -> bool:
    """Whether a table's newest rows are those of `version`: nothing came after it but columns and cleaning, or it was restored."""
    for commit in open_table(settings, name).history(_LOOK_BACK):
        restored_to = commit.get("operationParameters", {}).get("version")
        if commit["version"] == version or (commit["operation"] == "RESTORE" and str(restored_to) == str(version)):
            return True
        if commit["operation"] not in _SAME_ROWS:
            return False
    return False


def restore(settings: Settings, name: str, version: int, run_id: str | None = None) -> None:
    """Bring a table back to a version, as a new commit."""
    with _write_lock(settings, name):
        open_table(settings, name).restore(version, commit_properties=_properties(run_id))


def _own_table(settings: Settings, name: str) -> Table:
    table = table_of(name)
    if not table.is_delta_rs:
        raise ContractBroken(
            name,
            "a bronze, vault or ops table",
            f"layer {table.layer}",
            "write silver, gold and rpt through lake.replace",
        )
    if not is_there(settings, name):
        ensure_tables(settings)
    if pinned(settings, name) is not None:  # what is written now would carry a token of before
        require_none(settings)
    return table


def _as_arrow(table: Table, rows: Rows) -> pa.Table:
    if isinstance(rows, pa.Table):
        return conform(table, rows)
    records: list[Mapping[str, Any]] = list(rows)
    for record in records:
        unknown = set(record) - set(table.column_names)
        if unknown:
            raise ContractBroken(
                table.name, f"columns {', '.join(table.column_names)}", f"extra: {', '.join(sorted(unknown))}"
            )
    return pa.Table.from_pylist(records, schema=arrow_schema(table))


def _project(data: pa.Table, columns: list[str] | None) -> pa.Table:
    return data.select(columns) if columns else data


def _properties(run_id: str | None) -> CommitProperties | None:
    return CommitProperties(custom_metadata={"userMetadata": run_id}) if run_id else None


@contextmanager
def _write_lock(settings: Settings, name: str) -> Iterator[None]:
    with held(settings.path("run", "locks", f"table-{name}.lock")):
        yield


def count(settings: Settings, name: str, version: int | None = None) -> int:
    """Rows of a table at a version (None: newest), from the log's statistics where they are there."""
    return open_table(settings, name, version=version).count()


def exists(settings: Settings, name: str) -> bool:
    """Whether a table was made yet."""
    return is_there(settings, name)


def first_rows(settings: Settings, name: str, rows: int, where: Expression | None = None) -> list[dict[str, Any]]:
    """A few rows of a table, whichever are read first."""
    return open_table(settings, name).to_pyarrow_dataset().head(rows, filter=where).to_pylist()
