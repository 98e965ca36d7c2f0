"""The run of Great Expectations: numbers held against their bounds in one checkpoint, results and Data Docs saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conf.tables import table_of
from expectations.measure import Numbers
from expectations.native import NO_VALUES, NativeResult, expectation_of, open_context, page_of
from expectations.suites import TableRule
from jobs.lakehouse.locks import held

_OURS = "expectations.rule_page"
RULE_PAGE = {
    "module_name": _OURS,
    "class_name": "RulePage",
    "column_section_renderer": {
        "module_name": _OURS,
        "class_name": "RuleSection",
        "table_renderer": {"module_name": _OURS, "class_name": "RuleTable"},
    },
}


def renew_index(docs: Path) -> None:
    """Write the first page of the Data Docs again, from the pages there are."""
    with held(docs / "gate.lock"):
        context = open_context(_file_stores(docs))
        no_page: Any = ["no page"]  # an empty list would build all of them again
        context.build_data_docs(site_names=["pages"], resource_identifiers=no_page)


def judge_numbers(
    rules: dict[str, list[TableRule]],
    measured: dict[str, Numbers],
    native: dict[str, list[NativeResult]],
    docs: Path,
    run_name: str,
    with_pages: bool,
) -> dict[str, dict[str, bool]]:
    """Whether each number keeps its bounds, by table and rule id; the pages show what `native` found beside."""
    with held(docs / "gate.lock"):
        return _run_checkpoint(rules, measured, native, _metrics_row(rules, measured), docs, run_name, with_pages)


def _metrics_row(rules: dict[str, list[TableRule]], measured: dict[str, Numbers]) -> Any:
    import pandas as pd

    values = {_cell(name, rule): measured[name][rule.id] for name, own in rules.items() for rule in own}
    return pd.DataFrame({cell: pd.Series([value], dtype="float64") for cell, value in values.items()})


def _cell(name: str, rule: TableRule) -> str:
    return f"{name.replace('.', '__')}__{rule.id}"


def _run_checkpoint(
    rules: dict[str, list[TableRule]],
    measured: dict[str, Numbers],
    native: dict[str, list[NativeResult]],
    frame: Any,
    docs: Path,
    run_name: str,
    with_pages: bool,
) -> dict[str, dict[str, bool]]:
    """Success by table and rule id; one batch, one suite a table, results without values, pages rebuilt once."""
    import great_expectations as gx

    from expectations.pages import lay_assets

    context = open_context(_file_stores(docs))
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
        gx.Checkpoint(name="gate", validation_definitions=definitions, result_format=NO_VALUES)  # type: ignore[arg-type]
    )
    result = checkpoint.run(batch_parameters={"dataframe": frame}, run_id=gx.RunIdentifier(run_name=run_name))
    successes = {run.suite_name: _successes(run) for run in result.run_results.values()}
    for key, run in result.run_results.items():
        _without_what_was_not_measured(run, measured[run.suite_name])
        _add_native(context, run, native.get(run.suite_name, []))
        context.validation_results_store.set(key, run)
    # Once for all tables: as an action of the checkpoint the index would be rebuilt after each of them.
    pages: Any = [key for run in result.run_results for key in (run, run.expectation_suite_identifier)]
    if with_pages:
        lay_assets(docs)
        context.build_data_docs(site_names=["pages"], resource_identifiers=pages)
    return successes


def _without_what_was_not_measured(run: Any, numbers: Numbers) -> None:
    """The words say that there was nothing to measure; what the stand-in counted in our one row would only confuse."""
    for result in run.results:
        if numbers[result.expectation_config.meta["rule"]] is None:
            result.result = {}


def _add_native(context: Any, run: Any, native: list[NativeResult]) -> None:
    """Let the suite and the result of a table hold, beside its numbers, what was found in its rows."""
    if not native:
        return
    suite = context.suites.get(run.suite_name)
    for found in native:
        suite.add_expectation(expectation_of(found.rule, **page_of(found.rule)))
        run.results.append(found.result)
    held_count, count = sum(bool(one.success) for one in run.results), len(run.results)
    run.success = held_count == count
    run.statistics.update(
        evaluated_expectations=count,
        successful_expectations=held_count,
        unsuccessful_expectations=count - held_count,
        success_percent=100.0 * held_count / count,
    )


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
                    "validations": {"view": _view("OfflinePage"), "renderer": RULE_PAGE},
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


def _suite(gx: Any, name: str, rules: list[TableRule], numbers: Numbers) -> Any:
    suite = gx.ExpectationSuite(name=name)
    for rule in rules:
        # Great Expectations passes a missing number whatever the bounds: what must be known is asked for as such.
        is_unknown = numbers[rule.id] is None
        common = {
            "column": _cell(name, rule),
            "description": _breakable(rule.words) + (": no row or no value to measure" if is_unknown else ""),
            **page_of(rule),
        }
        if is_unknown and not _may_be_unknown(name, rule, numbers):
            suite.add_expectation(gx.expectations.ExpectColumnValuesToNotBeNull(**common))
        elif is_unknown:
            suite.add_expectation(gx.expectations.ExpectColumnValuesToBeNull(**common))
        else:
            # Of one row the largest value is the value; this expectation shows it on its page.
            bounds = {"min_value": rule.min, "max_value": rule.max}
            suite.add_expectation(gx.expectations.ExpectColumnMaxToBeBetween(**common, **bounds))
    return suite


def _breakable(words: str) -> str:
    """Words that fit into a column of a page."""
    return words.replace("__", " ")


def _may_be_unknown(name: str, rule: TableRule, numbers: Numbers) -> bool:
    """Whether a number that could not be measured keeps the rule: the rule says so, or a table that may be empty has no row."""
    return rule.when_empty == "pass" or (table_of(name).may_be_empty and numbers.get("row_count") == 0)


def _successes(run: Any) -> dict[str, bool]:
    return {result.expectation_config.meta["rule"]: bool(result.success) for result in run.results}
