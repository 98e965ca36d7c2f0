"""Expectations of Great Expectations itself in a suite (`gx:`): checked when the suite is read, run on the rows of the night."""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import duckdb
from pydantic import Field as Bound
from pydantic import field_validator

from conf.errors import ConfigError
from conf.reading import Strict, one_of, require_known
from conf.tables import Table

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation import Expectation

# They ask another table than the one of the suite.
OF_OTHER_TABLES = {"expect_query_results_to_match_comparison", "expect_table_row_count_to_equal_other_table"}
# What we give ourselves: the rest of an expectation's fields are its kwargs.
OURS = {
    *("id", "meta", "notes", "result_format", "description", "catch_exceptions", "rendered_content", "severity"),
    *("windows", "batch_id"),
}
NAME_COLUMNS = ("column", "column_A", "column_B", "column_list", "column_set")
NO_VALUES = {"result_format": "BASIC", "partial_unexpected_count": 0}
COUNTS = {
    *("element_count", "missing_count", "missing_percent", "unexpected_count", "unexpected_percent"),
    *("unexpected_percent_total", "unexpected_percent_nonmissing"),
}


class NativeRule(Strict):
    """One expectation of Great Expectations: its type and kwargs as its own documentation names them, severity and reason as of any rule.

    `name` tells two of one type on the same columns apart.
    """

    type: str
    kwargs: dict[str, Any] = {}
    severity: Literal["fail", "warn"]
    reason: str = Bound(min_length=5)
    notes: str = ""
    name: str | None = Bound(default=None, pattern=r"^[a-z][a-z0-9_]*$")

    @field_validator("type")
    @classmethod
    def _in_small_letters(cls, given: str) -> str:
        """ExpectColumnValuesToBeUnique and expect_column_values_to_be_unique are the same."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", given).lower()

    @property
    def columns(self) -> list[str]:
        """Columns its kwargs name."""
        named = [self.kwargs[key] for key in NAME_COLUMNS if key in self.kwargs]
        return [str(column) for one in named for column in (one if isinstance(one, list | tuple | set) else [one])]

    @property
    def id(self) -> str:
        """Name of the expectation inside its table."""
        return "__".join(["gx", self.name or self.type.removeprefix("expect_"), *self.columns])[:180]

    @property
    def bounds(self) -> str:
        """What its kwargs ask for."""
        asked = {key: value for key, value in self.kwargs.items() if key not in NAME_COLUMNS}
        return ", ".join(f"{key} {value}" for key, value in asked.items()) or "-"

    @property
    def words(self) -> str:
        """The expectation as people read it in an alert."""
        return f"{self.type} of {', '.join(self.columns) or 'the table'}: {self.bounds}"


@dataclass(frozen=True)
class NativeResult:
    """What one expectation came to; `result` holds numbers only, as the Data Docs show them."""

    rule: NativeRule
    success: bool
    observed: float | None
    result: ExpectationValidationResult


@cache
def known_types() -> dict[str, type[Expectation]]:
    """Every expectation that can judge the rows of one table, by its type."""
    import great_expectations.expectations as found

    classes = [getattr(found, name) for name in dir(found) if name.startswith("Expect") and name != "Expectation"]
    return {one.expectation_type: one for one in classes if one.expectation_type not in OF_OTHER_TABLES}


def check_native(path: Path, table: Table, rules: tuple[NativeRule, ...]) -> None:
    """Refuse a type, kwarg or column that is not known, naming the file, the rule, what was found and the nearest."""
    seen: set[str] = set()
    for number, rule in enumerate(rules):
        key = f"gx.{number}"
        require_known(path, f"{key}.type", rule.type, known_types())
        for column in rule.columns:
            require_known(path, f"{key}.kwargs", column, table.column_names)
        _check_kwargs(path, key, rule)
        if seen & {rule.id, rule.words}:
            raise ConfigError(
                path, key, f"{rule.words} a second time", "each once, or other kwargs and a `name` of its own"
            )
        seen |= {rule.id, rule.words}


def _check_kwargs(path: Path, key: str, rule: NativeRule) -> None:
    known = [name for name in known_types()[rule.type].__fields__ if name not in OURS]
    for name in rule.kwargs:
        require_known(path, f"{key}.kwargs", name, known, f" ({rule.type})")
    try:
        expectation_of(rule)
    except ValueError as error:  # of pydantic's first version, which Great Expectations brings
        problem = error.errors()[0] if hasattr(error, "errors") else {"loc": ("",), "msg": str(error)}
        name = str(problem["loc"][0])
        found = rule.kwargs.get(name, "nothing")
        raise ConfigError(path, f"{key}.kwargs.{name}", found, f"{problem['msg']}; {one_of(name, known)}") from None


def expectation_of(rule: NativeRule, **common: Any) -> Expectation:
    """The expectation as Great Expectations knows it."""
    return known_types()[rule.type](**rule.kwargs, **common)


def rows_for(arrived: Any, table: Table, rules: Iterable[NativeRule], where: str | None) -> Any:
    """Rows of the dates under judgement as a pandas frame: the columns the expectations name, or all; decimals as numbers.

    `where` is SQL text of our own code.
    """
    rules = list(rules)
    named = {column for rule in rules for column in rule.columns}
    is_of_all = any(not rule.columns or "row_condition" in rule.kwargs for rule in rules)
    chosen = [column for column in table.columns if is_of_all or column.name in named]
    listed = ", ".join(
        f'"{c.name}"::DOUBLE AS "{c.name}"' if c.type.startswith("decimal") else f'"{c.name}"' for c in chosen
    )
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("arrived", arrived)
        limited = f" WHERE {where}" if where else ""
        found: Any = connection.sql(f"SELECT {listed} FROM arrived{limited}").to_arrow_table()
        return found.to_pandas()


def open_context() -> Any:
    """Great Expectations in this process alone, its stores in memory: it keeps its words to errors and reports to nobody."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    project = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars={"globally": False},  # type: ignore[arg-type]
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=project)


def run_native(frame: Any, rules: list[NativeRule]) -> list[NativeResult]:
    """Judge the rows by Great Expectations; one that cannot be run on them is broken."""
    import great_expectations as gx

    asset = open_context().data_sources.add_pandas(name="rows").add_dataframe_asset(name="night")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch(batch_parameters={"dataframe": frame})
    suite = gx.ExpectationSuite(name="native", expectations=[expectation_of(rule, **page_of(rule)) for rule in rules])
    results: list[Any] = batch.validate(suite, result_format=NO_VALUES).results  # type: ignore[arg-type]
    found = {one.expectation_config.meta["rule"]: one for one in results}
    return [_result(rule, found[rule.id]) for rule in rules]


def page_of(rule: Any) -> dict[str, Any]:
    """What the Data Docs say of a rule, ours or native, beside its words and what was observed."""
    return {
        "severity": "critical" if rule.severity == "fail" else "warning",
        "notes": [rule.reason, *([rule.notes] if rule.notes else [])],
        "meta": {
            "rule": rule.id,
            "attributes": {"bounds": rule.bounds, "reason": rule.reason, "severity": rule.severity},
        },
    }


def _result(rule: NativeRule, found: ExpectationValidationResult) -> NativeResult:
    """The result without what a row could be told by: no values, no lists, no text of an exception."""
    numbers = {key: _number(value) for key, value in (found.result or {}).items() if key in COUNTS}
    observed = _number((found.result or {}).get("observed_value"))
    if observed is not None:
        numbers["observed_value"] = observed
    found.result, found.success = numbers, bool(found.success)
    if _was_not_run(found.exception_info):
        text = "it could not be run on these rows: is it meant for the type of the column?"
        found.exception_info = {"raised_exception": True, "exception_message": text, "exception_traceback": ""}
    return NativeResult(rule, found.success, numbers.get("observed_value", numbers.get("unexpected_count")), found)


def _number(value: Any) -> float | None:
    is_number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    return None if not is_number else int(value) if float(value).is_integer() else float(value)


def _was_not_run(info: dict[str, Any] | None) -> bool:
    parts = [info or {}, *(part for part in (info or {}).values() if isinstance(part, dict))]
    return any(part.get("raised_exception") for part in parts)
