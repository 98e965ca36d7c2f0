"""The page of a validation as its readers look for it: one table of all rules, the broken first, each with bounds and reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from great_expectations.render import RenderedSectionContent
from great_expectations.render.renderer.column_section_renderer import ValidationResultsColumnSectionRenderer
from great_expectations.render.renderer.content_block import ValidationResultsTableContentBlockRenderer
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

BESIDE_A_RULE = ("bounds", "reason", "severity")  # of meta.attributes


class RulePage(ValidationResultsPageRenderer):
    """Page of a validation whose rules stand in one section instead of one for each number."""

    def _collect_rendered_document_content_sections(
        self, validation_results: Any, overview_content_blocks: Any, collapse_content_blocks: Any, columns: Any
    ) -> list[RenderedSectionContent]:
        broken_first = sorted(validation_results.results, key=lambda result: bool(result.success))
        overview = RenderedSectionContent(section_name="Overview", content_blocks=overview_content_blocks)
        return [overview, self._column_section_renderer.render(broken_first, validation_results.suite_parameters)]


class RuleSection(ValidationResultsColumnSectionRenderer):
    """The one section: its table names the columns, as no header does."""

    @classmethod
    def _get_column_name(cls, ge_object: Any) -> str:
        return "Rules"

    def _render_table(self, validation_results: Any, suite_parameters: Any = None) -> Any:
        renderer: Any = self._table_renderer
        table = renderer.render(validation_results, include_column_name=True, suite_parameters=suite_parameters)
        return [], table


class RuleTable(ValidationResultsTableContentBlockRenderer):
    """The table: status, rule, observed value, and beside them bounds, reason and severity."""

    @classmethod
    def _process_content_block(cls, content_block: Any, has_failed_evr: bool, render_object: Any = None) -> None:
        super()._process_content_block(content_block, has_failed_evr)
        content_block.header_row += [name.capitalize() for name in BESIDE_A_RULE]

    @classmethod
    def _get_content_block_fn(cls, expectation_type: str, expectation_config: Any = None) -> Callable:
        rows_of = super()._get_content_block_fn(expectation_type, expectation_config)

        def _rows(configuration: Any = None, result: Any = None, **how: Any) -> list:
            shown = (result.expectation_config.meta or {}).get("attributes", {})
            rows = rows_of(configuration=configuration, result=result, **how)  # type: ignore[misc]
            return [row + [str(shown.get(name, "")) for name in BESIDE_A_RULE] for row in rows]

        return _rows
