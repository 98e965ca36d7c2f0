"""The pages name only what exists: files, anchors, commands with their options, make targets, paths; and the site shows every page."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
import typer
import yaml

from conf.reading import ROOT
from jobs.cli import app

DOCS = ROOT / "docs"
PAGES = sorted(
    [ROOT / "README.md", ROOT / "expectations" / "README.md", ROOT / "simulator" / "README.md", *DOCS.rglob("*.md")]
)
WRITTEN = [page for page in PAGES if page.parent.name not in ("dictionary", "decisions")]  # decisions tell of their day
RUNBOOKS = sorted((ROOT / "dags").glob("*.py"))
OURS = ("conf", "dags", "docs", "expectations", "jobs", "models", "simulator", "sql", "supply", "tests")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_COMMAND = re.compile(r"\bclosedloop((?: +(?!\d)[a-z][a-z-]*)+)((?: +(?:-{1,2}[a-z-]*|[^\s`|]+))*)")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _without_code(text: str) -> str:
    return _CODE.sub("", text)


def _code(text: str) -> list[str]:
    """Every line of code of a page."""
    return [line for block in _CODE.findall(text) for line in block.strip("`").splitlines()]


@cache
def _anchors(page: Path) -> set[str]:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ +(.*?) *$", text, flags=re.MULTILINE)
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading.lower())).strip("-") for heading in headings}


def _nav(entries: list) -> list[str]:
    found: list[str] = []
    for entry in entries:
        for target in entry.values() if isinstance(entry, dict) else [entry]:
            found += _nav(target) if isinstance(target, list) else [target]
    return found


def _links(page: Path) -> list[str]:
    return [link for link in _LINK.findall(_without_code(page.read_text(encoding="utf-8"))) if "://" not in link]


def test_site_shows_every_page():
    nav = _nav(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    shown = {(DOCS / page).resolve() for page in nav}
    linked = {(page.parent / link.split("#")[0]).resolve() for page in shown for link in _links(page)}

    assert len(nav) > 15
    assert [_name(page) for page in DOCS.rglob("*.md") if page not in shown | linked] == []
    assert [page for page in nav if not (DOCS / page).is_file()] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_of_a_page_lead_somewhere(page):
    dead = []
    for link in _links(page):
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            dead.append(link)
        elif DOCS in page.parents and not target.is_relative_to(DOCS):
            dead.append(f"{link} (outside docs: the site has no such page)")

    assert dead == []


def _used_commands(text: str) -> list[tuple[str, str]]:
    """Command and options of each `closedloop ...` in code."""
    return [match.groups() for line in _code(text) for match in _COMMAND.finditer(line)]


def _fault(words: str, rest: str) -> str | None:
    """What is wrong with a command as a page writes it; words behind the command are its arguments."""
    command = typer.main.get_command(app)
    for word in words.split():
        inner = getattr(command, "commands", None)
        if inner is None:
            break
        if word not in inner:
            return f"no command {word}"
        command = inner[word]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    if command.name in ("bench", "simulate"):  # pass theirs on
        return None
    unknown = [option for option in re.findall(r"(?<!\S)--[a-z-]+", rest) if option not in known]
    return f"{command.name} has no {unknown}" if unknown else None


@pytest.mark.parametrize("page", [*WRITTEN, *RUNBOOKS], ids=_name)
def test_commands_of_a_page_exist(page):
    used = _used_commands(page.read_text(encoding="utf-8"))

    faults = [f"closedloop{words}{rest}: {fault}" for words, rest in used if (fault := _fault(words, rest))]

    assert faults == []


def test_commands_are_found_in_the_pages():
    found = {words.split()[0] for page in WRITTEN for words, _ in _used_commands(page.read_text(encoding="utf-8"))}

    assert {"status", "sql", "explain", "rollback", "night", "recall", "dictionary"} <= found
    assert all([_fault(" sql", " --limits 5"), _fault(" audience previews", ""), _fault(" nigth", "")])


@pytest.mark.parametrize("page", [page for page in WRITTEN if "make " in page.read_text(encoding="utf-8")], ids=_name)
def test_make_targets_of_a_page_exist(page):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    used = re.findall(r"(?<![\w-])make ([a-z][a-z-]*)", "\n".join(_code(page.read_text(encoding="utf-8"))))

    assert set(used) <= set(targets)


@pytest.mark.parametrize("page", [*WRITTEN, *sorted((DOCS / "dictionary").glob("*.md"))], ids=_name)
def test_paths_of_a_page_exist(page):
    spans = re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))
    paths = [span.rstrip("/") for span in spans if re.fullmatch(rf"(?:{'|'.join(OURS)})/[\w./-]*", span)]

    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_decision_stands_in_the_index():
    index = (DOCS / "decisions" / "index.md").read_text(encoding="utf-8")
    missing = [path.name for path in sorted((DOCS / "decisions").glob("2*.md")) if f"]({path.name})" not in index]

    assert missing == [], "add a row to docs/decisions/index.md"


def _questions() -> list[str]:
    return re.findall(r"```sql\n(.*?)```", (DOCS / "analysts.md").read_text(encoding="utf-8"), flags=re.DOTALL)


def test_questions_of_the_analysts_page_can_be_asked(settings):
    from jobs.lakehouse.query import query_tables

    answers = [query_tables(settings, question) for question in _questions()]

    assert len(answers) == 5
    assert all(answer.num_columns >= 3 for answer in answers)


def test_picture_of_the_architecture_is_the_one_configuration_gives():
    from jobs import diagram

    assert not diagram.is_stale(), "run `closedloop dictionary` and commit docs/architecture.svg"
