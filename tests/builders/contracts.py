"""Contracts of a test's own tables."""

from __future__ import annotations

from typing import Any

from conf.tables import Table


def contract_text(name: str, columns: dict[str, str], **more: Any) -> dict[str, Any]:
    """A contract as its file would say it: columns with their types, the first one the key; `more` adds to it or changes it."""
    return {
        "table": name,
        "description": "x",
        "grain": "x",
        "owner": "x",
        "stage": "scoring",
        "made_by": "jobs.scoring.job:customer_score",
        "key": [next(iter(columns))],
        "columns": [{"name": column, "type": kind, "description": "x"} for column, kind in columns.items()],
        **({} if "retention_days" in more else {"keep": "forever"}),
        **more,
    }


def a_contract(name: str, columns: dict[str, str], **more: Any) -> Table:
    """The same as the typed contract."""
    return Table.model_validate(contract_text(name, columns, **more))
