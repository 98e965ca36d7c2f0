"""Reads SQL text far enough to know which tables it names and to pin each to a version."""

from __future__ import annotations

import re
from collections.abc import Callable

from conf.tables import LAYERS

# Comments and quoted texts are skipped; everything else may hold a table name such as gold.customer_360.
_TOKEN = re.compile(
    r"(?P<skip>--[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.|'')*'|`[^`]*`)|(?<![\w.])(?P<table>(?:%s)\.[a-z][a-z0-9_]*)\b(?!\s*\.)"
    % "|".join(LAYERS),
    re.DOTALL,
)


_AFTER_TABLE = (
    "where join on group order left right inner full cross union lateral tablesample having limit semi anti natural using "
    "except intersect minus window pivot unpivot distribute cluster sort offset outer"
).split()
_ALIAS = re.compile(r"\s+(?:as\s+[a-z_]|(?!(?:%s)\b)[a-z_])" % "|".join(_AFTER_TABLE), re.IGNORECASE)


def tables_in(text: str) -> list[str]:
    """Full names of the tables a query names, in order of appearance, each once."""
    found = (match["table"] for match in _TOKEN.finditer(text))
    return list(dict.fromkeys(name for name in found if name))


def substitute_tables(text: str, replacement: Callable[[str], str]) -> str:
    """The query with each table name replaced; a table without an alias keeps its short name as alias."""

    def _replace(match: re.Match) -> str:
        name = match["table"]
        if not name:
            return match[0]
        has_alias = _ALIAS.match(text, match.end()) is not None
        return replacement(name) if has_alias else f"{replacement(name)} AS {name.split('.')[1]}"

    return _TOKEN.sub(_replace, text)


def ordered(queries: dict[str, str]) -> list[list[str]]:
    """Tables in layers: those of one layer depend only on earlier layers, so they may be built at the same time."""
    wanted = {name: {other for other in tables_in(text) if other in queries and other != name} for name, text in queries.items()}
    layers: list[list[str]] = []
    done: set[str] = set()
    while len(done) < len(queries):
        ready = sorted(name for name, needs in wanted.items() if name not in done and needs <= done)
        if not ready:
            circle = sorted(set(queries) - done)
            raise ValueError(f"queries depend on each other in a circle: {', '.join(circle)}")
        layers.append(ready)
        done.update(ready)
    return layers
