"""The gate between a table's new version and its readers: measure, judge with Great Expectations, save, then raise or let pass."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conf.dates import DateRange
from conf.errors import GateFailed
from conf.tables import table_of
from expectations.measure import Numbers, measure_arrow, measure_spark
from expectations.suites import Rule, rules_of
from jobs.lakehouse.locks import held

if TYPE_CHECKING:
    from jobs.lakehouse.lake import Lake

# Up to here one process counts faster than a Spark job starts; above it Spark does.
ROWS_FOR_ONE_PROCESS = 3_000_000


@dataclass(frozen=True)
class Verdict:
    """What one rule of one table came to."""

    table: str
    rule: Rule
    observed: float | None
    success: bool


def run_gate(lake: Lake, stage: str, tables: list[str], dates: DateRange) -> list[Verdict]:
    """Judge these tables, for these dates, as this run sees them; the result is saved before anything else happens.

    Raises GateFailed when a rule of severity `fail` does not hold, or when the run did not write one of the tables: then
    nothing of the stage is published.
    """
    _require_written(lake, stage, tables)
    measured = {name: measure(lake, name, dates) for name in tables}
    verdicts = judge(measured, lake.settings.path("data_docs"), f"{stage} {dates}")
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
    unwritten = [name for name in tables if not table_of(name).is_ledger and name not in lake.written]
    if unwritten:
        failures = [f"{name}: in the list of the stage, but this run did not write it" for name in unwritten]
        lake.alert("GATE_FAILED", "; ".join(failures))
        lake.withdraw()
        raise GateFailed(stage, failures)


def measure(lake: Lake, name: str, dates: DateRange) -> Numbers:
    """The numbers of one table's rules for the dates under judgement (the whole table when it is replaced whole)."""
    table, rules = table_of(name), rules_of(name)
    predicate = dates.predicate(table.replace_by) if table.replace_by else None
    dataset = lake.dataset(name)
    if lake.row_count(name) <= ROWS_FOR_ONE_PROCESS:
        return measure_arrow(dataset, table, rules, predicate)
    from pyspark.sql import functions as F

    frame = lake.read(name)
    if table.replace_by:
        frame = frame.filter(F.col(table.replace_by).between(F.lit(dates.first), F.lit(dates.last)))
    return measure_spark(frame, table, rules)


def judge(measured: dict[str, Numbers], docs: Path, run_name: str, with_pages: bool = True) -> list[Verdict]:
    """Hold measured numbers against the rules in one checkpoint of Great Expectations and renew the Data Docs in `docs`."""
    rules = {name: rules_of(name) for name in measured if rules_of(name)}
    if not rules:
        return []
    frame, suites = _metrics_row(rules, measured), {}
    with held(docs / "gate.lock"):
        suites = _run_checkpoint(rules, measured, frame, docs, run_name, with_pages)
    return [
        Verdict(name, rule, measured[name][rule.id], suites[name][rule.id]) for name, own in rules.items() for rule in own
    ]  # fmt: skip


def renew_index(docs: Path) -> None:
    """Write the first page of the Data Docs again, from the pages there are."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    with held(docs / "gate.lock"):
        context = gx.get_context(mode="ephemeral", project_config=_file_stores(docs))
        no_page: Any = ["no page"]  # an empty list would build all of them again
        context.build_data_docs(site_names=["pages"], resource_identifiers=no_page)


def _metrics_row(rules: dict[str, list[Rule]], measured: dict[str, Numbers]) -> Any:
    import pandas as pd

    values = {_cell(name, rule): measured[name][rule.id] for name, own in rules.items() for rule in own}
    return pd.DataFrame({cell: pd.Series([value], dtype="float64") for cell, value in values.items()})


def _cell(name: str, rule: Rule) -> str:
    return f"{name.replace('.', '__')}__{rule.id}"


def _run_checkpoint(
    rules: dict[str, list[Rule]],
    measured: dict[str, Numbers],
    frame: Any,
    docs: Path,
    run_name: str,
    with_pages: bool,
) -> dict[str, dict[str, bool]]:
    """Success by table and rule id; one batch, one suite a table, results without values, pages rebuilt once."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx

    from expectations.pages import lay_assets

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral", project_config=_file_stores(docs))
    batch = _batch_definition(context)
    definitions = [
        context.validation_definitions.add_or_update(
            gx.ValidationDefinition(
                name=name, data=batch, suite=context.suites.add_or_update(_suite(gx, name, own, measured[name]))
            )
        )
        for name, own in rules.items()
    ]
    checkpoint = context.checkpoints.add_or_update(
        gx.Checkpoint(name="gate", validation_definitions=definitions, result_format="BASIC")
    )
    result = checkpoint.run(batch_parameters={"dataframe": frame}, run_id=gx.RunIdentifier(run_name=run_name))
    # Once for all tables: as an action of the checkpoint the index would be rebuilt after each of them.
    pages: Any = [key for run in result.run_results for key in (run, run.expectation_suite_identifier)]
    if with_pages:
        lay_assets(docs)
        context.build_data_docs(site_names=["pages"], resource_identifiers=pages)
    return {run.suite_name: _successes(run) for run in result.run_results.values()}


def _file_stores(docs: Path) -> Any:
    """Stores and pages as files below `docs`; a context of kind "file" would parse its YAML again for every rule."""
    from great_expectations.data_context.types.base import DataContextConfig

    def _store(class_name: str, folder: str) -> dict[str, Any]:
        backend = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs / "gx" / folder)}
        return {"class_name": class_name, "store_backend": backend}

    return DataContextConfig(
        config_version=4.0,
        expectations_store_name="suites",
        validation_results_store_name="results",
        checkpoint_store_name="checkpoints",
        stores={
            "suites": _store("ExpectationsStore", "suites"),
            "results": _store("ValidationResultsStore", "results"),
            "checkpoints": _store("CheckpointStore", "checkpoints"),
            "validation_definition_store": _store("ValidationDefinitionStore", "validation_definitions"),
        },
        data_docs_sites={
            "pages": {
                "class_name": "SiteBuilder",
                "show_how_to_buttons": False,
                "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs)},
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder", "view": _view("OfflineIndex")},
                "site_section_builders": {
                    "expectations": {"view": _view("OfflinePage")},
                    "validations": {"view": _view("OfflinePage")},
                },
            }
        },
        progress_bars={"globally": False},  # type: ignore[arg-type]
        analytics_enabled=False,
    )


def _view(name: str) -> dict[str, str]:
    return {"module_name": "expectations.pages", "class_name": name}


def _batch_definition(context: Any) -> Any:
    source = context.data_sources.add_or_update_pandas(name="metrics")
    return source.add_dataframe_asset(name="one_row").add_batch_definition_whole_dataframe("all")


def _suite(gx: Any, name: str, rules: list[Rule], numbers: Numbers) -> Any:
    suite = gx.ExpectationSuite(name=name)
    for rule in rules:
        common = {
            "column": _cell(name, rule),
            "severity": "critical" if rule.severity == "fail" else "warning",
            "description": f"{rule.words} ({rule.reason})",
            "meta": {"rule": rule.id, "reason": rule.reason},
        }
        # Great Expectations passes a missing number whatever the bounds: what must be known is asked for as such.
        if numbers[rule.id] is None and not _may_be_unknown(name, rule, numbers):
            suite.add_expectation(gx.expectations.ExpectColumnValuesToNotBeNull(**common))
        elif numbers[rule.id] is None:
            suite.add_expectation(gx.expectations.ExpectColumnValuesToBeNull(**common))
        else:
            # Of one row the largest value is the value; this expectation shows it on its page.
            bounds = {"min_value": rule.min, "max_value": rule.max}
            suite.add_expectation(gx.expectations.ExpectColumnMaxToBeBetween(**common, **bounds))
    return suite


def _may_be_unknown(name: str, rule: Rule, numbers: Numbers) -> bool:
    """Whether a number that could not be measured keeps the rule: the rule says so, or a table that may be empty has no row."""
    return rule.when_empty == "pass" or (table_of(name).may_be_empty and numbers.get("row_count") == 0)


def _successes(run: Any) -> dict[str, bool]:
    return {result.expectation_config.meta["rule"]: bool(result.success) for result in run.results}


def _in_words(verdict: Verdict) -> str:
    return f"{verdict.table}: {verdict.rule.words}; observed {verdict.observed} ({verdict.rule.reason})"


def _result_row(lake: Lake, stage: str, verdict: Verdict) -> dict[str, Any]:
    layer, short_name = verdict.table.split(".")
    return {
        "run_id": lake.run.run_id, "business_date": lake.run.business_date, "stage": stage, "table_name": verdict.table,
        "suite": f"expectations/{layer}/{short_name}.yaml", "severity": verdict.rule.severity,
        "expectation": verdict.rule.words, "success": verdict.success,
        "observed": None if verdict.observed is None else f"{verdict.observed:g}",
    }  # fmt: skip
