"""The wheel works without the checkout: built, unpacked into an empty folder, and asked from a third one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from conf.reading import ROOT
from conf.settings import HOME_VARIABLE, OPERATOR_VARIABLE, PROFILE_VARIABLE
from jobs.lakehouse.dictionary import render_dictionary

PACKAGES = ("conf", "dags", "expectations", "jobs", "models", "simulator", "sql")
WHOLE = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "NOTICE", "pom.xml")
# The checkout is on the path of a developer's environment; here it is taken off, and what came from it is told.
BEGIN = f"import sys; sys.path[:] = [place for place in sys.path if place != {str(ROOT)!r}]; "
READ_ALL = """
import importlib, inspect, pkgutil
import conf, expectations.suites, jobs.evaluation.job, simulator.facts, conf.settings
found = {}
modules = [importlib.import_module(f"conf.{each.name}") for each in pkgutil.iter_modules(conf.__path__)]
for module in [*modules, expectations.suites, simulator.facts]:
    for name, loader in inspect.getmembers(module, callable):
        if not name.startswith("load_") or getattr(loader, "__module__", "") != module.__name__:
            continue
        if name != "load_settings" and all(each.default is not each.empty for each in inspect.signature(loader).parameters.values()):
            read = loader()
            found[f"{module.__name__}.{name}"] = len(read) if hasattr(read, "__len__") else len(repr(read))
for profile in conf.settings.profile_names():
    found[f"profile {profile}"] = str(conf.settings.load_settings(profile, "elsewhere").home)
found["counts"] = len(list(jobs.evaluation.job.COUNTS.glob("*.sql")))
"""
SAY_ALL = """
import json
files = sorted(str(each.__file__) for each in list(sys.modules.values()) if getattr(each, "__file__", None))
print(json.dumps({"conf": conf.__file__, "found": found, "files": files}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy, since a build leaves folders behind in its source."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in WHOLE:
        shutil.copy(ROOT / name, source / name)
    uv(
        "build",
        "--wheel",
        "--no-build-isolation",
        "--quiet",
        "--python",
        sys.executable,
        "--out-dir",
        str(out),
        str(source),
    )
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder into which the wheel alone was installed."""
    folder = tmp_path_factory.mktemp("installed")
    uv("pip", "install", "--no-deps", "--quiet", "--python", sys.executable, "--target", str(folder), str(wheel))
    return folder


def uv(*words: str) -> None:
    """Run uv without a network."""
    tool = Path(sys.executable).parent / "uv"
    done = subprocess.run([tool, *words, "--offline"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def python(folder: Path, path: Path, code: str, *words: str) -> str:
    """What a fresh interpreter prints that finds our packages below `path` and stands in `folder`."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("CLOSEDLOOP")}
    assert {HOME_VARIABLE, PROFILE_VARIABLE, OPERATOR_VARIABLE}.isdisjoint(env)
    env |= {"PYTHONPATH": str(path), PROFILE_VARIABLE: "local", "SPARK_CONNECT_AUTHENTICATE_TOKEN": "of-the-cluster"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *words], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_every_file_of_its_folders(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    ours = [path for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file()]
    wanted = {str(path.relative_to(ROOT)) for path in ours if "__pycache__" not in path.parts}
    assert len(wanted) > 500
    assert wanted - inside == set()
    assert zipfile.ZipFile(wheel).read("conf/pom.xml") == (ROOT / "pom.xml").read_bytes()


def test_an_installed_wheel_reads_the_same_files_as_the_checkout(installed, tmp_path, monkeypatch):
    there = json.loads(python(tmp_path, installed, BEGIN + READ_ALL + SAY_ALL))
    assert there["conf"] == str(installed / "conf" / "__init__.py")
    assert [file for file in there["files"] if file.startswith(f"{ROOT}{os.sep}") and ".venv" not in file] == []
    monkeypatch.setenv(PROFILE_VARIABLE, "local")
    monkeypatch.setenv("SPARK_CONNECT_AUTHENTICATE_TOKEN", "of-the-cluster")
    here: dict = {}
    exec(READ_ALL, here)
    profiles = [name for name in here["found"] if name.startswith("profile ")]
    assert {there["found"].pop(name) for name in profiles} == {str(tmp_path / "elsewhere")}
    assert {here["found"].pop(name) for name in profiles} == {str(ROOT / "elsewhere")}
    assert len(there["found"]) >= 20
    assert there["found"] == here["found"]


def test_an_installed_command_works_below_the_current_folder_and_writes_nothing_beside_its_code(installed, tmp_path):
    before = sorted(path for path in installed.rglob("*") if "__pycache__" not in path.parts)
    run = BEGIN + "from jobs.cli import app; app()"
    assert "42" in python(tmp_path, installed, run, "sql", "select 6 * 7 as answer")
    python(tmp_path, installed, run, "dictionary")
    assert (tmp_path / "docs" / "data_dictionary.md").read_text(encoding="utf-8") == render_dictionary()
    assert (tmp_path / ".run").is_dir()
    assert sorted(path for path in installed.rglob("*") if "__pycache__" not in path.parts) == before
