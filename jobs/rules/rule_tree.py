"""Typed rule tree: what campaign managers and tag owners write as YAML becomes a Column, never text for the SQL engine.

A node is one of
    {all: [node, ...]}  {any: [node, ...]}  {not: node}
    {column: arpu_3m_fen, op: ge, value: 5000}      eq ne lt le gt ge
    {column: age_years, op: between, value: [18, 30]}          both ends included
    {column: brand_code, op: in, value: [GOTONE, MZONE]}       in, not_in
    {column: device_model, op: is_null}                        is_null, is_not_null
    {column: list_colours, op: contains, value: RED}           array columns
    {has_tag: HEAVY_CALLER}                                    needs the column tag_ids (array of tag ids)

A value compared with a coded column, and a tag, must be one of its codes: a misspelt one would select or exclude nobody.
An empty value (NULL) makes a comparison unknown; unknown goes through all, any and not by three-valued logic, and what
is still unknown at the root is **not selected**: `not: {column: x, op: eq, value: 1}` selects nobody without x.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from conf.errors import ConfigError
from conf.reading import one_of
from conf.tables import Column
from jobs.rules.rule_nodes import COMPARISONS, TAG_COLUMN, AllOf, AnyOf, Comparison, HasTag, Node, Not, SelectionRule

MAX_DEPTH = 8
MAX_NODES = 200
MAX_VALUES = 500
MAX_TEXT = 200

OPERATORS = (*COMPARISONS, "between", "in", "not_in", "is_null", "is_not_null", "contains")
_ORDERED = {"lt", "le", "gt", "ge", "between"}
_INTEGERS = {"tinyint", "smallint", "int", "integer", "bigint", "long"}
_FRACTIONS = {"float", "double", "real"}


def parse_rule(node: Any, where: str, columns: Mapping[str, Column]) -> SelectionRule:
    """Check a rule from YAML against the columns it may read and return it typed.

    `where` is the place for error messages, as `conf/tags/value.yaml:tags[3].rule`; `columns` maps the name of each
    allowed column to its contract, which says the type and the codes; the codes of `tag_ids` are the tags that exist.
    Raises ConfigError naming the place for an unknown column, operator, code or tag, a value of the wrong type, or a
    rule that is too deep or too large.
    """
    parser = _Parser(where, columns)
    return SelectionRule(parser.node(node, "", 1), where)


class _Parser:
    """Walks the tree once, counting nodes and keeping the path for messages."""

    def __init__(self, where: str, columns: Mapping[str, Column]):
        self.file, _, self.key = where.partition(":")
        self.columns, self.nodes = columns, 0

    def refuse(self, path: str, found: object, wanted: object) -> ConfigError:
        return ConfigError(self.file, (self.key + path).lstrip("."), found, wanted)

    def node(self, node: Any, path: str, depth: int) -> Node:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.refuse(path, f"more than {MAX_NODES} conditions", f"a rule of at most {MAX_NODES} conditions")
        if depth > MAX_DEPTH:
            raise self.refuse(path, f"nesting deeper than {MAX_DEPTH}", f"a rule nested at most {MAX_DEPTH} deep")
        if not isinstance(node, dict) or not node:
            raise self.refuse(path, repr(node), "a mapping: all, any, not, has_tag, or column with op")
        if "column" in node:
            return self.test(node, path)
        if len(node) != 1:
            wanted = "exactly one of all, any, not, has_tag, or column with op"
            raise self.refuse(path, ", ".join(map(str, node)), wanted)
        return self.branch(*next(iter(node.items())), path, depth)

    def branch(self, word: str, body: Any, path: str, depth: int) -> Node:
        place = f"{path}.{word}"
        if word in ("all", "any"):
            if not isinstance(body, list) or not body:
                raise self.refuse(place, repr(body), "a list of at least one condition")
            parts = tuple(self.node(part, f"{place}[{i}]", depth + 1) for i, part in enumerate(body))
            return AllOf(parts) if word == "all" else AnyOf(parts)
        if word == "not":
            return Not(self.node(body, place, depth + 1))
        if word == "has_tag":
            return self.has_tag(body, place)
        raise self.refuse(path, word, "all, any, not, has_tag, or column with op")

    def has_tag(self, body: Any, path: str) -> HasTag:
        if not isinstance(body, str) or not body or len(body) > MAX_TEXT:
            raise self.refuse(path, repr(body), "a tag id")
        if TAG_COLUMN not in self.columns:
            raise self.refuse(path, body, f"no has_tag here: this rule reads a frame without the column {TAG_COLUMN}")
        self.require_code(TAG_COLUMN, body, path)
        return HasTag(body)

    def require_code(self, column: str, value: Any, path: str) -> None:
        """Refuse a value that is none of the codes of a coded column."""
        codes = self.columns[column].codes
        if codes and value not in codes:
            raise self.refuse(path, f"{value} for {column}", one_of(value, codes))

    def test(self, node: dict[str, Any], path: str) -> Comparison:
        extra = [str(key) for key in node if key not in ("column", "op", "value")]
        if extra:
            raise self.refuse(path, f"unknown key {', '.join(extra)}", "column, op, value")
        column, operator = node["column"], node.get("op")
        if column not in self.columns:
            raise self.refuse(f"{path}.column", column, "a column this rule may read, " + one_of(column, self.columns))
        if operator not in OPERATORS:
            raise self.refuse(f"{path}.op", operator, one_of(operator, OPERATORS))
        kind = kind_of(self.columns[column].type)
        self.check_operator(operator, kind, column, path)
        if operator in ("is_null", "is_not_null"):
            if "value" in node:
                raise self.refuse(f"{path}.value", node["value"], f"no value with {operator}")
            return Comparison(column, operator)
        if "value" not in node:
            raise self.refuse(path, "no value", f"a value to compare {column} with")
        value = self.value(operator, kind, node["value"], f"{path}.value")
        for code in value if isinstance(value, tuple) else (value,):
            self.require_code(column, code, f"{path}.value")
        return Comparison(column, operator, value)

    def check_operator(self, operator: str, kind: str, column: str, path: str) -> None:
        wanted = None
        if kind.startswith("array") and operator not in ("contains", "is_null", "is_not_null"):
            wanted = "contains, is_null or is_not_null"
        elif kind == "other" and operator not in ("is_null", "is_not_null"):
            wanted = "is_null or is_not_null"
        elif not kind.startswith("array") and operator == "contains":
            wanted = "an operator for single values: contains is for arrays"
        elif operator in _ORDERED and kind in ("text", "boolean"):
            wanted = "eq, ne, in, not_in, is_null or is_not_null (text and yes/no values have no order)"
        if wanted:
            raise self.refuse(f"{path}.op", f"{operator} on {column} ({self.columns[column].type})", wanted)

    def value(self, operator: str, kind: str, value: Any, path: str) -> Any:
        if operator == "contains":
            return self.single(kind.removeprefix("array of "), value, path)
        if operator not in ("in", "not_in", "between"):
            return self.single(kind, value, path)
        if not isinstance(value, list) or not value or len(value) > MAX_VALUES:
            raise self.refuse(path, repr(value)[:MAX_TEXT], f"a list of 1 to {MAX_VALUES} values")
        values = tuple(self.single(kind, item, f"{path}[{i}]") for i, item in enumerate(value))
        if operator == "between" and (len(values) != 2 or values[0] > values[1]):
            raise self.refuse(path, value, "two values, the smaller first")
        return values

    def single(self, kind: str, value: Any, path: str) -> Any:
        if kind == "date" and isinstance(value, str):
            value = _iso_date(value)
        if not _fits(kind, value):
            raise self.refuse(path, f"{value!r} ({type(value).__name__})", f"one value of kind: {kind}")
        return value


def kind_of(spark_type: str) -> str:
    """Kind of values a Spark type holds: whole number, number, text, boolean, date, time, array of ..., other."""
    name = spark_type.replace(" ", "").lower()
    if name.startswith("array<"):
        return "array of " + kind_of(name[6:-1])
    if name in _INTEGERS:
        return "whole number"
    if name in _FRACTIONS or name.startswith("decimal"):
        return "number"
    return {"string": "text", "boolean": "boolean", "date": "date", "timestamp": "time"}.get(name, "other")


def _fits(kind: str, value: Any) -> bool:
    if kind == "whole number":
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e18
    if kind == "text":
        return isinstance(value, str) and len(value) <= MAX_TEXT
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "date":
        return isinstance(value, date) and not isinstance(value, datetime)
    return kind == "time" and isinstance(value, datetime)


def _iso_date(text: str) -> date | str:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return text
