"""The packages the lock files name, and what each file is for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = {
    "requirements.lock": "jobs",
    "requirements-ui.lock": "pages",
    "requirements-dev.lock": "tests",
    "requirements-build.lock": "build",
}
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True, order=True)
class Package:
    """One locked package by its normalised name; `used_by` is the first of jobs, pages, tests, build that needs it."""

    name: str
    version: str
    used_by: str = "jobs"


def normalised(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(root: Path = ROOT, files: Iterable[str] = LOCKS) -> list[Package]:
    """Every package of the lock files once, by name; ValueError when two files pin different versions."""
    found: dict[str, Package] = {}
    for file in files:
        for name, version in _PIN.findall((root / file).read_text(encoding="utf-8")):
            package = Package(normalised(name), version, LOCKS[file])
            known = found.setdefault(package.name, package)
            if known.version != version:
                raise ValueError(f"{file}: {name}=={version}, but {known.version} in another lock file; run make lock")
    return sorted(found.values())
