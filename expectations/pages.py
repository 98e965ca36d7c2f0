"""Data Docs that need no internet: the scripts, styles and pictures their pages ask public hosts for lie beside the pages.

Great Expectations' templates name those hosts; the pages are written with the place below static/ instead. What no page of
ours shows (charts, the dark theme, the newsletter) is left out.
"""

from __future__ import annotations

import logging
import re
import zipfile
from pathlib import Path
from typing import Any

from great_expectations.render.view.view import DefaultJinjaIndexPageView, DefaultJinjaPageView

from conf.files import write_whole
from conf.reading import BASE

log = logging.getLogger(__name__)

PACKAGES = BASE / ".cache" / "pages"
ASSETS = Path("static") / "assets"
INSIDE = "META-INF/resources/webjars"

# What a page asks for, as a pattern of its address: the package that holds it, and the file in there.
FILES = {
    r"bootstrapcdn\.com/bootstrap/[\d.]+/css/bootstrap\.min\.css": ("bootstrap-4.3.1", "css/bootstrap.min.css"),
    r"bootstrapcdn\.com/bootstrap/[\d.]+/js/bootstrap\.min\.js": ("bootstrap-4.3.1", "js/bootstrap.min.js"),
    r"bootstrap-table\.min\.css": ("bootstrap-table-1.19.1", "dist/bootstrap-table.min.css"),
    r"bootstrap-table\.min\.js": ("bootstrap-table-1.19.1", "dist/bootstrap-table.min.js"),
    r"bootstrap-table-filter-control(\.min)?\.css": (
        "bootstrap-table-1.19.1",
        "dist/extensions/filter-control/bootstrap-table-filter-control.min.css",
    ),
    r"bootstrap-table-filter-control(\.min)?\.js": (
        "bootstrap-table-1.19.1",
        "dist/extensions/filter-control/bootstrap-table-filter-control.min.js",
    ),
    r"bootstrap-datepicker\.min\.css": ("bootstrap-datepicker-1.9.0", "css/bootstrap-datepicker.min.css"),
    r"bootstrap-datepicker\.min\.js": ("bootstrap-datepicker-1.9.0", "js/bootstrap-datepicker.min.js"),
    r"font-awesome/[\d.]+/css/all\.min\.css": ("font-awesome-6.6.0", "css/all.min.css"),
    r"jquery[\d.-]*\.min\.js": ("jquery-3.7.1", "jquery.min.js"),
    r"popper\.min\.js": ("popper.js-1.12.9-1", "umd/popper.min.js"),
}
BESIDE = {"font-awesome-6.6.0": [f"webfonts/fa-{face}.woff2" for face in ("solid-900", "regular-400", "brands-400")]}
LOGO = re.compile(r"https?://great-expectations-web-assets[^\"'?]*/[\w.-]+")
LOADS = re.compile(
    r"<script\b[^>]*\bsrc=\"https?://[^\"]*\"[^>]*>\s*</script>|<link\b[^>]*\bhref=\"https?://[^\"]*\"[^>]*/?>"
)
PICTURES = re.compile(r"(?:\./|(?:\.\./)+)static/images/")  # one of the templates counts a folder too few
FOOTER = re.compile(r"<footer>.*?</footer>", re.DOTALL)


class _Offline:
    """A view of Great Expectations whose pages load nothing from elsewhere."""

    def render(self, document: Any, template: Any = None, **kwargs: Any) -> str:
        """The page as HTML."""
        text = super().render(document, template, **kwargs)  # type: ignore[misc]
        return without_hosts(_with_short_names(text, document), _levels_below_root(document))


class OfflinePage(_Offline, DefaultJinjaPageView):
    """Page of a suite or of a validation."""


class OfflineIndex(_Offline, DefaultJinjaIndexPageView):
    """First page of the Data Docs."""


def without_hosts(page: str, levels: int) -> str:
    """The page with each thing it loads from a public host loaded from static/, `levels` folders up, or left out."""
    root = "../" * levels or "./"

    def _ours(match: re.Match[str]) -> str:
        found = next((target for pattern, target in FILES.items() if re.search(pattern, match.group())), None)
        if found is None:
            return ""
        place = f"{root}{_place(*found).as_posix()}"
        is_script = match.group().startswith("<script")
        return f'<script src="{place}"></script>' if is_script else f'<link rel="stylesheet" href="{place}">'

    page = PICTURES.sub(f"{root}static/images/", page)
    page = LOGO.sub(f"{root}static/images/logo-long.png", page)
    return FOOTER.sub("", LOADS.sub(_ours, page))


def lay_assets(docs: Path, packages: Path = PACKAGES) -> bool:
    """Put the files beside the pages in `docs`, once; False, and told in the log, when `make setup` did not bring them."""
    wanted = set(FILES.values()) | {(name, file) for name, files in BESIDE.items() for file in files}
    missing = [(name, file) for name, file in sorted(wanted) if not (docs / _place(name, file)).exists()]
    for name, file in missing:
        package = packages / f"{name}.jar"
        if not package.is_file():
            log.warning(
                "the Data Docs are shown without their styles: %s is missing; run make setup, or closedloop fetch",
                package.name,
            )
            return False
        library, version = re.fullmatch(r"(.+?)-(\d.*)", name).groups()  # type: ignore[union-attr]
        with zipfile.ZipFile(package) as archive:
            write_whole(docs / _place(name, file), archive.read(f"{INSIDE}/{library}/{version}/{file}"))
    return True


def _place(package: str, file: str) -> Path:
    return ASSETS / package / file


def _with_short_names(page: str, document: Any) -> str:
    """Numbers of one table under their own names: in the row all tables share, the table stands before them."""
    about = document if isinstance(document, dict) else document.to_json_dict()
    suite = about.get("expectation_suite_name") or ""
    return page.replace(f"{suite.replace('.', '__')}__", "") if suite else page


def _levels_below_root(document: Any) -> int:
    """Folders between a page and index.html: a suite's name has one for each dot, a validation three more for its run."""
    about = document if isinstance(document, dict) else document.to_json_dict()
    kind, suite = about["renderer_type"], about.get("expectation_suite_name") or ""
    if "SiteIndex" in kind:
        return 0
    return suite.count(".") + (4 if "ValidationResults" in kind else 1)
