"""Reads expectations/<layer>/<table>.yaml: rules with bounds, severity and reason, and the rules every contract implies."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field as Bound
from pydantic import model_validator

from conf.code_lists import code_list
from conf.errors import ConfigError
from conf.reading import ROOT, Strict, load, remembered, require_known, yaml_files
from conf.tables import Table, load_tables, table_of
from expectations.native import NativeRule, check_native

SUITES = ROOT / "expectations"
Metric = Literal[
    "row_count",
    "duplicate_key_count",
    "required_null_count",
    "null_count",
    "null_share",
    "min",
    "max",
    "sum",
    "mean",
    "not_allowed_count",
    "share",
    "order_violation_count",
    "sum_difference",
]
WHOLE_TABLE = {"row_count", "duplicate_key_count", "required_null_count"}
NEEDS_COLUMN = set(Metric.__args__) - WHOLE_TABLE  # type: ignore[attr-defined]
NEEDS_OTHER = {"order_violation_count", "sum_difference"}
TAKES_VALUES = {"not_allowed_count", "share"}
Value = bool | int | float | str


def _name_shorthands(schema: dict[str, Any]) -> None:
    """Tell an editor of the keys TableRule takes in place of written values."""
    listed = {"type": "string", "description": "Business file that holds the values (conf/code_lists.py)."}
    schema["properties"] |= {
        "values_from": listed,
        "where_from": {"type": "object", "additionalProperties": listed, "description": listed["description"]},
    }


class TableRule(Strict, json_schema_extra=_name_shorthands):
    """One number of a table, the bounds it must keep, how bad a breach is and why the bound is where it is.

    required_null_count: nulls in key and required columns, summed. null_share, share: of the rows of `where`. not_allowed_count: rows whose value is none of `values` (null is judged apart), of the codes in the column's contract when none are written.
    order_violation_count: rows with column > other. sum_difference: sum(column) - sum(other).
    A number that cannot be measured, for want of rows or values, breaks the rule unless `when_empty: pass`. `notes`: more for the Data Docs.
    """

    metric: Metric
    severity: Literal["fail", "warn"]
    reason: str = Bound(min_length=5)
    notes: str = ""
    column: str | None = None
    other: str | None = None
    values: tuple[Value, ...] = ()
    where: dict[str, Value | tuple[Value, ...]] = {}
    min: float | None = None
    max: float | None = None
    when_empty: Literal["pass", "fail"] = "fail"

    @model_validator(mode="before")
    @classmethod
    def _take_named_values(cls, given: Any) -> Any:
        """`values_from` and `where_from` name a business file that holds the values, so that they stand there alone."""
        if not isinstance(given, dict):
            return given
        taken = {key: value for key, value in given.items() if key not in ("values_from", "where_from")}
        if "values_from" in given:
            taken["values"] = (*given.get("values", ()), *code_list(given["values_from"]))
        for column, source in (given.get("where_from") or {}).items():
            taken["where"] = {**taken.get("where", {}), column: tuple(code_list(source))}
        return taken

    @model_validator(mode="after")
    def _complete(self) -> TableRule:
        if (self.column is not None) != (self.metric in NEEDS_COLUMN):
            raise ValueError(
                f"metric {self.metric} " + ("needs a column" if self.metric in NEEDS_COLUMN else "takes no column")
            )
        if (self.other is not None) != (self.metric in NEEDS_OTHER):
            raise ValueError(
                f"metric {self.metric} " + ("needs other" if self.metric in NEEDS_OTHER else "takes no other")
            )
        if self.values and self.metric not in TAKES_VALUES:
            raise ValueError(f"metric {self.metric} takes no values")
        if self.metric == "share" and not self.values:
            raise ValueError("metric share needs values")
        if self.min is None and self.max is None:
            raise ValueError("a rule needs min, max or both")
        return self

    @property
    def id(self) -> str:
        """Name of the number inside its table, as null_share__city_code."""
        parts: list[Any] = [self.metric, self.column, self.other, *self.values]
        parts += [part for key, value in self.where.items() for part in ("where", key, *_as_tuple(value))]
        text = "__".join(str(part) for part in parts if part is not None)
        return re.sub(r"[^a-z0-9_]+", "_", text.lower())[:180]

    @property
    def bounds(self) -> str:
        """What the number must keep to, as the Data Docs show it."""
        if self.min is None or self.max is None:
            return f"<= {self.max:g}" if self.min is None else f">= {self.min:g}"
        return f"{self.min:g}" if self.min == self.max else f"{self.min:g} to {self.max:g}"

    @property
    def words(self) -> str:
        """The rule as a sentence for people."""
        low = f"{self.min:g} <= " if self.min is not None else ""
        high = f" <= {self.max:g}" if self.max is not None else ""
        return f"{low}{self.id}{high}"


class Suite(Strict):
    """The rules of one table, `gx` expectations of Great Expectations itself; `defaults: false` leaves out what follows from the contract."""

    table: str
    rules: tuple[TableRule, ...] = ()
    gx: tuple[NativeRule, ...] = ()
    defaults: bool = True


def _as_tuple(value: Value | tuple[Value, ...]) -> tuple[Value, ...]:
    return value if isinstance(value, tuple) else (value,)


@remembered
def load_suites() -> dict[str, Suite]:
    """All suites by table name; unknown tables and columns are refused."""
    suites = {}
    for path in yaml_files(SUITES, "*/*.yaml"):
        suite = load(Suite, path)
        wanted = f"{path.parent.name}.{path.stem}"
        if suite.table != wanted or wanted not in load_tables():
            raise ConfigError(path, "table", suite.table, f"{wanted}, a table with a contract under sql/")
        _check_columns(path, suite)
        check_native(path, table_of(wanted), suite.gx)
        suites[wanted] = suite
    return suites


def _check_columns(path: Path, suite: Suite) -> None:
    """Columns and codes of a rule are those of the contract: a misspelt code in `where` would judge no row at all."""
    table = table_of(suite.table)
    for number, rule in enumerate(suite.rules):
        key = f"rules.{number}"
        for name in (rule.column, rule.other, *rule.where):
            if name is not None:
                require_known(path, key, name, table.column_names)
        compared = {name: _as_tuple(wanted) for name, wanted in rule.where.items()}
        for name, wanted in [*compared.items(), *([(rule.column, rule.values)] if rule.column else [])]:
            for value in wanted if table.column(str(name)).codes else ():
                require_known(path, f"{key}.{name}", str(value), table.column(str(name)).codes)
        if rule.metric == "not_allowed_count" and not rule.values and not table.column(str(rule.column)).codes:
            raise ConfigError(
                path, key, f"no values for {rule.column}", "values, in the contract of the column or here"
            )


def rules_of(name: str) -> list[TableRule]:
    """All rules of a table: those its contract implies, then those of its suite, each number once."""
    suite = load_suites().get(name)
    derived = default_rules(table_of(name)) if suite is None or suite.defaults else []
    chosen = {rule.id: rule for rule in derived}
    chosen.update({rule.id: rule for rule in (suite.rules if suite else ())})
    return list(chosen.values())


def native_rules_of(name: str) -> list[NativeRule]:
    """Expectations of Great Expectations itself in the suite of a table."""
    suite = load_suites().get(name)
    return list(suite.gx) if suite else []


def default_rules(table: Table) -> list[TableRule]:
    """What a contract promises: rows, a unique key, key and required columns never null, coded columns within their codes."""
    coded = [
        TableRule(
            metric="not_allowed_count",
            column=column.name,
            max=0,
            severity="warn" if column.open_codes else "fail",
            reason="a code the contract does not know" if column.open_codes else "codes of the contract only",
        )
        for column in table.columns
        if column.codes
    ]
    floor = TableRule(metric="row_count", min=1, severity="fail", reason="a table without rows was not built")
    return [
        *([] if table.may_be_empty else [floor]),
        TableRule(metric="duplicate_key_count", max=0, severity="fail", reason="the contract's key names one row"),
        TableRule(
            metric="required_null_count",
            max=0,
            severity="fail",
            reason="key and required columns of the contract are never null",
        ),
        *coded,
    ]


def required_columns(table: Table) -> list[str]:
    """Columns that must never be null: the key, and those the contract says are not nullable."""
    return [column.name for column in table.columns if not column.nullable or column.name in table.key]
