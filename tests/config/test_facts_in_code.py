"""Facts of the operator's business stand under conf/ alone: no product, channel, campaign, plan or network by its id in code or SQL.

Names of columns that carry a service's name (has_crbt, newspaper_issues_30d) are contracts and no ids.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conf.campaigns import load_campaigns
from conf.channels import load_channels
from conf.codes import load_hotlines, load_source_codes
from conf.numbering import load_numbering
from conf.products import load_products
from conf.reading import ROOT, read_yaml
from conf.responses import load_response_rules
from conf.view import load_view_rules

FOLDERS = ("jobs", "models", "sql", "expectations", "dags")
SUFFIXES = (".py", ".sql", ".yaml", ".j2")
FILES = sorted(
    path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES and path.is_file()
)
# file: ids it may name, and why.
ALLOWED: dict[str, dict[str, str]] = {}
_QUOTED = re.compile(r"'([^'\n]*)'")
# word_of('LIST', code) = 'WORD': a word of conf/source_codes.yaml, held against its list elsewhere.
_WORDS = re.compile(r"word_of\('\w+',(?:[^()]|\([^()]*\))*\)\s*(?:=|<>|IN\s*\()\s*'[^']*'(?:\s*,\s*'[^']*')*")


def ids() -> dict[str, str]:
    """Every id of the business data and what it is."""
    hotlines = load_hotlines()
    found = dict.fromkeys(load_products(), "product")
    found |= dict.fromkeys(load_channels(), "channel")
    found |= dict.fromkeys((*load_campaigns(), *load_response_rules().earlier_campaigns), "campaign")
    found |= dict.fromkeys(load_source_codes()["OPERATOR"], "code of a network")
    found |= dict.fromkeys(load_source_codes()["SERVICE_PREFIX"], "code of a service")
    found |= dict.fromkeys(load_numbering().service_prefixes, "number of a service")
    found |= {line.number: "number of a competitor" for line in hotlines.hotlines}
    return found | {hotlines.own_hotline: "number of a service"}


def texts_of(path: Path, text: str) -> Iterator[str]:
    """Texts a file holds as data: literals of Python and of the SQL in it, of SQL, values of YAML; no comments, no docstrings."""
    if path.suffix == ".py":
        tree = ast.parse(text)
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
        doc = {
            id(n.body[0].value)
            for n in ast.walk(tree)
            if isinstance(n, documented) and n.body and isinstance(n.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in doc:
                yield node.value
                yield from _QUOTED.findall(re.sub(r"--[^\n]*", "", node.value))
    elif path.suffix == ".yaml":
        yield from _values(read_yaml(path) if path.is_file() else {})
    else:
        yield from _QUOTED.findall(_WORDS.sub("", re.sub(r"--[^\n]*", "", text)))


def _values(node: Any) -> Iterator[str]:
    """Texts of a contract or suite but its words for people; the codes a column may hold (`values`) are the column's own."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in ("description", "reason", "title") and not (key == "values" and isinstance(value, dict)):
                yield from _values(value)
    elif isinstance(node, list):
        for value in node:
            yield from _values(value)
    elif isinstance(node, str):
        yield node


def named(path: Path, text: str) -> set[str]:
    """Ids of the business data a file names."""
    known, prefix = ids(), load_view_rules().orders.plan_prefix
    found = {each.rstrip("%") for each in texts_of(path, text)}
    plans = {each for each in found if re.fullmatch(rf"{re.escape(prefix)}\w*", each)}
    return {each for each in found if each in known} | plans


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_id_of_the_business_stands_in_code(path: Path):
    allowed = ALLOWED.get(str(path.relative_to(ROOT)), {})

    wrong = sorted(
        f"{name} ({ids().get(name, 'plan')})" for name in named(path, path.read_text("utf-8")) - set(allowed)
    )
    assert wrong == [], "a fact of the business: conf/view.yaml, conf/source_codes.yaml or the file of its subject"


def test_the_search_looks_at_all_code_and_knows_all_ids():
    assert len(FILES) > 300
    assert len(ids()) > 30
    for place, kept in ALLOWED.items():
        assert set(kept) == named(ROOT / place, (ROOT / place).read_text("utf-8")), "nothing to allow any more"


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("job.py", 'PAPER = "NEWSPAPER"', {"NEWSPAPER"}),
        ("job.py", '"""OUTBOUND in a docstring"""\n# SMS in a comment\nx = "by SMS or MMS"', set()),
        ("job.py", "QUERY = \"SELECT 1 FROM t WHERE channel_code = 'OUTBOUND'\"", {"OUTBOUND"}),
        ("job.py", 'F.col("product_id").startswith("PLAN_")', {"PLAN_"}),
        ("query.sql", "SELECT 1 -- 'SMS'\nWHERE opp_operator <> 'CMCC' AND plan_id = 'PLAN_88'", {"CMCC", "PLAN_88"}),
        ("query.sql", "SELECT 1 WHERE svc_code LIKE 'NEWS%' AND campaign_id = 'CRBT_SAVE'", {"NEWS", "CRBT_SAVE"}),
        ("query.sql", "SELECT word_of('BILL_ITEM', item_group) = 'MMS', other = 'MMS'", {"MMS"}),
        ("query.sql", "SELECT word_of('BILL_ITEM', item_group) = 'MMS'", set()),
    ],
)
def test_planted_ids_are_found(name, text, wanted):
    assert named(Path(name), text) == wanted
