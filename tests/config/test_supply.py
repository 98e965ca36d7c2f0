"""What is installed is what the locks say, comes under a licence we may use, and has no weakness that the dated list knows."""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from datetime import date, timedelta
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from supply import advisories, licences, sbom
from supply.advisories import Advisory, AdvisoryList, Allowed, complaints
from supply.locks import LOCKS, ROOT, Package, locked, normalised

OURS = {"conf", "expectations", "jobs", "models", "simulator", "supply", "dags", "shared_parts", "tests"}
UNBOUNDED = {
    "fastapi",
    "packaging",
    "sqlalchemy",
    "types-psutil",
    "types-PyYAML",
}  # others decide their versions, or a date
MLFLOW = Package("mlflow", "3.9.0", "pages")


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
OF_AIRFLOW = {"apache-airflow-core", "apache-airflow-task-sdk", "apache-airflow-providers-standard"}
# Folders, and the extras with which their code runs; what no extra names is a dependency of the project.
NEEDS = {
    "conf": (),
    "expectations": (),
    "models": ("bench",),
    "jobs": ("airflow", "database"),
    "simulator": ("simulator",),
    "dags": ("airflow",),
    "supply": (),
    "tests": ("demo", "bench", "dev"),
}


def names_of(requirements: list[str]) -> set[str]:
    """Names of packages that requirements ask for, those of our own extras among them."""
    found = set()
    for requirement in requirements:
        name, extras = re.match(r"([\w.-]+)(?:\[([\w,]+)\])?", requirement).groups()
        if name == "closedloop":
            found |= declared(*extras.split(","))
        else:
            found.add(normalised(name))
    return found


def declared(*extras: str) -> set[str]:
    """Names of packages the project and some of its extras ask for."""
    return names_of(PROJECT["project"]["dependencies"]).union(*(names_of(EXTRAS[extra]) for extra in extras))


def imported(folder: str) -> set[str]:
    """First parts of every module the Python files of a folder import, at the top or inside a function."""
    names: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - OURS


@pytest.mark.parametrize("folder", NEEDS)
def test_all_that_is_imported_is_declared_in_pyproject(folder):
    wanted, giver = imported(folder), packages_distributions()
    given = declared(*NEEDS[folder])
    given |= OF_AIRFLOW if "apache-airflow" in given else set()
    assert wanted
    assert {name for name in wanted if not given & set(map(normalised, giver.get(name, [])))} == set()


def test_all_that_is_declared_is_imported_or_says_why_it_is_there():
    giver = packages_distributions()
    given = {normalised(dist) for name in set().union(*map(imported, NEEDS)) for dist in giver.get(name, [])}
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[project.scripts]")[0].splitlines()
    explained = {normalised(found.group(1)) for line in lines if (found := re.search(r'"([\w.-]+)[^"]*".*#', line))}
    runs = declared(*EXTRAS) - names_of(EXTRAS["dev"]) - names_of(EXTRAS["docs"])
    assert len(runs) > 30
    assert runs - given - explained - {"apache-airflow"} == set()


def test_every_dependency_has_a_range_and_the_locks_pin_a_version_in_it():
    pinned = {package.name: package.version for package in locked()}
    wanted = [text for group in (PROJECT["project"]["dependencies"], *EXTRAS.values()) for text in group]
    requirements = [Requirement(text) for text in wanted if not text.startswith("closedloop[")]
    assert len(requirements) > 40
    for requirement in requirements:
        assert requirement.specifier or requirement.name in UNBOUNDED, requirement
        assert requirement.specifier.contains(pinned[normalised(requirement.name)]), requirement


def test_each_lock_names_only_what_the_ones_before_do_not():
    names = [package.name for file in list(LOCKS)[:3] for package in locked(files=[file])]
    assert len(names) == len(set(names)) > 200


def test_production_installs_no_tool_of_tests_and_no_server_of_pages():
    production = {package.name for package in locked() if package.used_by == "jobs"}
    assert len(production) > 100
    assert not production & {"pytest", "hypothesis", "mypy", "ruff", "uv", "setuptools", "flask", "gunicorn", "mlflow"}


def test_locks_have_a_hash_for_each_package_and_name_no_place_of_packages():
    for file in LOCKS:
        text = (ROOT / file).read_text(encoding="utf-8")
        pins = re.findall(r"^[\w.-]+==.*?(?=^[\w.-]+==|\Z)", text, re.MULTILINE | re.DOTALL)
        assert pins
        assert all("--hash=sha256:" in pin for pin in pins), file
        assert "://" not in text, file
        assert "index-url" not in text, file


def test_set_up_builds_pyspark_alone_and_with_pinned_tools():
    script = (ROOT / ".ci" / "setup").read_text(encoding="utf-8")
    installs = [
        line
        for line in script.splitlines()
        if "uv_pip sync" in line or ("pip install" in line and "uv_pip" not in line)
    ]
    assert len(installs) == 2
    assert all("--require-hashes" in line and "--only-binary :all:" in line for line in installs)
    assert "--no-build-isolation" in script
    assert {"setuptools", "wheel"} <= names_of(PROJECT["dependency-groups"]["build"])


def test_the_version_stands_once_and_ci_checks_before_it_tests():
    assert re.fullmatch(r"\d+\.\d+\.\d+", PROJECT["project"]["version"])
    assert "version" not in (ROOT / "setup.py").read_text(encoding="utf-8")
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert 0 < run.index("make check") < run.index("make test")


def test_every_licence_is_one_we_may_use():
    found = licences.licences()
    assert len(found) > 200
    assert {str(package): licence for package, licence in found.items() if not licences.is_permitted(licence)} == {}


@pytest.mark.parametrize(
    ("expression", "is_permitted"),
    [
        ("MIT", True),
        ("AGPL-3.0-only", False),
        ("none given", False),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0", True),
        ("OSI Approved", False),
    ],
)
def test_a_licence_nobody_permitted_is_found(expression, is_permitted):
    assert licences.is_permitted(expression) is is_permitted


def test_notice_and_bill_of_materials_are_those_of_the_locks():
    assert licences.NOTICE.read_text(encoding="utf-8") == licences.notice(), "make notice"
    assert sbom.SBOM.read_text(encoding="utf-8") == sbom.sbom(), "make sbom"
    body = json.loads(sbom.sbom())
    listed = {(component["name"], component["version"]) for component in body["components"]}
    assert {(package.name, package.version) for package in locked()} < listed
    assert sum("hashes" in component for component in body["components"]) == 8, (
        "the JARs of Delta, and that of local files"
    )
    assert len({component["bom-ref"] for component in body["components"]}) == len(body["components"])


def test_the_locks_have_no_weakness_the_list_knows_as_of_its_own_date():
    known = advisories.load_advisories()
    assert len(known.advisories) >= 15
    assert complaints(known, locked(), known.as_of) == []


def a_list(**given) -> AdvisoryList:
    about = Advisory(
        id="CVE-2026-4137", package="MLflow", introduced="2.0", fixed="3.11.0", about="folders others may write"
    )
    return AdvisoryList(
        **{"as_of": date(2026, 11, 1), "max_age_days": 90, "advisories": (about,), "allowed": (), **given}
    )


def test_a_locked_version_on_the_list_is_found_and_a_fixed_one_is_not():
    day = date(2026, 11, 2)
    (found,) = complaints(a_list(), [MLFLOW], day)
    assert "mlflow 3.9.0: CVE-2026-4137" in found
    assert "3.11.0" in found
    for version in ("1.30.0", "3.11.0", "3.11", "3.17.2", "4.0"):
        assert complaints(a_list(), [Package("mlflow", version)], day) == []
    assert complaints(a_list(), [Package("mlflow", "3.10.9.post1")], day) != []


def test_what_is_let_stand_is_told_again_after_its_date_and_when_it_concerns_nothing():
    allowed = Allowed(
        id="CVE-2026-4137", package="mlflow", until=date(2026, 12, 1), reason="nobody else has a login there"
    )
    let_stand = a_list(allowed=(allowed,))
    assert complaints(let_stand, [MLFLOW], allowed.until) == []
    assert "was let stand until 2026-12-01" in complaints(let_stand, [MLFLOW], allowed.until + timedelta(days=1))[0]
    assert "concerns no locked version" in complaints(let_stand, [], allowed.until)[0]


def test_the_age_of_the_list_is_told_and_an_old_one_is_red():
    known = a_list()
    assert "(9 days old)" in advisories.summary(known, [MLFLOW], date(2026, 11, 10))
    assert "1 of 1 locked packages; the others were not looked up" in advisories.summary(
        known, [MLFLOW], date(2026, 11, 10)
    )
    assert complaints(known, [], date(2027, 1, 30)) == []
    assert "91 days old" in complaints(known, [], date(2027, 1, 31))[0]


def test_two_locks_that_disagree_are_refused(tmp_path: Path):
    for number, file in enumerate(LOCKS):
        (tmp_path / file).write_text(f"numpy==2.4.{number} \\\n    --hash=sha256:00\n", encoding="utf-8")
    with pytest.raises(ValueError, match="make lock"):
        locked(tmp_path)
