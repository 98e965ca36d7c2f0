"""What a table's query reads, table by table and column by column, and which tables read a table; from the texts alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from sqlglot import exp
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

from conf.reading import ROOT
from conf.tables import load_tables, table_of
from jobs.lakehouse.sqltext import parsed, table_name

Columns = dict[str, tuple[str, ...]]
_OF_BRONZE = ("asof_", "month_")  # rows of a feed as known of each date (jobs/view/asof.py)
_AS_OF_COLUMNS = ("superseded_on", "nth_row")  # what such a view says beyond the feed's own columns
_HOLDERS = "msisdn_holder"  # made of silver.msisdn_assignment (jobs/rules/holders.py)


@dataclass(frozen=True)
class Reading:
    """Columns a query gives, and those it reads by name of the table or view in FROM."""

    gives: tuple[str, ...]
    reads: Columns


def lineage(name: str) -> Columns:
    """Columns that a table's query reads, by table of the lake; steps kept in memory are followed to the tables they read.

    Empty for a table that code builds.
    """
    path = table_of(name).sql_file
    return _followed(path.read_text(encoding="utf-8")) if path.is_file() else {}


def readers(name: str) -> list[str]:
    """Tables whose queries read a table."""
    return [other for other in sorted(load_tables()) if other != name and name in lineage(other)]


def reading(text: str, columns_of: Callable[[str], tuple[str, ...]]) -> Reading:
    """What a query gives and reads; `columns_of` says which columns a table or view has, none where nobody knows."""
    tree, names = _with_flat_names(parsed(text))
    known: dict[str, object] = {
        flat: dict.fromkeys(columns_of(name), "string") for flat, name in names.items() if columns_of(name)
    }
    schema = MappingSchema(known, dialect="spark")
    tree = qualify(
        tree,
        schema=schema,
        dialect="spark",
        validate_qualify_columns=False,
        allow_partial_qualification=True,
        quote_identifiers=False,
    )
    found: dict[str, set[str]] = {name: set() for name in names.values()}
    for scope in traverse_scope(tree):
        tables = {alias: source.name for alias, source in scope.sources.items() if isinstance(source, exp.Table)}
        for column in scope.columns:
            if column.table in tables and tables[column.table] in names:
                found[names[tables[column.table]]].add(column.name)
    return Reading(tuple(output_names(tree)), {name: tuple(sorted(columns)) for name, columns in found.items()})


def output_names(query: exp.Expr) -> list[str]:
    """Names of the columns a query gives, in order; of a union those of its first branch."""
    return [column.alias_or_name for column in query.selects] if isinstance(query, exp.Query) else []


def _with_flat_names(parsed_text: exp.Expr) -> tuple[exp.Expr, dict[str, str]]:
    """The tree with gold.visit as gold__visit, so that tables and views stand in one schema; full names by flat ones."""
    tree, names = parsed_text.copy(), {}
    steps = {step.alias for step in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if table.db or table.name not in steps:
            name = table_name(table) or table.name
            flat = name.replace(".", "__")
            names[flat] = name
            if not table.alias:
                table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
            table.set("this", exp.to_identifier(flat))
            table.set("db", None)
    return tree, names


@cache
def _followed(text: str) -> Columns:
    found: dict[str, set[str]] = defaultdict(set)
    for source, columns in _reading(text).reads.items():
        if source in load_tables():
            found[source] |= set(columns)
        for step in _texts_of(source):
            for table, inner in _followed(step).items():
                found[table] |= set(inner)
        for table in _made_of(source):
            of_table = set(table_of(table).column_names)
            found[table] |= of_table if "holders" in columns else of_table & set(columns)
    return {table: tuple(sorted(found[table])) for table in sorted(found)}


def _columns_of(source: str) -> tuple[str, ...]:
    if source in load_tables():
        return tuple(table_of(source).column_names)
    texts = _texts_of(source)
    if texts:
        return _reading(texts[0]).gives
    if source == _HOLDERS:
        return ("msisdn_token", "holders")
    columns = [column for table in _made_of(source) for column in table_of(table).column_names]
    return (*columns, *_AS_OF_COLUMNS) if columns else ()


@cache
def _reading(text: str) -> Reading:
    return reading(text, _columns_of)


def _made_of(view: str) -> list[str]:
    """Tables that code makes a view of."""
    if view == _HOLDERS:
        return ["silver.msisdn_assignment"]
    feeds = [f"bronze.{view.removeprefix(prefix)}" for prefix in _OF_BRONZE if view.startswith(prefix)]
    return [name for name in feeds if name in load_tables()]


@cache
def _texts_of(step: str) -> tuple[str, ...]:
    """Texts of the queries whose rows stand under a name while a run goes on; `protections` is the union of protect_*."""
    names = f"{step.rpartition('.')[2]}.sql" if step != "protections" else "protect_*.sql"
    paths = sorted(path for folder in ("jobs/responses", "sql/work") for path in (ROOT / folder).glob(names))
    return tuple(path.read_text(encoding="utf-8") for path in paths) if step not in load_tables() else ()
