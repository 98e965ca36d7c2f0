"""Queries say what they mean: one column a line, branches of a union name their columns, lists come as lists."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.tokens import Token, TokenType

from conf.reading import ROOT
from jobs.lakehouse.lineage import output_names
from jobs.lakehouse.sqltext import parsed
from jobs.scoring.labels import QUERIES

TEXTS = {
    **{
        str(p.relative_to(ROOT)): p.read_text("utf-8")
        for d in ("sql", "jobs")
        for p in sorted((ROOT / d).rglob("*.sql"))
    },
    **QUERIES,
}
FILES = [name for name in TEXTS if Path(name).suffix]


def columns_on_one_line(text: str) -> list[int]:
    """Lines on which a column of a SELECT begins behind another one."""
    found, depth, selects = [], 0, []
    for token, following in itertools.pairwise(
        [*sqlglot.tokenize(text, read="spark"), Token(TokenType.SEMICOLON, ";")]
    ):
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        selects = [place for place in selects if place <= depth]
        if token.token_type == TokenType.SELECT:
            selects.append(depth)
        elif token.token_type == TokenType.FROM and depth in selects:
            selects.remove(depth)
        elif token.token_type == TokenType.COMMA and depth in selects and following.line == token.line:
            found.append(token.line)
    return found


def unnamed_branches(text: str) -> list[str]:
    """Columns that stand in a union by their place alone: their branch gives them another name, or none."""
    unions = parsed(text).find_all(exp.SetOperation)
    pairs = [(output_names(union.this), output_names(union.expression)) for union in unions]
    return [
        f"{found or 'no name'} for {wanted}"
        for one, other in pairs
        for wanted, found in zip(one, other, strict=True)
        if wanted != found
    ]


def joined_parameters(text: str) -> list[str]:
    """Parameters that a query takes apart: a list comes as an array, pairs as a map."""
    splits = parsed(text).find_all(exp.Split, exp.RegexpSplit, exp.StrToMap)
    return [split.sql("spark") for split in splits if split.find(exp.Placeholder)]


@pytest.mark.parametrize("name", FILES)
def test_a_column_stands_on_a_line(name):
    assert columns_on_one_line(TEXTS[name]) == []


@pytest.mark.parametrize("name", TEXTS)
def test_branches_of_a_union_name_their_columns(name):
    assert unnamed_branches(TEXTS[name]) == []


@pytest.mark.parametrize("name", TEXTS)
def test_parameters_are_not_taken_apart(name):
    assert joined_parameters(TEXTS[name]) == []


def test_there_are_queries_to_look_at():
    assert len(FILES) > 40
    assert sum(1 for text in TEXTS.values() for _ in parsed(text).find_all(exp.SetOperation)) > 10


@pytest.mark.parametrize(
    ("check", "text", "wanted"),
    [
        (columns_on_one_line, "SELECT\n  f(a, b),\n  (SELECT max(c) FROM t) AS c FROM t GROUP BY a, b", []),
        (columns_on_one_line, "SELECT a, b FROM t", [1]),
        (columns_on_one_line, "WITH x AS (\n  SELECT\n    a,\n    b, c\n  FROM t\n)\nSELECT * FROM x", [4]),
        (columns_on_one_line, "SELECT\n  a,\n  (SELECT b, c FROM t) AS d FROM t", [3]),
        (unnamed_branches, "SELECT a, b FROM t UNION ALL SELECT a, 0 FROM t", ["0 for b"]),
        (unnamed_branches, "SELECT a, b FROM t UNION ALL SELECT b, a FROM t", ["b for a", "a for b"]),
        (unnamed_branches, "SELECT a, 0 AS b FROM t UNION ALL SELECT c AS a, b FROM t", []),
        (joined_parameters, "SELECT split(:names, ',') FROM t", ["SPLIT(:names, ',')"]),
        (
            joined_parameters,
            "SELECT str_to_map(:pairs, ',', '=')[a], split(a, ',') FROM t",
            ["STR_TO_MAP(:pairs, ',', '=')"],
        ),
    ],
)
def test_query_of_another_shape_is_found(check, text, wanted):
    assert check(text) == wanted
