"""House rules as tests: who may import whom, and what nobody may call."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conf.reading import ROOT

OURS = ("conf", "sql", "simulator", "jobs", "models", "expectations", "dags", "tests")
PACKAGES = ("conf", "jobs", "models", "expectations", "simulator", "dags")
STAGES = ("ingest", "view", "scoring", "targeting", "responses", "evaluation", "maintenance")
NIGHTLY = STAGES[:-1]  # maintenance cares for what all of them leave behind
ARROW_AND_NUMBERS = ("pyspark", "mlflow", "great_expectations")

# Folder -> top-level or dotted names it must never import. The reasons: data and imports flow one way.
FORBIDDEN = {
    "conf": (
        "jobs",
        "models",
        "expectations",
        "simulator",
        "dags",
        "pyspark",
        "pyarrow",
        "mlflow",
        "great_expectations",
    ),
    "simulator": ("jobs", "models", "expectations", "dags", "pyspark", "mlflow"),
    "models": ("jobs", "dags", "simulator", "expectations"),
    "expectations": ("models", "dags", "simulator", *(f"jobs.{stage}" for stage in STAGES)),
    "jobs/lakehouse": (
        "models",
        "expectations",
        "dags",
        "simulator",
        "jobs.rules",
        *(f"jobs.{stage}" for stage in STAGES),
    ),
    "jobs/servers": (
        *(f"jobs.{part}" for part in (*STAGES, "catalogue", "stack", "commands", "watch")),
        "dags",
        "simulator",
    ),
    "jobs/stack": ("jobs.commands", "jobs.cli", "dags", "simulator"),
    "dags": (
        "simulator",
        "models",
        "expectations",
        *(f"jobs.{stage}" for stage in STAGES if stage != "targeting"),
    ),  # approvals
    "jobs/rules": (
        "jobs.lakehouse",
        "models",
        "expectations",
        "dags",
        "simulator",
        *(f"jobs.{stage}" for stage in STAGES),
    ),
    "jobs/people": (  # what stages share about persons knows none of them
        "models",
        "expectations",
        "dags",
        "simulator",
        "jobs.privacy",
        "jobs.rekey",
        *(f"jobs.{stage}" for stage in STAGES),
    ),
    "jobs": ("dags", "simulator", "tests"),
}
BANNED_METHODS = {
    "show": "frames are for tables, not for screens",
    "udf": "rules are Column expressions",
    "inferSchema": "types come from contracts",
}
CLOCK = {("date", "today"), ("datetime", "today"), ("datetime", "now"), ("datetime", "utcnow"), ("time", "time")}
# The few places with a reason to differ.
# A person's decision, look or question about a person carries the moment it was taken, a key the one it was first used,
# an alert the one it was raised.
KNOWS_THE_TIME = (
    *("jobs/targeting/approval.py", "jobs/scoring/promoted.py", "jobs/people/person_lookup.py"),
    *("jobs/people/quarantine_access.py", "jobs/lakehouse/keys.py", "jobs/lakehouse/alerts.py"),
)
TALKS_TO_PEOPLE = ("cli.py", "commands", "show.py", "stack", "servers", "bench.py")
# Parts of a log that move up by one; the data of a database that moves out of root's home.
MOVE_WHAT_STANDS = {"jobs/lakehouse/server_logs.py", "jobs/servers/postgres_server.py"}


def _files(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _is_below(name: str, banned: str) -> bool:
    return name == banned or name.startswith(banned + ".")


def _run_time_tree(path: Path) -> ast.Module:
    """The file without what only the type checker reads."""
    tree = _tree(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    return tree


@pytest.mark.parametrize(
    ("folder", "path"), [pytest.param(f, p, id=f"{f}:{_name(p)}") for f in FORBIDDEN for p in _files(f)]
)
def test_imports_flow_one_way(folder, path):
    found = {
        f"line {line}: {name}"
        for line, name in _imports(_run_time_tree(path))
        for banned in FORBIDDEN[folder]
        if _is_below(name, banned)
    }

    assert not found, f"{folder}/ must never import these (style: imports flow one way)"


def test_no_package_imports_one_that_imports_it():
    edges: dict[str, set[str]] = {}
    for package in PACKAGES:
        for path in _files(package):
            own = _package(_name(path).removesuffix(".py").replace("/", "."))
            named = {_package(name) for _, name in _imports(_run_time_tree(path)) if name.split(".")[0] in PACKAGES}
            edges.setdefault(own, set()).update(named - {own})
    assert len(edges) > 15, "floor: packages were found"
    assert "jobs.lakehouse" in edges["jobs.catalogue"], "floor: imports inside functions count"

    circles = [
        f"{one} <-> {other}" for one in sorted(edges) for other in sorted(edges[one]) if one in _reached(edges, other)
    ]

    assert circles == [], "what both need moves down, into a package that knows neither"


def _package(module: str) -> str:
    """`jobs.view` of jobs.view.job, `models` of models.training."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "jobs" else parts[0]


def _reached(edges: dict[str, set[str]], begin: str) -> set[str]:
    """Packages that one imports, and those that these import."""
    found, todo = set(), [begin]
    while todo:
        for package in edges.get(todo.pop(), set()) - found:
            found.add(package)
            todo.append(package)
    return found


@pytest.mark.parametrize("path", [p for stage in NIGHTLY for p in _files(f"jobs/{stage}")], ids=_name)
def test_a_stage_imports_no_other_stage(path):
    own = path.relative_to(ROOT).parts[1]
    others = [f"jobs.{stage}" for stage in STAGES if stage != own]

    found = {name for _, name in _imports(_run_time_tree(path)) for other in others if _is_below(name, other)}

    assert not found, "stages meet in tables, or in jobs/rules, jobs/people and jobs/lakehouse"


@pytest.mark.parametrize("path", _files("dags"), ids=_name)
def test_dag_file_is_cheap_to_read(path):
    heavy = ("pyspark", "pandas", "mlflow", "great_expectations", "jobs", "models", "expectations")
    at_the_top = [node for node in _tree(path).body if isinstance(node, (ast.Import, ast.ImportFrom))]

    found = {name for node in at_the_top for _, name in _imports(node) for banned in heavy if _is_below(name, banned)}

    assert not found


@pytest.mark.parametrize(
    ("library", "homes"),
    [("mlflow", ("models/registry", "models/registry.py")), ("great_expectations", ("expectations",))],
)
def test_library_has_one_importer(library, homes):
    found = [
        _name(path)
        for folder in ("jobs", "models", "expectations", "conf", "dags", "simulator")
        for path in _files(folder)
        if any(_is_below(name, library) for _, name in _imports(_tree(path)))
        and not any(_name(path).startswith(home) for home in homes)
    ]

    assert found == []


@pytest.mark.parametrize("path", [*_files("jobs"), *_files("models")], ids=_name)
def test_nothing_asks_the_clock_prints_or_steps_round_spark_connect(path):
    talks = any(part in TALKS_TO_PEOPLE for part in path.parts) or _name(path) in KNOWS_THE_TIME
    problems = []
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call):
            problems += _problems_of_call(node, talks)
        if isinstance(node, ast.Attribute) and node.attr in ("sparkContext", "rdd", "_jvm", "_jdf") and not talks:
            problems.append(f"line {node.lineno}: {node.attr} is not there over Spark Connect")

    assert problems == [] or _is_the_session(path, problems)


@pytest.mark.parametrize(
    ("call", "homes"),
    [
        *(("os." + call, ("conf/files.py",)) for call in ("replace(", "rename(", "link(", "O_EXCL")),
        *((call, ()) for call in ("NamedTemporaryFile", "mkstemp", "shutil.move")),
        # into a scratch folder of its own
        (".write_text(", ("jobs/ingest/bench.py",)),
        *((call, ("jobs/lakehouse/managed_process.py",)) for call in ("Popen(", "start_new_session", "send_signal(")),
        ("os.killpg", ()),
        ("session_members(", ("jobs/lakehouse/process_mark.py",)),
        ("create_time", ("jobs/lakehouse/process_mark.py",)),
        ("RotatingFileHandler", ()),
    ],
)
def test_one_helper_writes_whole_files_and_one_knows_a_process_again(call, homes):
    found = {
        _name(path)
        for folder in ("conf", "jobs", "models", "expectations", "simulator")
        for path in _files(folder)
        if call in path.read_text(encoding="utf-8")
    }

    assert found == set(homes)


def test_one_helper_renames_what_it_has_written():
    """Of files and folders; a method of frames takes a mapping."""
    moves = {
        _name(path)
        for folder in PACKAGES
        for path in _files(folder)
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("rename", "replace")
        and len(node.args) == 1
        and not node.keywords
        and not isinstance(node.args[0], (ast.Dict, ast.DictComp))
    }

    assert moves == MOVE_WHAT_STANDS


def _is_the_session(path: Path, problems: list[str]) -> bool:
    # The one classic session of the tests may set its own log level.
    return _name(path) == "jobs/lakehouse/session.py" and all("sparkContext" in problem for problem in problems)


def _problems_of_call(node: ast.Call, talks: bool) -> list[str]:
    called = node.func
    if isinstance(called, ast.Name) and called.id == "print" and not talks:
        return [f"line {node.lineno}: print"]
    if not isinstance(called, ast.Attribute):
        return []
    owner = called.value.id if isinstance(called.value, ast.Name) else ""
    if called.attr in BANNED_METHODS and not talks:
        return [f"line {node.lineno}: .{called.attr}( ({BANNED_METHODS[called.attr]})"]
    if (owner, called.attr) in CLOCK and not talks:
        return [f"line {node.lineno}: {owner}.{called.attr}() (dates are arguments)"]
    return _text_conditions(node, called)


def _text_conditions(node: ast.Call, called: ast.Attribute) -> list[str]:
    """Text put together at run time could carry anything into Spark; such conditions are Columns."""
    takes_text = called.attr in ("filter", "where", "selectExpr", "expr")
    if takes_text and any(isinstance(argument, ast.JoinedStr) for argument in node.args):
        return [f"line {node.lineno}: .{called.attr}(text put together at run time)"]
    return []


@pytest.mark.parametrize(
    "path", [p for f in ("conf", "jobs", "models", "expectations", "simulator") for p in _files(f)], ids=_name
)
def test_file_says_what_it_is_for_and_stays_readable(path):
    tree = _tree(path)
    lines = path.read_text(encoding="utf-8").count("\n")
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno - node.lineno + 1 > 75
    ]

    assert ast.get_docstring(tree), "one sentence at the top"
    assert lines <= 400, "one subject a file"
    assert long == [], "a function is one thought"


@pytest.mark.parametrize("folder", ["conf", "jobs", "expectations", "models", "dags"])
def test_places_are_joined_and_tables_opened_in_one_room(folder):
    asks = re.compile(
        r"""(?<!open_)DeltaTable(?:\.is_deltatable)?\(|home\s*/\s*["'](?:lake|landing|exports)|home\.joinpath\(["'](?:lake|landing|exports)"""
    )

    found = [_name(path) for path in _files(folder) if asks.search(path.read_text(encoding="utf-8"))]

    assert found == (["jobs/lakehouse/places.py"] if folder == "jobs" else [])


def test_the_formatter_is_never_switched_off():
    off = re.compile("# fmt" + ": (?:skip|off)")

    assert [_name(path) for folder in OURS for path in _files(folder) if off.search(path.read_text())] == []
