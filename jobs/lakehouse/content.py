"""A table's content in one number, whatever the order of its rows and files: equal content, equal hash."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from conf.settings import Settings
from conf.tables import table_of
from jobs.lakehouse import published
from jobs.lakehouse.places import is_there, open_table

# Who wrote a row and in which publication says nothing about what the row says.
RUN_COLUMNS = ("run_id", "published_seq")


def rows_hash(settings: Settings, name: str, where: str | None = None, version: int | None = None) -> str:
    """Order-independent hash of a table's rows at its published version (ops, vault, bronze: newest), run ids left out.

    `where` is SQL text of the caller, as "load_date = DATE '2026-03-10'".
    """
    chosen = published.reader_version(settings, name) if version is None else version
    if not is_there(settings, name):
        return "0-empty"
    dataset = open_table(settings, name, chosen).to_pyarrow_dataset()
    return hash_rows(dataset, [c for c in table_of(name).column_names if c not in RUN_COLUMNS], where)


def hash_rows(rows: pa.Table | object, columns: list[str], where: str | None = None) -> str:
    """Row count and sum of row hashes of an Arrow table or dataset, as text."""
    listed = ", ".join(f'"{column}"' for column in columns)
    condition = f"WHERE {where}" if where else ""
    with duckdb.connect() as connection:
        connection.register("content", rows)
        connection.execute("SET TimeZone = 'UTC'")
        query = f"SELECT count(*), coalesce(sum(hash({listed})::HUGEINT), 0) % (2::HUGEINT ** 96)::HUGEINT FROM content {condition}"
        count, total = connection.execute(query).fetchone() or (0, 0)
    return f"{count}-{int(total):x}"
