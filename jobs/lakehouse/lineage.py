"""What each table is made from and who reads it, table by table and column by column, as contracts and queries say."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter

from sqlglot import exp
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

from conf.feeds import load_feeds
from conf.reading import remembered
from conf.tables import load_tables, query_text, table_of, work_queries
from jobs.lakehouse.sqltext import mentions_in, parsed, table_name, tables_in

Columns = dict[str, tuple[str, ...]]
# A feed's rows as known of each date, as a query names them (jobs/view/as_of.py): as_of_<feed> or month_<feed>.
_FEED_VIEW = re.compile(r"\b(as_of|month)_([a-z0-9_]+)\b")
_AS_OF_COLUMNS = ("superseded_on", "nth_row")  # what such a view says beyond the feed's own columns


@dataclass(frozen=True)
class Reading:
    """Columns a query gives, and those it reads by name of the table or view in FROM."""

    gives: tuple[str, ...]
    reads: Columns


def made_from(name: str) -> frozenset[str]:
    """Tables a table or a helper query is made from: helper queries as they are named, feeds by their bronze tables."""
    if name not in work_queries() and not load_tables()[name].is_query:
        return frozenset(load_tables()[name].made_from)
    text = query_text(name)
    feeds = {load_feeds()[feed].table for _, feed in feed_views_in(text)}
    return frozenset(tables_in(text)) | feeds


def feed_views_in(text: str) -> set[tuple[str, str]]:
    """Kind (as_of or month) and feed of each view of a feed that a query names."""
    return {(kind, feed) for kind, feed in _FEED_VIEW.findall(text) if feed in load_feeds()}


def sources(name: str) -> frozenset[str]:
    """Tables a table is made from, with those behind its helper queries in their place."""
    found: set[str] = set()
    for source in made_from(name):
        found |= sources(source) if source in work_queries() else {source}
    return frozenset(found)


def read_by(name: str) -> list[str]:
    """Tables made from this one, in the order of their names."""
    return [other for other in sorted(load_tables()) if other != name and name in sources(other)]


def is_read_twice(name: str) -> bool:
    """Whether a helper query is named more than once, in whatever queries or contracts."""
    return _mentions()[name] > 1


@remembered
def _mentions() -> Counter[str]:
    counted: Counter[str] = Counter()
    for name, table in load_tables().items():
        counted.update(mentions_in(query_text(name)) if table.is_query else table.made_from)
    for name in work_queries():
        counted.update(mentions_in(query_text(name)))
    return counted


def in_order(names: list[str]) -> list[list[str]]:
    """Tables in layers: those of one layer are made from earlier layers only, so they may be made at the same time."""
    sorter = TopologicalSorter({name: _needs(name, set(names)) for name in names})
    try:
        sorter.prepare()
    except CycleError as error:
        raise ValueError(
            f"tables are made from each other in a circle: {', '.join(sorted(set(error.args[1])))}"
        ) from None
    layers = []
    while sorter.is_active():
        layers.append(sorted(sorter.get_ready()))
        sorter.done(*layers[-1])
    return layers


def _needs(name: str, known: set[str]) -> set[str]:
    return {source for source in sources(name) & known if not _are_made_at_once(name, source)}


def _are_made_at_once(one: str, other: str) -> bool:
    """Whether two tables come from one call of one function; what each reads of the other is of earlier dates."""
    tables = load_tables()
    return one == other or (tables[one].made_by == tables[other].made_by and not tables[one].is_query)


def columns_read(name: str) -> Columns:
    """Columns that a table's query reads, by table; helper queries are followed to the tables they read.

    Empty for a table that code builds.
    """
    return _followed(query_text(name)) if load_tables()[name].is_query else {}


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


def _followed(text: str) -> Columns:
    found: dict[str, set[str]] = defaultdict(set)
    for source, columns in _reading(text).reads.items():
        if source in load_tables():
            found[source] |= set(columns)
        elif source in work_queries():
            for table, inner in _followed(query_text(source)).items():
                found[table] |= set(inner)
        for table in _made_of(source):
            found[table] |= set(table_of(table).column_names) & set(columns)
    return {table: tuple(sorted(found[table])) for table in sorted(found)}


def _columns_of(source: str) -> tuple[str, ...]:
    if source in load_tables():
        return tuple(table_of(source).column_names)
    if source in work_queries():
        return _reading(query_text(source)).gives
    columns = [column for table in _made_of(source) for column in table_of(table).column_names]
    return (*columns, *_AS_OF_COLUMNS) if columns else ()


@lru_cache(maxsize=512)
def _reading(text: str) -> Reading:
    return reading(text, _columns_of)


def _made_of(view: str) -> list[str]:
    """Tables that code makes a view of."""
    return [load_feeds()[feed].table for _, feed in feed_views_in(view)]
