"""Makes tables as their contracts say: the query beside the contract, or the function it names, in the order they rest on each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from conf.dates import DateRange
from conf.errors import ContractBroken
from conf.tables import Table, query_text, table_of
from jobs.lakehouse.lineage import in_order, made_from, sources
from jobs.lakehouse.planning import is_long_work
from jobs.lakehouse.schema import arrow_schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.lakehouse.lake import CommitInfo, Lake

Rows: TypeAlias = "DataFrame | pa.Table | list[dict[str, Any]]"


def build_tables(
    lake: Lake,
    names: Iterable[str],
    dates: DateRange,
    params: Mapping[str, Any],
    rows_read: Mapping[str, int] | None = None,
) -> dict[str, CommitInfo]:
    """Make these tables for a range of dates, independent ones at the same time; each result replaces the dates of its table.

    Queries find `first_date`, `last_date` and `params` as parameters. A function is called with the lake and the dates and
    gives a Spark frame, an Arrow table, a list of dicts, or a mapping of these by table when it makes several. `rows_read`
    says by table how many rows it reads: Spark plans many and few differently.
    """
    lake.bind(first_date=dates.first, last_date=dates.last, **params)
    commits: dict[str, CommitInfo] = {}
    for layer in in_order(list(names)):
        for is_long in (True, False):
            chosen = [name for name in layer if rows_read is None or is_long_work(rows_read.get(name, 0)) == is_long]
            with _planned_for(lake, chosen, rows_read):
                commits |= _build_layer(lake, chosen, dates)
            if rows_read is None:
                break
    return commits


def _planned_for(lake: Lake, names: list[str], rows_read: Mapping[str, int] | None) -> AbstractContextManager[None]:
    if rows_read is None or not names:
        return nullcontext()
    return lake.planned_for(max(rows_read.get(name, 0) for name in names))


def _build_layer(lake: Lake, names: list[str], dates: DateRange) -> dict[str, CommitInfo]:
    by_maker: dict[str, list[str]] = {}
    for name in names:
        table = table_of(name)
        by_maker.setdefault(f"{table.made_by} {name}" if table.is_query else table.made_by, []).append(name)
    with ThreadPoolExecutor(lake.settings.spark.parallel_tables) as pool:
        done = [pool.submit(_make, lake, made, dates) for made in by_maker.values()]
        return {name: commit for future in done for name, commit in future.result().items()}


def _make(lake: Lake, names: list[str], dates: DateRange) -> dict[str, CommitInfo]:
    first = table_of(names[0])
    made = lake.sql(query_text(first.name)) if first.is_query else _call(lake, first, dates)
    found: Mapping[str, Rows] = made if isinstance(made, Mapping) else {names[0]: made}
    strange = sorted(set(found) - set(names))
    if strange:
        raise ContractBroken(
            strange[0],
            f"one of {', '.join(names)}",
            f"made by {first.made_by} as well",
            "name the maker in its contract",
        )
    return {name: lake.replace(name, _rows(table_of(name), found[name]), _where(name, dates)) for name in found}


def _call(lake: Lake, table: Table, dates: DateRange) -> Any:
    """What the table's function gives; what it reads and its contract does not say is noted, as lineage would be wrong."""
    with lake.noted_reads() as names:
        made = maker_of(table)(lake, dates)
    for name in sorted(names - made_from(table.name) - sources(table.name)):
        lake.undeclared_reads.add((table.name, name))
        lake.run.fact("READ_UNDECLARED", table=table.name, reads=name)
    return made


def _where(name: str, dates: DateRange) -> DateRange | None:
    return dates if table_of(name).replace_by else None


def _rows(table: Table, rows: Rows) -> DataFrame | pa.Table:
    if isinstance(rows, list):
        kept = [{column: row.get(column) for column in table.column_names} for row in rows]
        return pa.Table.from_pylist(kept, schema=arrow_schema(table))
    return rows


@cache
def _function(made_by: str) -> Any:
    module, _, name = made_by.partition(":")
    found = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def maker_of(table: Table) -> Any:
    """The function a contract names as the table's maker; ContractBroken when there is none of that name."""
    try:
        return _function(table.made_by)
    except (ImportError, AttributeError) as error:
        raise ContractBroken(table.name, "made_by: module:function", table.made_by, str(error)) from None
