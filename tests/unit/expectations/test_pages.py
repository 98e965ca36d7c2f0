"""The Data Docs load nothing from elsewhere: each script, style and picture a page asks for lies beside it."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

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
    rules = rules_of(TABLE)
    assert len(rules) >= 3
    for rule in rules:
        words = rule.words.replace("__", " ")
        assert words.replace("<", "&lt;") in page or words in page
        assert (
            f">{rule.bounds}<" in re.sub(r"\s+", "", page).replace("&lt;", "<")
            or rule.bounds.replace("<", "&lt;") in page
        )
        assert rule.reason.split("'")[0] in page
    assert "--" not in re.sub(r"<!--.*?-->", "", page.split("Observed Value", 1)[1])


def test_without_the_packages_the_pages_are_written_plain_and_it_is_told(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        assert not pages.lay_assets(tmp_path / "docs", tmp_path / "nothing")
    assert "make setup" in caplog.text
