"""Parts of a checked rule, and how each becomes a Column of three-valued logic or a line of text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import Column

TAG_COLUMN = "tag_ids"
COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")


@dataclass(frozen=True)
class AllOf:
    """Every part must hold."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one part must hold."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    """The part must be known not to hold."""

    part: Node


@dataclass(frozen=True)
class Comparison:
    """One column compared with a constant of its own type."""

    column: str
    operator: str
    value: Any = None


@dataclass(frozen=True)
class HasTag:
    """The subscription carries the tag on the snapshot date."""

    tag_id: str


Node = AllOf | AnyOf | Not | Comparison | HasTag


@dataclass(frozen=True)
class SelectionRule:
    """A checked rule: the columns and tags it reads, its text for people, and its Column for Spark."""

    root: Node
    where: str

    @property
    def columns(self) -> frozenset[str]:
        """Columns the rule reads, tag_ids included when a tag is asked for."""
        return frozenset(_columns_of(self.root))

    @property
    def tags(self) -> frozenset[str]:
        """Tags the rule asks for."""
        return frozenset(_tags_of(self.root))

    def to_column(self) -> Column:
        """Boolean Column without NULL: true = selected, unknown = not selected."""
        from pyspark.sql import functions as F

        return F.coalesce(_column(self.root), F.lit(False))

    def describe(self) -> str:
        """The rule in one line for decision logs and previews."""
        return _describe(self.root)


def _column(node: Node) -> Column:
    from pyspark.sql import functions as F

    if isinstance(node, (AllOf, AnyOf)):
        parts = [_column(part) for part in node.parts]
        return reduce(lambda a, b: a & b, parts) if isinstance(node, AllOf) else reduce(lambda a, b: a | b, parts)
    if isinstance(node, Not):
        return ~_column(node.part)
    if isinstance(node, HasTag):  # no row of tags at all is a definite no
        return F.coalesce(F.array_contains(F.col(TAG_COLUMN), F.lit(node.tag_id)), F.lit(False))
    return _test_column(node)


def _test_column(test: Comparison) -> Column:
    from pyspark.sql import functions as F

    column = F.col(f"`{test.column}`")
    if test.operator in COMPARISONS:
        compared: Column = getattr(column, f"__{test.operator}__")(F.lit(test.value))
        return compared
    if test.operator == "between":
        return column.between(F.lit(test.value[0]), F.lit(test.value[1]))
    if test.operator in ("in", "not_in"):
        inside = column.isin(*test.value)
        return inside if test.operator == "in" else ~inside
    if test.operator == "contains":
        return F.array_contains(column, F.lit(test.value))
    return column.isNull() if test.operator == "is_null" else column.isNotNull()


def _columns_of(node: Node) -> set[str]:
    if isinstance(node, (AllOf, AnyOf)):
        return set().union(*(_columns_of(part) for part in node.parts))
    if isinstance(node, Not):
        return _columns_of(node.part)
    return {node.column} if isinstance(node, Comparison) else {TAG_COLUMN}


def _tags_of(node: Node) -> set[str]:
    if isinstance(node, (AllOf, AnyOf)):
        return set().union(*(_tags_of(part) for part in node.parts))
    if isinstance(node, Not):
        return _tags_of(node.part)
    return {node.tag_id} if isinstance(node, HasTag) else set()


def _describe(node: Node) -> str:
    if isinstance(node, (AllOf, AnyOf)):
        return "(" + (" and " if isinstance(node, AllOf) else " or ").join(map(_describe, node.parts)) + ")"
    if isinstance(node, Not):
        return f"not {_describe(node.part)}"
    if isinstance(node, HasTag):
        return f"has tag {node.tag_id}"
    value = "" if node.value is None else f" {list(node.value) if isinstance(node.value, tuple) else node.value}"
    return f"{node.column} {node.operator.replace('_', ' ')}{value}"
