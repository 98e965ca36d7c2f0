"""A coded value stands on the column that holds it: contracts name its codes, and Python writes and asks for no other."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from conf.reading import ROOT
from conf.tables import load_tables

FILES = sorted(path for folder in ("jobs", "models") for path in (ROOT / folder).rglob("*.py"))
_CODED = re.compile(
    r"(^|_)(code|codes|status|state|verdict|type|class|level|kind|colour|colours|severity|direction|style|scheme|decision|step)$"
)
# Text columns of such a name that hold no code, and what they hold.
NO_CODES = {"ops.run_metric.step": "a step inside a stage, or a list or feed it is about"}
# Words of answers and notes that stand in no table.
OF_NO_TABLE = {
    "verdict NOT_SELECTED": "closedloop explain: the campaign did not select the customer, so no decision was written",
    "status PUBLISHED": "summary of a run of targeting",
    "status FROZEN": "summary of a run of targeting",
    "state RELEASING": "a note in sent/",
}
_WORD = re.compile(r"^[A-Z][A-Z0-9_]+$")


def test_every_coded_text_column_says_its_codes():
    columns = {
        f"{name}.{column.name}": column
        for name, table in load_tables().items()
        if table.layer != "bronze"  # follows from the feeds, whose codes are the sender's
        for column in table.columns
        if column.type in ("string", "array<string>") and _CODED.search(column.name)
    }

    silent = [place for place, column in columns.items() if not (column.codes or column.open_codes)]
    assert set(silent) == set(NO_CODES), "values, values_from, or open_codes when they are the sender's"
    assert len(columns) > 90


def _codes() -> dict[str, set[str]]:
    """Codes by column name over all contracts that name any."""
    found: dict[str, set[str]] = defaultdict(set)
    for table in load_tables().values():
        for column in table.columns:
            found[column.name] |= set(column.codes)
    return {name: codes for name, codes in found.items() if codes}


class _Constants:
    """Module-level texts and tuples of texts of a file, those it imports from the project among them."""

    def __init__(self, tree: ast.Module):
        self.known: dict[str, tuple[str, ...]] = {}
        for node in tree.body:
            if (
                isinstance(node, ast.ImportFrom)
                and node.module
                and node.module.split(".")[0] in ("jobs", "models", "conf")
            ):
                self._take_imported(node)
            if isinstance(node, ast.Assign):
                self._take(node.targets[0], node.value)

    def _take_imported(self, node: ast.ImportFrom) -> None:
        path = ROOT / f"{str(node.module).replace('.', '/')}.py"
        if path.is_file():
            there = _constants_of(path).known
            self.known |= {alias.asname or alias.name: there[alias.name] for alias in node.names if alias.name in there}

    def _take(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for one, its in zip(target.elts, value.elts, strict=True):
                self._take(one, its)
        elif isinstance(target, ast.Name) and (words := self.words(value)):
            self.known[target.id] = words

    def words(self, node: ast.expr) -> tuple[str, ...]:
        """Upper-case words an expression stands for; nothing where it is no constant."""
        if isinstance(node, ast.Constant):
            return (node.value,) if isinstance(node.value, str) and _WORD.match(node.value) else ()
        if isinstance(node, ast.Name):
            return self.known.get(node.id, ())
        if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            return tuple(word for element in node.elts for word in self.words(element))
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("list", "set", "sorted")
            and node.args
        ):
            return self.words(node.args[0])
        if isinstance(node, ast.IfExp):
            return self.words(node.body) + self.words(node.orelse)
        return ()


_SEEN: dict[Path, _Constants] = {}


def _constants_of(path: Path) -> _Constants:
    if path not in _SEEN:
        _SEEN[path] = _Constants(ast.parse(path.read_text(encoding="utf-8")))
    return _SEEN[path]


def _column_of(node: ast.expr) -> ast.expr | None:
    """What names the column in row["column"] or field("column")."""
    if isinstance(node, ast.Subscript):
        return node.slice
    is_field = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "field"
    return node.args[0] if is_field and node.args else None


def _is_equal(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr == "equal" and len(node.args) == 2


def used(text: str, constants: _Constants | None = None) -> Iterator[tuple[str, str]]:
    """(column, word) of every comparison row["column"] == WORD, filter ("column", "in", WORDS) and row {"column": WORD}.

    And of whole columns: pc.equal(rows["column"], WORD) and field("column") == WORD.
    """
    tree = ast.parse(text)
    constants = constants or _Constants(tree)
    for node in ast.walk(tree):
        pairs: list[tuple[ast.expr, ast.expr]] = []
        if isinstance(node, ast.Compare):
            column = _column_of(node.left)
            pairs = [(column, other) for other in node.comparators if column is not None]
        elif isinstance(node, ast.Call) and _is_equal(node) and isinstance(node.args[0], ast.Subscript):
            pairs = [(node.args[0].slice, node.args[1])]
        elif isinstance(node, ast.Tuple) and len(node.elts) == 3:
            pairs = [(node.elts[0], node.elts[2])]
        elif isinstance(node, ast.Dict):
            pairs = [(key, value) for key, value in zip(node.keys, node.values, strict=True) if key is not None]
        for column, value in pairs:
            if isinstance(column, ast.Constant) and isinstance(column.value, str):
                yield from ((column.value, word) for word in constants.words(value))


def misspelt(text: str, constants: _Constants | None = None) -> list[str]:
    """Words that are no code of their column, but those of answers and notes."""
    codes = _codes()
    pairs = [(column, word) for column, word in used(text, constants) if column in codes and word not in codes[column]]
    return [f"{column} {word}" for column, word in pairs if f"{column} {word}" not in OF_NO_TABLE]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_code_in_python_is_one_its_column_may_hold(path: Path):
    assert misspelt(path.read_text(encoding="utf-8"), _constants_of(path)) == []


def test_python_uses_codes_in_many_places():
    codes = _codes()
    found = [
        pair
        for path in FILES
        for pair in used(path.read_text(encoding="utf-8"), _constants_of(path))
        if pair[0] in codes
    ]

    assert len(found) > 40
    assert {"status", "verdict", "kind", "decision"} <= {column for column, _ in found}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('ok = row["status"] in ("LANDED", "SUPERCEDED")', ["status SUPERCEDED"]),
        ('GONE = ("REFUSD", "CLOSED")\nfilters = [("status", "in", list(GONE))]', ["status REFUSD"]),
        ('row = {"verdict": "PROMOTD" if better else "REFUSED"}', ["verdict PROMOTD"]),
        ('MSISDN = "MSISDNN"\nasked = field("kind") == MSISDN', ["kind MSISDNN"]),
        ('held = rows.filter(pc.equal(rows["verdict"], "CONTROLL"))', ["verdict CONTROLL"]),
        ('from jobs.lakehouse.file_states import LOADED\nok = row["status"] in LOADED', []),
    ],
)
def test_misspelt_code_in_python_is_found(text, wanted):
    assert misspelt(text) == wanted
