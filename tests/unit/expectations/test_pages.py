"""The Data Docs load nothing from elsewhere: each script, style and picture a page asks for lies beside it."""

from __future__ import annotations

import logging
import re
from html import unescape
from pathlib import Path

import pytest

from conf.gate import load_gate_limits
from expectations import pages
from expectations.gate import judge
from expectations.suites import rules_of

LOADED = re.compile(r"""<(?:script|img|link)\b[^>]*?\b(?:src|href)=["']([^"']+)["']|url\(["']?([^"')]+)["']?\)""")
TABLE = "gold.control_share"


@pytest.fixture(scope="module")
def docs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    rules = rules_of(TABLE)
    numbers = {rule.id: rule.min if rule.min is not None else rule.max for rule in rules}
    assert all(verdict.success for verdict in judge({TABLE: numbers}, folder, "targeting 2026-03-10"))
    return folder


def shown(page: str) -> str:
    """The words of a page."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"</?[a-zA-Z][^>]*>", " ", page)))


def test_every_page_finds_what_it_loads_beside_it(docs):
    found, loads = sorted(docs.rglob("*.html")), 0
    assert {page.relative_to(docs).parts[0] for page in found} == {"index.html", "expectations", "validations"}
    for page in found:
        text = page.read_text(encoding="utf-8")
        for place in filter(None, (one for match in LOADED.findall(text) for one in match)):
            if place.startswith(("data:", "#")):
                continue
            assert "://" not in place, f"{page.name} loads {place}"
            assert (page.parent / place.split("?")[0]).is_file(), f"{page.name} loads {place}"
            loads += 1
    assert loads >= 3 * 10


def test_icons_bring_their_letters(docs):
    style = next(docs.rglob("all.min.css"))
    fonts = {name for name in re.findall(r"url\(([^)]+\.woff2)\)", style.read_text()) if "v4" not in name}
    assert len(fonts) == 3
    assert all((style.parent / name).is_file() for name in fonts)


def test_a_page_shows_each_rule_with_its_reason_and_what_was_observed(docs):
    page = next((docs / "validations").rglob("*.html")).read_text(encoding="utf-8")
    rules, text = rules_of(TABLE), shown(page)
    assert len(rules) >= 3
    for rule in rules:
        assert rule.words.replace("__", " ") in text
        assert rule.bounds in text
        assert rule.reason.split("'")[0] in page
    assert "--" not in re.sub(r"<!--.*?-->", "", page.split("Observed Value", 1)[1])


def test_red_rule_stands_first_and_says_in_its_row_what_was_wanted_and_why(tmp_path):
    rules = rules_of(TABLE)
    broken, unknown = rules[-1], rules[0]
    numbers = {rule.id: rule.min if rule.min is not None else rule.max for rule in rules}
    numbers |= {broken.id: 7777.0 if broken.max is not None else -7777.0, unknown.id: None}

    verdicts = judge({TABLE: numbers}, tmp_path, "targeting 2026-03-10")

    assert {verdict.rule.id for verdict in verdicts if not verdict.success} == {broken.id, unknown.id}
    page = next((tmp_path / "validations").rglob("*.html")).read_text(encoding="utf-8")
    rows = [shown(row) for row in re.findall(r"<tr[^>]*>.*?</tr>", page, re.DOTALL)]
    (head,) = [number for number, row in enumerate(rows) if "Observed Value" in row]
    assert rows[head].split() == ["Status", "Expectation", "Observed", "Value", "Bounds", "Reason", "Severity"]
    red = "".join(rows[head + 1 : head + 3])
    for said in (broken.reason, unknown.reason, "7777", "no row or no value to measure", broken.severity):
        assert said.split("'")[0] in red, said
    assert len(rows) - head - 1 >= len(rules)


def test_without_the_packages_the_pages_are_written_plain_and_it_is_told(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        assert not pages.lay_assets(tmp_path / "docs", tmp_path / "nothing")
    assert "make setup" in caplog.text


def judged(folder, numbers, night, **more):
    """One stage of one night judged into a folder of pages."""
    return judge({TABLE: numbers}, folder, f"targeting 2026-03-{night}", **more)


def test_a_stage_writes_its_results_and_leaves_what_shows_the_same(tmp_path):
    rules = rules_of(TABLE)
    numbers = {rule.id: rule.min if rule.min is not None else rule.max for rule in rules}
    judged(tmp_path, numbers, 10)
    first = {page: page.stat().st_mtime_ns for page in tmp_path.rglob("*.html")}
    assert len(first) == 3, "the first page, one suite, one result"

    judged(tmp_path, numbers, 11)
    second = {page: page.stat().st_mtime_ns for page in tmp_path.rglob("*.html")}
    assert len(second) == 4
    assert first.items() <= second.items()

    judged(tmp_path, numbers | {rules[0].id: None}, 12, ends_night=True)
    changed = {page for page, written in second.items() if page.stat().st_mtime_ns != written}
    assert {page.relative_to(tmp_path).parts[0] for page in changed} == {"index.html", "expectations"}


def test_the_first_page_tells_of_the_end_of_a_night_and_at_once_of_what_is_broken(tmp_path):
    rules = rules_of(TABLE)
    numbers = {rule.id: rule.min if rule.min is not None else rule.max for rule in rules}
    index = tmp_path / "index.html"
    judged(tmp_path, numbers, 10)
    judged(tmp_path, numbers, 11)
    assert "2026-03-11" not in index.read_text(encoding="utf-8")

    judged(tmp_path, numbers, 12, ends_night=True)
    assert all(f"2026-03-{night}" in index.read_text(encoding="utf-8") for night in (10, 11, 12))

    judged(tmp_path, numbers | {rules[0].id: None}, 13)
    assert "2026-03-13" in index.read_text(encoding="utf-8")


def test_the_first_page_reads_the_newest_results_alone(tmp_path, monkeypatch):
    numbers = {rule.id: rule.min if rule.min is not None else rule.max for rule in rules_of(TABLE)}
    for night in (10, 11, 12):
        judged(tmp_path, numbers, night)
    monkeypatch.setattr(
        "expectations.site.load_gate_limits", lambda: load_gate_limits().model_copy(update={"index_results_max": 2})
    )

    judged(tmp_path, numbers, 13, ends_night=True)

    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert [night for night in (10, 11, 12, 13) if f"2026-03-{night}" in text] == [12, 13]
    assert len(list((tmp_path / "validations").rglob("*.html"))) == 4, "the others stay in their folders"
