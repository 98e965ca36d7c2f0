"""Rows that fit a table's contract, and rows that break one rule of its suite."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from conf.tables import Table, load_tables
from expectations.suites import TableRule
from jobs.lakehouse.schema import arrow_schema

A_DATE = date(2026, 3, 10)
A_TIME = datetime(2026, 3, 10, 1, 30)


def a_value(type_name: str, number: int = 0) -> Any:
    """Some value of a contract type; another `number` gives another value where the type allows."""
    if type_name in ("tinyint", "smallint", "int", "bigint"):
        return number
    if type_name in ("float", "double"):
        return float(number)
    if type_name.startswith("decimal"):
        return Decimal(number)
    if type_name.startswith("array"):
        return []
    if type_name.startswith("map"):
        return []
    return {"string": f"X{number}", "boolean": False, "date": A_DATE, "timestamp": A_TIME, "binary": b"x"}[type_name]


def a_row(table: Table, number: int = 0, **changed: Any) -> dict[str, Any]:
    """One row of a table with every column filled; rows of other numbers have other keys."""
    row = {column.name: a_value(column.type, number) for column in table.columns}
    return {**row, **changed}


def arrow_rows(table: Table, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as an Arrow table of the contract's types."""
    return pa.Table.from_pylist(rows, schema=arrow_schema(table))


def rows_breaking(table: Table, rule: TableRule) -> pa.Table:
    """A table's content that breaks this one rule."""
    where = {name: wanted[0] if isinstance(wanted, tuple) else wanted for name, wanted in rule.where.items()}
    too_many = int((rule.max or 0) + 1)
    rows: list[dict[str, Any]]
    match rule.metric:
        case "duplicate_key_count":
            rows = [a_row(table), a_row(table)]
        case "required_null_count":
            rows = [a_row(table, **{table.key[0]: None})]
        case "row_count":
            rows = [] if rule.min is not None else [a_row(table, n, **where) for n in range(too_many)]
        case "null_count" | "null_share":
            filled = a_row(table, **where)
            rows = [filled if rule.min is not None else {**filled, rule.column: None}]
        case "not_allowed_count":
            rows = [a_row(table, n, **{**where, rule.column: _another(table, rule)}) for n in range(too_many)]
        case "share":
            value = rule.values[0] if rule.max is not None and rule.max < 1 else _another(table, rule)
            rows = [a_row(table, **{**where, rule.column: value})]
        case "order_violation_count":
            rows = [_disordered(table, rule, n, where) for n in range(too_many)]
        case _:
            rows = [a_row(table, **{**where, rule.column: _beyond(table, rule)})]
    return arrow_rows(table, rows)


def _another(table: Table, rule: TableRule) -> Any:
    type_name = table.column(rule.column).type
    if type_name.startswith("array"):
        return ["NOT_A_CODE"]
    if type_name == "boolean":
        return not rule.values[0]
    if type_name in ("int", "bigint", "double", "tinyint", "smallint", "float"):
        return max(rule.values) + 1
    return "NOT_A_CODE"


def _beyond(table: Table, rule: TableRule) -> Any:
    amount = rule.max + 1 if rule.max is not None else rule.min - 1
    type_name = table.column(rule.column).type
    return (
        float(amount)
        if type_name in ("double", "float")
        else Decimal(int(amount))
        if type_name.startswith("dec")
        else int(amount)
    )


def _disordered(table: Table, rule: TableRule, number: int, where: dict) -> dict[str, Any]:
    later = {"date": date(2026, 3, 11), "timestamp": datetime(2026, 3, 11)}
    type_name = table.column(rule.column).type
    return a_row(table, number, **where, **{rule.column: later.get(type_name, a_value(type_name, number + 1))})


def judged_tables() -> list[str]:
    """Tables a gate stands before: silver, gold and reports."""
    return sorted(name for name in load_tables() if name.split(".")[0] in ("silver", "gold", "rpt"))
