"""A code that a query or a Column compares with must be one its column may hold: a misspelt one would match nobody."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from conf.feeds import UNKNOWN, load_feeds
from conf.reading import ROOT
from conf.tables import load_tables
from jobs.lakehouse.sqltext import tables_in

SQL_FILES = sorted(path for folder in ("sql", "jobs") for path in (ROOT / folder).rglob("*.sql"))
PYTHON_FILES = sorted((ROOT / "jobs").rglob("*.py"))
_LITERALS = r"'[^']*'(?:\s*,\s*'[^']*')*"
# state = 'X', t.state <> 'X', coalesce(state, '') = 'X', coalesce(a, state) IN ('X', 'Y'), array_contains(states, 'X')
_COMPARED = re.compile(
    rf"\b(?:(?P<column>[a-z][a-z0-9_]*)(?:\s*,\s*'[^']*')?\)?)\s*(?:=|<>|!=|NOT\s+IN\s*\(|IN\s*\()\s*(?P<values>{_LITERALS})",
    re.IGNORECASE,
)
_CONTAINS = re.compile(rf"array_contains\(\s*(?:\w+\.)?(?P<column>\w+)\s*,\s*(?P<values>{_LITERALS})", re.IGNORECASE)
_WORD_OF = re.compile(
    r"word_of\('\w+',(?:[^()]|\([^()]*\))*\)"
)  # its words are held against conf/source_codes.yaml elsewhere
_CASED = re.compile(r"\bCASE\s+(?:\w+\.)?(?P<column>\w+)\s+(?P<body>WHEN\s+'.*?)\bEND\b", re.IGNORECASE | re.DOTALL)
_PYTHON = re.compile(
    r'F\.col\("(?P<column>\w+)"\)\s*(?:(?:==|!=)\s*(?P<value>"[^"]*")|\.isin\(\s*(?P<values>"[^"]*"(?:\s*,\s*"[^"]*")*))',
    re.DOTALL,
)


def known_codes(tables: set[str] | None = None, feeds: set[str] | None = None) -> dict[str, set[str]]:
    """Codes by column name, over the contracts and feeds named (all of them when none is)."""
    codes: dict[str, set[str]] = defaultdict(set)
    for name, table in load_tables().items():
        for column in table.columns if tables is None or name in tables else ():
            codes[column.name] |= set(column.codes)
    for name, feed in load_feeds().items():
        for field in feed.fields if feeds is None or name in feeds else ():
            codes[field.column] |= {*(field.allowed or ()), *([UNKNOWN] if field.error_action == "unknown" else [])}
    return {name: found for name, found in codes.items() if found}


def compared(text: str) -> list[tuple[str, str]]:
    """(column, literal) of every comparison in a query."""
    text = _WORD_OF.sub("(word)", re.sub(r"--[^\n]*", "", text))
    pairs = [
        (match["column"].lower(), match["values"]) for form in (_COMPARED, _CONTAINS) for match in form.finditer(text)
    ]
    for match in _CASED.finditer(text):
        pairs += [
            (match["column"].lower(), when) for when in re.findall(r"WHEN\s+('[^']*')", match["body"], re.IGNORECASE)
        ]
    return [(column, value) for column, listed in pairs for value in re.findall(r"'([^']*)'", listed)]


def misspelt(text: str) -> list[str]:
    """Comparisons of a query with a word that is no code of the column, where the query's own tables say the codes."""
    feeds = {match[1] for match in re.finditer(r"\b(?:as_of|month)_([a-z_]+)\b", text)}
    tables = [load_tables()[name] for name in tables_in(text) if name in load_tables()]
    near, anywhere = known_codes({table.name for table in tables}, feeds), known_codes()
    free = {column.name for table in tables for column in table.columns if not column.codes}
    return [
        f"{column} '{value}'"
        for column, value in compared(text)
        if value and column in anywhere and column not in free and value not in near.get(column, anywhere[column])
    ]


@pytest.mark.parametrize("path", SQL_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_query_compares_coded_columns_with_their_codes(path: Path):
    assert misspelt(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_column_expression_compares_coded_columns_with_their_codes(path: Path):
    codes = known_codes()
    found = [
        f"{match['column']} {value}"
        for match in _PYTHON.finditer(path.read_text(encoding="utf-8"))
        for value in re.findall(r'"([^"]*)"', match["value"] or match["values"])
        if match["column"] in codes and value not in codes[match["column"]]
    ]

    assert found == []


def test_queries_compare_with_codes_in_many_places():
    checked = [
        pair for path in SQL_FILES for pair in compared(path.read_text(encoding="utf-8")) if pair[0] in known_codes()
    ]

    assert len(checked) > 60


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("SELECT 1 FROM gold.contact_history WHERE response_code = 'ACEPT'", ["response_code 'ACEPT'"]),
        (
            "SELECT 1 FROM gold.contact_history AS c WHERE c.response_code IN ('ACCEPT', 'REFUSED')",
            ["response_code 'REFUSED'"],
        ),
        (
            "SELECT 1 FROM gold.contact_history WHERE coalesce(contact_class, channel_class, '') <> 'PASIVE'",
            ["channel_class 'PASIVE'"],
        ),
        ("SELECT 1 FROM gold.customer_360 WHERE array_contains(list_colours, 'BLAK')", ["list_colours 'BLAK'"]),
        (
            "SELECT CASE pay_type WHEN '1' THEN 'POSTPAID' WHEN '3' THEN 'PREPAID' END FROM as_of_subscription",
            ["pay_type '3'"],
        ),
        (
            "SELECT 1 FROM gold.customer_360 WHERE crbt_lifecycle_state = 'PROSPECT'",
            ["crbt_lifecycle_state 'PROSPECT'"],
        ),
        ("SELECT 1 FROM gold.lifecycle_state WHERE crbt_lifecycle_state = 'PROSPECT'", []),
    ],
)
def test_misspelt_code_in_a_query_is_found(query, wanted):
    assert misspelt(query) == wanted
