"""Reads SQL text far enough to know which tables it names and to pin each to a version."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from conf.errors import ConfigError
from conf.tables import LAYERS, WORK

# Comments and quoted texts are skipped; everything else may hold a table name such as gold.customer_360.
_SKIP = r"(?P<skip>--[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.|'')*'|`[^`]*`)"
_LAYER = "|".join((*LAYERS, WORK))
_TOKEN = re.compile(_SKIP + rf"|(?<![\w.])(?P<table>(?:{_LAYER})\.[a-z][a-z0-9_]*)\b(?!\s*\.)", re.DOTALL)


_PARAMETER = re.compile(_SKIP + r"|(?<![:\w]):(?P<parameter>[a-z][a-z0-9_]*)\b", re.DOTALL)
# A word after a table's name is its alias unless it is one of these.
_AFTER_TABLE = (
    "where|join|on|group|order|left|right|inner|full|cross|union|lateral|tablesample|having|limit|semi|anti|natural|using"
    "|except|intersect|minus|window|pivot|unpivot|distribute|cluster|sort|offset|outer"
)
_ALIAS = re.compile(rf"\s+(?:as\s+[a-z_]|(?!(?:{_AFTER_TABLE})\b)[a-z_])", re.IGNORECASE)


def tables_in(text: str) -> list[str]:
    """Full names of the tables a query names, in order of appearance, each once."""
    return list(dict.fromkeys(mentions_in(text)))


def mentions_in(text: str) -> list[str]:
    """The same as often as they are named."""
    return [match["table"] for match in _TOKEN.finditer(text) if match["table"]]


def substitute_tables(text: str, replacement: Callable[[str], str]) -> str:
    """The query with each table name replaced; a table without an alias keeps its short name as alias."""

    def _replace(match: re.Match) -> str:
        name = match["table"]
        if not name:
            return match[0]
        has_alias = _ALIAS.match(text, match.end()) is not None
        return replacement(name) if has_alias else f"{replacement(name)} AS {name.split('.')[1]}"

    return _TOKEN.sub(_replace, text)


def bind_parameters(text: str, params: dict[str, Any]) -> str:
    """The query with each `:name` outside quotes replaced by the literal of its value; a name without a value is an error."""

    def _bind(match: re.Match) -> str:
        name = match["parameter"]
        if not name:
            return match[0]
        if name not in params:
            raise ConfigError("query", f":{name}", "no value", "one of: " + ", ".join(sorted(params)))
        return literal(params[name])

    return _PARAMETER.sub(_bind, text)


def literal(value: Any) -> str:
    """A Python value as a SQL literal Spark reads back as the same value."""
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
    if isinstance(value, dict):
        return "map(" + ", ".join(f"{literal(key)}, {literal(item)}" for key, item in value.items()) + ")"
    raise TypeError(f"no SQL literal for a value of type {type(value).__name__}")
