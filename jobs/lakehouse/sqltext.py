"""Reads SQL text: the tables it names, each to be pinned to a version, its parameters, and the order to build tables in."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokens import TokenType

from conf.errors import ConfigError, InputRefused
from conf.tables import LAYERS, WORK

SCHEMAS = (*LAYERS, WORK)
ON_SPARK = ("spark",)
IN_PROCESS = ("duckdb", "spark")  # DuckDB answers; people write what they know from Spark
_PARAMETER = re.compile(r"[a-z][a-z0-9_]*")
_OPEN_END = re.compile(r"Missing (\S+) from \d+:(\d+)")  # the line it ends on, and where it begins in the text


class QueryUnreadable(InputRefused):
    """A text that is no SQL; says the line and column at which reading stopped."""


@dataclass(frozen=True)
class _Place:
    """A stretch of a text that names a table: in FROM (`alias` is the name to give it, if it has none) or before a column."""

    start: int
    end: int
    table: str
    alias: str
    is_column: bool = False


@lru_cache(maxsize=512)
def parsed(text: str, dialects: tuple[str, ...] = ON_SPARK) -> exp.Expr:
    """The one statement of a text as a tree, read in the first dialect that can; callers do not alter it.

    Raises QueryUnreadable with the line and column of the first fault in the first dialect.
    """
    fault: Exception | None = None
    for dialect in dialects:
        try:
            statements = [statement for statement in sqlglot.parse(text, read=dialect) if statement is not None]
        except (SqlglotError, RecursionError) as error:
            fault = fault or error
            continue
        if len(statements) != 1:
            raise QueryUnreadable(f"query: found {len(statements)} statements\n  wanted: one SELECT")
        return statements[0]
    raise QueryUnreadable(_fault_text(fault, text)) from None


def _fault_text(fault: Exception | None, text: str) -> str:
    if isinstance(fault, ParseError) and fault.errors:
        first = fault.errors[0]
        near = f"{(first['start_context'] or '')[-40:]} >>{first['highlight']}<< {(first['end_context'] or '')[:20]}"
        where = f"line {first['line']}, column {first['col']} cannot be read: {first['description']}"
        return f"query: {where}\n  found:  {' '.join(near.split())}\n  wanted: SQL as Spark reads it"
    open_end = _OPEN_END.search(str(fault.__cause__ if fault else ""))
    if not open_end:
        return f"query: cannot be read\n  found:  {str(fault).splitlines()[0]}\n  wanted: SQL as Spark reads it"
    before = text[: int(open_end[2])]
    where = f"line {before.count(chr(10)) + 1}, column {len(before.rpartition(chr(10))[2]) + 1}"
    return f"query: {where}: {open_end[1]} is not closed\n  wanted: SQL as Spark reads it"


def tables_in(text: str, dialects: tuple[str, ...] = ON_SPARK) -> list[str]:
    """Full names of the tables a query reads, as gold.customer_360, in order of appearance, each once."""
    return list(dict.fromkeys(mentions_in(text, dialects)))


def mentions_in(text: str, dialects: tuple[str, ...] = ON_SPARK) -> list[str]:
    """Full names of the tables a query reads, as often as it names them in FROM."""
    return [place.table for place in _places(text, dialects) if not place.is_column]


def substitute_tables(text: str, replacement: Callable[[str], str], dialects: tuple[str, ...] = ON_SPARK) -> str:
    """The query with each table name replaced, the rest as it was written.

    A table without an alias keeps its short name as alias, also before a column that names its schema too.
    """
    parts, done = [], 0
    for place in _places(text, dialects):
        aliased = f" AS {place.alias}" if place.alias else ""
        new = place.alias if place.is_column else f"{replacement(place.table)}{aliased}"
        parts += [text[done : place.start], new]
        done = place.end
    return "".join([*parts, text[done:]])


@lru_cache(maxsize=512)
def _places(text: str, dialects: tuple[str, ...]) -> tuple[_Place, ...]:
    tree = parsed(text, dialects)
    names = {id(table): table_name(table) for table in tree.find_all(exp.Table)}
    named = [table for table in tree.find_all(exp.Table) if names[id(table)]]
    aliases: dict[tuple[int, str], str] = {}  # of tables that have none of their own: (query, table) -> alias
    places = []
    for table in named:
        name, alias = names[id(table)], ""
        if not table.alias:
            alias = _alias(table, named)
            aliases[id(table.parent_select), name] = alias
        places.append(_Place(*_span(table.args["db"], table.this), name, alias))
    for column in tree.find_all(exp.Column):
        parts = column.parts
        alias = _alias_of_column(column, ".".join(part.name.lower() for part in parts[:2]), aliases)
        if len(parts) > 2 and alias:
            places.append(_Place(*_span(parts[0], parts[1]), "", alias, is_column=True))
    return tuple(sorted(places, key=lambda place: place.start))


def table_name(table: exp.Table) -> str:
    """Full name of a table of the lake, as gold.customer_360; empty for anything else that stands in FROM."""
    if not isinstance(table.this, exp.Identifier) or table.catalog or table.db.lower() not in SCHEMAS:
        return ""
    return f"{table.db}.{table.name}".lower()


def _alias(table: exp.Table, others: list[exp.Table]) -> str:
    # bronze.complaint beside silver.complaint: the short name would mean both.
    rivals = [t for t in others if t is not table and not t.alias and t.name.lower() == table.name.lower()]
    is_twice = any(t.parent_select is table.parent_select and t.db.lower() != table.db.lower() for t in rivals)
    return f"{table.db}__{table.name}" if is_twice else table.name


def _alias_of_column(column: exp.Column, table: str, aliases: dict[tuple[int, str], str]) -> str:
    query = column.parent_select
    while query is not None:
        if (id(query), table) in aliases:
            return aliases[id(query), table]
        query = query.parent_select
    return ""


def _span(first: exp.Expr, last: exp.Expr) -> tuple[int, int]:
    return first.meta["start"], last.meta["end"] + 1


def bind_parameters(text: str, params: dict[str, Any]) -> str:
    """The query with each `:name` outside quotes replaced by the literal of its value; a name without a value is an error."""
    parts, done = [], 0
    for start, end in _parameters(text):
        name = text[start + 1 : end]
        if name not in params:
            raise ConfigError("query", f":{name}", "no value", "one of: " + ", ".join(sorted(params)))
        parts += [text[done:start], literal(params[name])]
        done = end
    return "".join([*parts, text[done:]])


def parameters_in(text: str) -> list[str]:
    """Names of a query's `:name` parameters, in order of appearance, each once."""
    return list(dict.fromkeys(text[start + 1 : end] for start, end in _parameters(text)))


@lru_cache(maxsize=512)
def _parameters(text: str) -> tuple[tuple[int, int], ...]:
    found, tokens = [], sqlglot.tokenize(text, read="spark")
    for colon, name in itertools.pairwise(tokens):
        is_one = colon.token_type == TokenType.COLON and name.start == colon.end + 1
        if is_one and _PARAMETER.fullmatch(text[name.start : name.end + 1]):
            found.append((colon.start, name.end + 1))
    return tuple(found)


def literal(value: Any) -> str:
    """A Python value as a SQL literal Spark reads back as the same value; lists are arrays, dicts are maps."""
    if value is None or isinstance(value, bool):
        return {None: "NULL", True: "TRUE", False: "FALSE"}[value]
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, (int, float)):
        return f"{value!r}D" if isinstance(value, float) else f"{int(value)}"
    if isinstance(value, Decimal):
        return f"{value}BD"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    if isinstance(value, (list, tuple)):
        return "array(" + ", ".join(literal(item) for item in value) + ")"
    if isinstance(value, dict) and not value:  # map() alone takes no key of any type
        return "CAST(map() AS MAP<STRING, STRING>)"
    if isinstance(value, dict):
        return "map(" + ", ".join(f"{literal(key)}, {literal(item)}" for key, item in value.items()) + ")"
    raise TypeError(f"no SQL literal for a value of type {type(value).__name__}")
