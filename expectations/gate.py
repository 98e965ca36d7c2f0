"""The gate between a table's new version and its readers: measure, judge with Great Expectations, save, then raise or let pass."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conf.dates import DateRange
from conf.errors import GateFailed
from conf.gate import load_gate_limits
from conf.night import load_night
from conf.tables import Table, table_of
from expectations.checkpoint import judge_numbers
from expectations.measure import ROWS, Numbers, measure_arrow, measure_spark
from expectations.native import NativeResult, NativeRule, rows_for, run_native
from expectations.suites import TableRule, native_rules_of, rules_of

if TYPE_CHECKING:
    from jobs.lakehouse.lake import Lake


class TooManyRows(TableRule):
    """Told in place of a table's `gx` expectations when its rows do not fit into one process."""

    @property
    def id(self) -> str:
        """Name of the number inside its table."""
        return "rows_for_gx_expectations"


@dataclass(frozen=True)
class RuleResult:
    """What one rule of one table came to."""

    table: str
    rule: TableRule | NativeRule
    observed: float | None
    success: bool


def run_gate(lake: Lake, stage: str, tables: list[str], dates: DateRange) -> list[RuleResult]:
    """Judge these tables, for these dates, as this run sees them; the result is saved before anything else happens.

    Raises GateFailed when a rule of severity `fail` does not hold, or when the run did not write one of the tables: then
    nothing of the stage is published.
    """
    _require_written(lake, stage, tables)
    measured = {name: measure(lake, name, dates) for name in tables}
    native = {name: judge_rows(lake, name, dates, measured[name]) for name in tables if native_rules_of(name)}
    ends_night = stage == list(load_night().stages)[-1]
    docs = lake.settings.path("data_docs")
    verdicts = judge(measured, docs, f"{stage} {dates}", native=native, ends_night=ends_night)
    lake.record_gate([_result_row(lake, stage, verdict) for verdict in verdicts])
    broken = [verdict for verdict in verdicts if not verdict.success]
    for severity, event in (("warn", "GATE_WARNING"), ("fail", "GATE_FAILED")):
        texts = [_in_words(verdict) for verdict in broken if verdict.rule.severity == severity]
        if texts:
            lake.alert(event, "; ".join(texts))
    failures = [_in_words(verdict) for verdict in broken if verdict.rule.severity == "fail"]
    if failures:
        lake.withdraw()
        raise GateFailed(stage, failures)
    return verdicts


def _require_written(lake: Lake, stage: str, tables: list[str]) -> None:
    # Rows of an earlier run, or none at all, would be judged and pass: a table nobody builds would look built every night.
    unwritten = [name for name in tables if not table_of(name).is_delta_rs and name not in lake.written]
    if unwritten:
        failures = [f"{name}: in the list of the stage, but this run did not write it" for name in unwritten]
        lake.alert("GATE_FAILED", "; ".join(failures))
        lake.withdraw()
        raise GateFailed(stage, failures)


def measure(lake: Lake, name: str, dates: DateRange) -> Numbers:
    """The numbers of one table's rules for the dates under judgement (the whole table when it is replaced whole)."""
    table, rules = table_of(name), rules_of(name)
    if lake.row_count(name) <= load_gate_limits().one_process_rows_max:
        return measure_arrow(lake.dataset(name), table, rules, _of_dates(table, dates))
    from pyspark.sql import functions as F

    frame = lake.read(name)
    if table.replace_by:
        frame = frame.filter(F.col(table.replace_by).between(F.lit(dates.first), F.lit(dates.last)))
    return measure_spark(frame, table, rules)


def judge_rows(lake: Lake, name: str, dates: DateRange, numbers: Numbers) -> list[NativeResult] | TooManyRows:
    """What the suite's `gx` expectations say of the rows under judgement; TooManyRows when there are more than memory is for."""
    rules, most = native_rules_of(name), load_gate_limits().native_rows_max
    if (numbers[ROWS.id] or 0) > most:
        reason = (
            f"not run on so many rows (native_rows_max of conf/gate.yaml): {', '.join(rule.words for rule in rules)}"
        )
        return TooManyRows(metric="row_count", max=most, severity="warn", reason=reason)
    table = table_of(name)
    return run_native(rows_for(lake.dataset(name), table, rules, _of_dates(table, dates)), rules)


def _of_dates(table: Table, dates: DateRange) -> str | None:
    return dates.predicate(table.replace_by) if table.replace_by else None


def judge(
    measured: dict[str, Numbers],
    docs: Path,
    run_name: str,
    with_pages: bool = True,
    native: dict[str, list[NativeResult] | TooManyRows] | None = None,
    ends_night: bool = False,
) -> list[RuleResult]:
    """Hold measured numbers against the rules in one checkpoint of Great Expectations and renew the Data Docs in `docs`."""
    native, shown = native or {}, {}
    rules = {name: rules_of(name) for name in measured if rules_of(name) or name in native}
    for name, found in native.items():
        if isinstance(found, TooManyRows):
            rules[name] = [*rules[name], found]
            measured = measured | {name: measured[name] | {found.id: measured[name][ROWS.id]}}
        else:
            shown[name] = found
    if not rules:
        return []
    suites = judge_numbers(rules, measured, shown, docs, run_name, with_pages, ends_night)
    numbers = [
        RuleResult(name, rule, measured[name][rule.id], suites[name][rule.id])
        for name, own in rules.items()
        for rule in own
    ]
    return numbers + [
        RuleResult(name, one.rule, one.observed, one.success) for name, own in shown.items() for one in own
    ]


def _in_words(verdict: RuleResult) -> str:
    return f"{verdict.table}: {verdict.rule.words}; observed {verdict.observed} ({verdict.rule.reason})"


def _result_row(lake: Lake, stage: str, verdict: RuleResult) -> dict[str, Any]:
    layer, short_name = verdict.table.split(".")
    return {
        "run_id": lake.run.run_id,
        "business_date": lake.run.business_date,
        "stage": stage,
        "table_name": verdict.table,
        "suite": f"expectations/{layer}/{short_name}.yaml",
        "severity": verdict.rule.severity,
        "expectation": verdict.rule.words,
        "success": verdict.success,
        "observed": None if verdict.observed is None else f"{verdict.observed:g}",
    }
