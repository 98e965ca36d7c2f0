"""What each table is made from and who reads it, as the contracts and the queries say."""

from __future__ import annotations

from collections import Counter
from functools import cache

from conf.tables import load_tables, query_text, work_queries
from jobs.lakehouse.sqltext import mentions_in, tables_in


@cache
def made_from(name: str) -> frozenset[str]:
    """Tables a table or a helper query is made from, helper queries among them as they are named."""
    if name not in work_queries() and not load_tables()[name].is_query:
        return frozenset(load_tables()[name].made_from)
    return frozenset(tables_in(query_text(name)))


@cache
def sources(name: str) -> frozenset[str]:
    """Tables a table is made from, with those behind its helper queries in their place."""
    found: set[str] = set()
    for source in made_from(name):
        found |= sources(source) if source in work_queries() else {source}
    return frozenset(found)


@cache
def read_by(name: str) -> tuple[str, ...]:
    """Tables made from this one, in the order of their names."""
    return tuple(sorted(other for other in load_tables() if other != name and name in sources(other)))


@cache
def is_read_twice(name: str) -> bool:
    """Whether a helper query is named more than once, in whatever queries or contracts."""
    return _mentions()[name] > 1


@cache
def _mentions() -> Counter[str]:
    counted: Counter[str] = Counter()
    for name, table in load_tables().items():
        counted.update(mentions_in(query_text(name)) if table.is_query else table.made_from)
    for name in work_queries():
        counted.update(mentions_in(query_text(name)))
    return counted


def in_order(names: list[str]) -> list[list[str]]:
    """Tables in layers: those of one layer are made from earlier layers only, so they may be made at the same time."""
    wanted = {
        name: {source for source in sources(name) & set(names) if not _are_made_at_once(name, source)} for name in names
    }
    layers: list[list[str]] = []
    done: set[str] = set()
    while len(done) < len(wanted):
        ready = sorted(name for name, needs in wanted.items() if name not in done and needs <= done)
        if not ready:
            circle = sorted(set(wanted) - done)
            raise ValueError(f"tables are made from each other in a circle: {', '.join(circle)}")
        layers.append(ready)
        done.update(ready)
    return layers


def _are_made_at_once(one: str, other: str) -> bool:
    """Whether two tables come from one call of one function; what each reads of the other is of earlier dates."""
    tables = load_tables()
    return one == other or (tables[one].made_by == tables[other].made_by and not tables[one].is_query)
