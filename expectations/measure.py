"""Counts what the rules of a table ask for: one pass for all numbers, one grouping for the key; values never leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from conf.tables import Table
from expectations.suites import TableRule, required_columns

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

Numbers = dict[str, float | None]
ROWS = TableRule(metric="row_count", min=0, severity="fail", reason="how many rows were judged")


def measure_arrow(rows: Any, table: Table, rules: list[TableRule], where: str | None = None) -> Numbers:
    """The number of each rule by rule id and the row count, counted by DuckDB over an Arrow table or dataset.

    `where` is SQL text of our own code that limits the rows to the dates under judgement.
    """
    asked = _asked(rules)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("arrived", rows)
        scope = f"(SELECT * FROM arrived WHERE {where}) judged" if where else "arrived judged"
        numbers = _aggregate(connection, table, scope, asked)
        for rule in rules:
            if rule.metric == "duplicate_key_count":
                listed = ", ".join(f'"{name}"' for name in table.key)
                query = f"SELECT coalesce(sum(n), 0) FROM (SELECT count(*) n FROM {scope} GROUP BY {listed} HAVING count(*) > 1)"
                numbers[rule.id] = _number((connection.execute(query).fetchone() or (0,))[0])
    return numbers


def _asked(rules: list[TableRule]) -> list[TableRule]:
    """Rules counted in the one pass, the number of rows always among them."""
    in_one_pass = [rule for rule in rules if rule.metric != "duplicate_key_count"]
    return in_one_pass if ROWS.id in {rule.id for rule in in_one_pass} else [*in_one_pass, ROWS]


def _aggregate(connection: duckdb.DuckDBPyConnection, table: Table, scope: str, rules: list[TableRule]) -> Numbers:
    parameters: list[Any] = []
    parts = [_sql(table, rule, parameters) for rule in rules]
    row = connection.execute(f"SELECT {', '.join(parts)} FROM {scope}", parameters).fetchone() or ()
    return {rule.id: _number(value) for rule, value in zip(rules, row, strict=True)}


def _sql(table: Table, rule: TableRule, parameters: list[Any]) -> str:
    if rule.metric == "required_null_count":
        return " + ".join(f'count(*) - count("{name}")' for name in required_columns(table)) or "0"
    values = allowed_values(table, rule)
    form = "not_allowed_in_array" if _is_array(table, rule) else rule.metric
    text = _SQL[form].format(column=f'"{rule.column}"', other=f'"{rule.other}"', values=_marks(values))
    repeats = text.count("?") // max(len(values), 1)
    parameters.extend(list(values) * repeats)
    if not rule.where:
        return text
    conditions = []
    for name, wanted in rule.where.items():
        chosen = wanted if isinstance(wanted, tuple) else (wanted,)
        conditions.append(f'"{name}" IN ({_marks(chosen)})')
        parameters.extend(chosen)
    condition = " AND ".join(conditions)
    if rule.metric in ("null_share", "share"):
        # Both halves of the fraction count only the rows of `where`.
        parameters.extend(parameters[-sum(text.count("?") for text in conditions) :])
        head, tail = text.split(" / ")
        return f"{head} FILTER (WHERE {condition}) / {tail.replace('count(*)', f'count(*) FILTER (WHERE {condition})')}"
    if rule.metric == "sum_difference":
        raise ValueError("sum_difference takes no where")
    return f"{text} FILTER (WHERE {condition})"


def allowed_values(table: Table, rule: TableRule) -> tuple[Any, ...]:
    """Values a rule names, or the codes its column's contract allows when it names none."""
    if rule.metric == "not_allowed_count" and not rule.values:
        return tuple(table.column(str(rule.column)).codes)
    return rule.values


def _is_array(table: Table, rule: TableRule) -> bool:
    return rule.metric == "not_allowed_count" and table.column(str(rule.column)).type.startswith("array")


def _marks(values: tuple[Any, ...]) -> str:
    return ", ".join("?" for _ in values) or "NULL"


_SQL = {
    "row_count": "count(*)",
    "null_count": "count(CASE WHEN {column} IS NULL THEN 1 END)",
    "null_share": "count(CASE WHEN {column} IS NULL THEN 1 END) / nullif(count(*), 0)",
    "min": "min({column})",
    "max": "max({column})",
    "sum": "sum({column})",
    "mean": "avg({column})",
    "not_allowed_count": "count(CASE WHEN {column} NOT IN ({values}) THEN 1 END)",
    "not_allowed_in_array": "count(CASE WHEN NOT list_has_all([{values}], {column}) THEN 1 END)",
    "share": "count(CASE WHEN {column} IN ({values}) THEN 1 END) / nullif(count(*), 0)",
    "order_violation_count": "count(CASE WHEN {column} > {other} THEN 1 END)",
    "sum_difference": "coalesce(sum({column}), 0) - coalesce(sum({other}), 0)",
}


def _number(value: Any) -> float | None:
    """A count, amount or share as a plain number; dates and texts have no place in a metric."""
    return None if value is None else float(value)


def measure_spark(frame: DataFrame, table: Table, rules: list[TableRule]) -> Numbers:
    """The same numbers counted by Spark, for tables too big for one process."""
    from pyspark.sql import functions as F

    asked = _asked(rules)
    columns = [_spark_column(table, rule).cast("double").alias(rule.id) for rule in asked]
    numbers: Numbers = frame.agg(*columns).collect()[0].asDict()
    for rule in rules:
        if rule.metric == "duplicate_key_count":
            groups = frame.groupBy(*table.key).agg(F.count(F.lit(1)).alias("n")).filter(F.col("n") > 1)
            found = groups.agg(F.coalesce(F.sum("n"), F.lit(0)).alias("n")).collect()[0]["n"]
            numbers[rule.id] = float(found)
    return numbers


def _spark_column(table: Table, rule: TableRule) -> Column:
    from pyspark.sql import functions as F

    if rule.metric == "required_null_count":
        return sum((F.count(F.lit(1)) - F.count(name) for name in required_columns(table)), F.lit(0))
    in_scope = F.lit(True)
    for name, wanted in rule.where.items():
        in_scope = in_scope & F.col(name).isin(*(wanted if isinstance(wanted, tuple) else (wanted,)))
    value = F.when(in_scope, F.col(rule.column)) if rule.column else F.lit(None)
    rows = F.count(F.when(in_scope, 1))
    if rule.metric in ("min", "max", "sum", "mean"):
        return {"min": F.min, "max": F.max, "sum": F.sum, "mean": F.avg}[rule.metric](value)
    if rule.metric == "sum_difference":
        return F.coalesce(F.sum(str(rule.column)), F.lit(0)) - F.coalesce(F.sum(str(rule.other)), F.lit(0))
    if rule.metric == "row_count":
        return rows
    hits = F.count(F.when(in_scope & _is_hit(table, rule), 1))
    return F.try_divide(hits, rows) if rule.metric in ("null_share", "share") else hits


def _is_hit(table: Table, rule: TableRule) -> Column:
    from pyspark.sql import functions as F

    column = F.col(str(rule.column))
    if rule.metric in ("null_count", "null_share"):
        return column.isNull()
    if rule.metric == "share":
        return column.isin(*rule.values)
    if rule.metric == "not_allowed_count":
        allowed = allowed_values(table, rule)
        if _is_array(table, rule):
            return F.size(F.array_except(column, F.array(*map(F.lit, allowed)))) > 0
        return ~column.isin(*allowed)
    return column > F.col(str(rule.other))
