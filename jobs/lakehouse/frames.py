"""Holds a Spark frame against its table's contract and casts it exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from conf.errors import ContractBroken
from conf.tables import Table
from jobs.lakehouse.schema import check_columns

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

_WHOLE = ("tinyint", "smallint", "int", "bigint")
_REAL = ("float", "double")


def conform_frame(table: Table, frame: DataFrame) -> DataFrame:
    """The frame in contract order and types; missing, extra or mistyped columns raise ContractBroken.

    Whole numbers may change width (an overflow fails the write), whole numbers and decimals may become fractions, decimals
    may gain places after the point, never lose any; nothing else is cast.
    """
    from pyspark.sql import functions as F

    found = {field.name: field.dataType.simpleString() for field in frame.schema.fields}
    check_columns(table, frame.columns)
    wrong = [
        f"{column.name}: wanted {column.type}, found {found[column.name]}"
        for column in table.columns
        if not may_become(found[column.name], column.type)
    ]
    if wrong:
        hint = f"cast in the step, or change sql/{table.layer}/{table.short_name}.yaml"
        raise ContractBroken(table.name, "the contract's types", "; ".join(wrong), hint)
    if list(found.items()) == [(column.name, column.type) for column in table.columns]:
        return frame
    return frame.select(*(F.col(f"`{column.name}`").cast(column.type).alias(column.name) for column in table.columns))


def collect(frame: DataFrame) -> pa.Table:
    """All rows of a frame in this process, as Arrow.

    Not by `toArrow`: Spark believes of some columns that they are never empty (`element_at` of literals at an empty place is
    one), and `toArrow` then refuses the rows. Below it stands one call for a session of a server, one for a session in here.
    """
    import pyarrow as pa

    either: Any = frame
    if hasattr(either, "_to_table"):
        return cast(pa.Table, either._to_table()[0])
    return pa.Table.from_batches(either._collect_as_arrow(empty_list_if_zero_records=False))


def may_become(found: str, wanted: str) -> bool:
    """Whether a value of Spark type `found` may be stored as contract type `wanted` without losing its meaning."""
    if found == wanted or found == "void":
        return True
    if wanted in _WHOLE:
        return found in _WHOLE or (found.startswith("decimal") and found.endswith(",0)"))
    if wanted in _REAL:
        return found in _WHOLE or found in _REAL or found.startswith("decimal")
    if wanted.startswith("decimal"):
        return found in _WHOLE or (found.startswith("decimal") and _places(found) <= _places(wanted))
    if wanted.startswith("array<") and found.startswith("array<"):
        return may_become(found[6:-1], wanted[6:-1])
    if wanted.startswith("map<string,") and found.startswith("map<string,"):
        return may_become(found[11:-1], wanted[11:-1])
    return False


def _places(decimal: str) -> int:
    """Digits after the point of decimal(p,s); fewer would round money."""
    return int(decimal.rstrip(")").split(",")[1])
