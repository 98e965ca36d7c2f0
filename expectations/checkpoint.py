"""The run of Great Expectations: all numbers of a stage held against their bounds in one checkpoint, a result a table."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from conf.tables import table_of
from expectations.measure import Numbers
from expectations.native import NO_VALUES, NativeResult, expectation_of, open_context, page_of
from expectations.suites import TableRule
from jobs.lakehouse.locks import held

Rules = dict[str, list[TableRule]]


def renew_index(docs: Path) -> None:
    """Write the first page of the Data Docs again, from the pages there are."""
    from expectations.site import DataDocs

    with held(docs / "gate.lock"):
        DataDocs(docs, open_context()).renew_index()


def judge_numbers(
    rules: Rules,
    measured: dict[str, Numbers],
    native: dict[str, list[NativeResult]],
    docs: Path,
    run_name: str,
    with_pages: bool,
    ends_night: bool,
) -> dict[str, dict[str, bool]]:
    """Whether each number keeps its bounds, by table and rule id; the pages show what `native` found beside.

    The first page lists what is there at the end of the night, and at once what is broken.
    """
    from expectations.site import DataDocs

    context = open_context()
    key, whole = _run_checkpoint(context, rules, measured, run_name)
    by_table = _by_table(rules, whole)
    successes = {name: _successes(results) for name, results in by_table.items()}
    for name, results in by_table.items():
        for result in results:
            result.result = _shown(result, measured[name])
        results += [found.result for found in native.get(name, [])]
    if with_pages:
        with held(docs / "gate.lock"):
            site = DataDocs(docs, context)
            for name, results in by_table.items():
                site.add_result(name, key, whole, results)
                asked = (rules[name], measured[name], native.get(name, []))
                site.renew_suite(name, _fingerprint(*asked), partial(_expectations, name, *asked))
            if ends_night or not site.has_index or not all(one.success for own in by_table.values() for one in own):
                site.renew_index()
    return successes


def _run_checkpoint(context: Any, rules: Rules, measured: dict[str, Numbers], run_name: str) -> tuple[Any, Any]:
    """Key and result of one validation for all tables: one batch, one suite, results without values.

    A definition a table would prepare the batch, and hold everything against the stores, once for each.
    """
    import great_expectations as gx

    batch = context.data_sources.add_pandas(name="metrics").add_dataframe_asset(name="one_row")
    expectations = [one for name, own in rules.items() for one in _of_numbers(name, own, measured[name])]
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(
            name="stage",
            data=batch.add_batch_definition_whole_dataframe("all"),
            suite=context.suites.add(gx.ExpectationSuite(name="stage", expectations=expectations)),
        )
    )
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(name="gate", validation_definitions=[definition], result_format=NO_VALUES)  # type: ignore[arg-type]
    )
    parameters = {"dataframe": _metrics_row(rules, measured)}
    result = checkpoint.run(batch_parameters=parameters, run_id=gx.RunIdentifier(run_name=run_name))
    found: tuple[Any, Any] = next(iter(result.run_results.items()))
    return found


def _metrics_row(rules: Rules, measured: dict[str, Numbers]) -> Any:
    import pandas as pd

    values = {_cell(name, rule): measured[name][rule.id] for name, own in rules.items() for rule in own}
    return pd.DataFrame({cell: pd.Series([value], dtype="float64") for cell, value in values.items()})


def _cell(name: str, rule: TableRule) -> str:
    return f"{name.replace('.', '__')}__{rule.id}"


def _by_table(rules: Rules, whole: Any) -> dict[str, list[Any]]:
    """Results of one validation by the table they are about, in the order of its rules."""
    found = {one.expectation_config.kwargs["column"]: one for one in whole.results}
    return {name: [found[_cell(name, rule)] for rule in own] for name, own in rules.items()}


def _shown(result: Any, numbers: Numbers) -> dict[str, Any]:
    """What a page says was found, in plain numbers: its renderer does not know those of NumPy.

    Where nothing could be measured the words say so; what the stand-in counted in our one row would only confuse.
    """
    if numbers[result.expectation_config.meta["rule"]] is None:
        return {}
    return {key: value.item() if hasattr(value, "item") else value for key, value in result.result.items()}


def _fingerprint(rules: list[TableRule], numbers: Numbers, native: list[NativeResult]) -> str:
    """Changes when the page of a suite would: with its rules, and with which of them could not be measured."""
    asked = [(rule.model_dump_json(), numbers[rule.id] is None, numbers.get("row_count") == 0) for rule in rules]
    return sha256(repr((asked, [found.rule.model_dump_json() for found in native])).encode()).hexdigest()


def _expectations(name: str, rules: list[TableRule], numbers: Numbers, native: list[NativeResult]) -> list[Any]:
    """What the page of a suite shows: the numbers of its table, and what is asked of its rows."""
    of_rows = [expectation_of(found.rule, **page_of(found.rule)) for found in native]
    return _of_numbers(name, rules, numbers) + of_rows


def _of_numbers(name: str, rules: list[TableRule], numbers: Numbers) -> list[Any]:
    """One expectation a rule, on the cell of our one row that holds its number."""
    import great_expectations.expectations as gxe

    made: list[Any] = []
    for rule in rules:
        # Great Expectations passes a missing number whatever the bounds: what must be known is asked for as such.
        is_unknown = numbers[rule.id] is None
        common = {
            "column": _cell(name, rule),
            "description": _breakable(rule.words) + (": no row or no value to measure" if is_unknown else ""),
            **page_of(rule),
        }
        if is_unknown and not _may_be_unknown(name, rule, numbers):
            made.append(gxe.ExpectColumnValuesToNotBeNull(**common))
        elif is_unknown:
            made.append(gxe.ExpectColumnValuesToBeNull(**common))
        else:
            # Of one row the largest value is the value; this expectation shows it on its page.
            made.append(gxe.ExpectColumnMaxToBeBetween(**common, min_value=rule.min, max_value=rule.max))
    return made


def _breakable(words: str) -> str:
    """Words that fit into a column of a page."""
    return words.replace("__", " ")


def _may_be_unknown(name: str, rule: TableRule, numbers: Numbers) -> bool:
    """Whether a number that could not be measured keeps the rule: the rule says so, or a table that may be empty has no row."""
    return rule.when_empty == "pass" or (table_of(name).may_be_empty and numbers.get("row_count") == 0)


def _successes(results: Iterable[Any]) -> dict[str, bool]:
    return {result.expectation_config.meta["rule"]: bool(result.success) for result in results}
