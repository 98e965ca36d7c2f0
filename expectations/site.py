"""The Data Docs on disk: a page for each result, a page for each suite when it changed, and the first page that lists them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import great_expectations as gx
from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.data_context.store import ValidationResultsStore
from great_expectations.data_context.store.html_site_store import SiteSectionIdentifier
from great_expectations.data_context.types.resource_identifiers import (
    ExpectationSuiteIdentifier,
    ValidationResultIdentifier,
)
from great_expectations.render.renderer.site_builder import DefaultSiteIndexBuilder, SiteBuilder

from conf.files import write_whole
from conf.gate import load_gate_limits
from expectations.pages import lay_assets

_VIEWS = {"module_name": "expectations.pages"}
_PAGE, _INDEX = _VIEWS | {"class_name": "OfflinePage"}, _VIEWS | {"class_name": "OfflineIndex"}
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


class DataDocs:
    """The site below one folder. Great Expectations renders each page; only what is new is rendered.

    Its own builder would read every result of the past again for each first page, and list all of them on it.
    """

    def __init__(self, docs: Path, context: Any):
        self._docs = docs
        self._results = ValidationResultsStore(store_backend=_files(docs / "gx" / "results"))
        self._site = SiteBuilder(
            context,
            store_backend=_files(docs),
            site_name="pages",
            show_how_to_buttons=False,
            site_index_builder={"module_name": "expectations.site", "class_name": "NewestResults", "view": _INDEX},
            site_section_builders={
                "expectations": {"view": _PAGE},
                "validations": {"view": _PAGE, "renderer": RULE_PAGE},
                "profiling": "None",
            },
        )
        self._site.site_index_builder.results = self._results

    def add_result(self, name: str, key: ValidationResultIdentifier, whole: Any, results: list[Any]) -> None:
        """Keep the results of one table, part of one validation, and write their page."""
        held = sum(bool(one.success) for one in results)
        part = ExpectationSuiteValidationResult(
            success=held == len(results),
            results=results,
            suite_name=name,
            statistics={
                "evaluated_expectations": len(results),
                "successful_expectations": held,
                "unsuccessful_expectations": len(results) - held,
                "success_percent": 100.0 * held / len(results) if results else None,
            },
            meta=dict(whole.meta),
            batch_id=whole.batch_id,
        )
        own = ValidationResultIdentifier(ExpectationSuiteIdentifier(name), key.run_id, key.batch_identifier)
        self._results.set(own, part)
        self._write("validations", own, part)

    def renew_suite(self, name: str, fingerprint: str, expectations: Callable[[], list[Any]]) -> None:
        """Write the page of a suite, unless the one that is there shows the same."""
        noted = self._docs / "gx" / "suites" / f"{name}.sha256"
        wanted = f"{fingerprint} {gx.__version__}"
        if noted.is_file() and noted.read_text(encoding="utf-8") == wanted:
            return
        suite = gx.ExpectationSuite(name=name, expectations=expectations())
        self._write("expectations", ExpectationSuiteIdentifier(name), suite)
        write_whole(noted, wanted)

    def _write(self, section: str, key: Any, shown: Any) -> None:
        builder = self._site.site_section_builders[section]
        page = builder.view_class.render(builder.renderer_class.render(shown), show_how_to_buttons=False)
        store: Any = self._site.target_store
        store.set(SiteSectionIdentifier(section, key), page)

    @property
    def has_index(self) -> bool:
        """Whether the first page was written yet."""
        return (self._docs / "index.html").is_file()

    def renew_index(self) -> None:
        """Write the first page, and the files every page loads when they are not there."""
        if not (self._docs / "static" / "images").is_dir():
            self._site.target_store.copy_static_assets()
        lay_assets(self._docs)
        self._site.site_index_builder.build(skip_and_clean_missing=False)


class NewestResults(DefaultSiteIndexBuilder):
    """The first page: all suites, and the newest results (index_results_max of conf/gate.yaml)."""

    results: ValidationResultsStore

    def _add_validations_to_index_links(
        self, index_links_dict: Any, validation_and_profiling_result_site_keys: Any
    ) -> None:
        """Links of the newest results; of each only what its link says is read."""
        files: Any = self.results.store_backend
        add: Any = self.add_resource_info_to_index_links_dict
        keys = sorted(validation_and_profiling_result_site_keys, key=lambda key: key.run_id.run_time, reverse=True)
        for key in keys[: load_gate_limits().index_results_max]:
            if not self.results.has_key(key):
                continue
            told = json.loads(files.get(key.to_tuple()))
            add(
                index_links_dict,
                key.expectation_suite_identifier.name,
                "validations",
                batch_identifier=key.batch_identifier,
                run_id=key.run_id,
                validation_success=told["success"],
                run_time=key.run_id.run_time,
                run_name=key.run_id.run_name,
                asset_name=told["meta"]["active_batch_definition"]["data_asset_name"],
                batch_spec=told["meta"]["batch_spec"],
            )


def _files(folder: Path) -> dict[str, str]:
    return {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)}
