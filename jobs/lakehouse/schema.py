"""Turns a table contract into the schemas of the engines: Arrow for the ledger, Spark DDL for the lake."""

from __future__ import annotations

import re

import pyarrow as pa

from conf.errors import ContractBroken
from conf.tables import Table

_ARROW = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "binary": pa.binary(),
}


def arrow_type(type_name: str) -> pa.DataType:
    """Arrow type of a contract type, as array<string> or decimal(10,2)."""
    if type_name in _ARROW:
        return _ARROW[type_name]
    if found := re.fullmatch(r"decimal\((\d+),(\d+)\)", type_name):
        return pa.decimal128(int(found[1]), int(found[2]))
    if found := re.fullmatch(r"array<(.+)>", type_name):
        return pa.list_(pa.field("element", arrow_type(found[1])))
    if found := re.fullmatch(r"map<string,(.+)>", type_name):
        return pa.map_(pa.string(), arrow_type(found[1]))
    raise ValueError(f"no Arrow type for contract type {type_name}")


def arrow_schema(table: Table) -> pa.Schema:
    """Arrow schema of a table in contract order; nullability is judged by the gate, not by the file format."""
    return pa.schema([pa.field(column.name, arrow_type(column.type)) for column in table.columns])


def conform(table: Table, data: pa.Table) -> pa.Table:
    """Order and cast an Arrow table to the contract; a missing or extra column raises ContractBroken."""
    check_columns(table, data.column_names)
    schema = arrow_schema(table)
    return data.select(schema.names).cast(schema)


def check_columns(table: Table, found: list[str]) -> None:
    """Raise ContractBroken unless exactly the contract's columns are there, in any order."""
    missing = [name for name in table.column_names if name not in found]
    extra = [name for name in found if name not in table.column_names]
    if missing or extra or len(found) != len(set(found)):
        wanted = f"columns {', '.join(table.column_names)}"
        parts = [f"missing: {', '.join(missing)}" if missing else "", f"extra: {', '.join(extra)}" if extra else ""]
        problem = "; ".join(part for part in parts if part) or f"a column twice in {', '.join(found)}"
        raise ContractBroken(
            table.name, wanted, problem, f"change the step or the contract sql/{table.layer}/{table.short_name}.yaml"
        )
