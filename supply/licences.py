"""Licences of the locked packages, from their own metadata, held against those we may use; written down in NOTICE."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

from conf.reading import Strict, load
from supply.locks import ROOT, Package, locked

POLICY_FILE = ROOT / "supply" / "licences.yaml"
NOTICE = ROOT / "NOTICE"
HEAD = """closedloop, Apache-2.0 (LICENSE).

It installs, and does not contain, these packages under their own licences (SPDX names, from their metadata and
supply/licences.yaml; written by `make notice`). Packages of other systems than this one's are left out. Delta Lake,
Unity Catalog and local file system JARs, Apache-2.0: conf/jars.sha256. The JARs inside pyspark have a list and licences of their own in that package.

"""


class Decided(Strict):
    """A licence a person settled, and why the metadata were not enough."""

    licence: str
    reason: str


class Policy(Strict):
    """Permitted SPDX names, SPDX names of other spellings, and what a person decided."""

    permitted: tuple[str, ...]
    spellings: dict[str, str]
    decided: dict[str, Decided]


@cache
def policy() -> Policy:
    """The policy of supply/licences.yaml."""
    return load(Policy, POLICY_FILE)


def licence_of(package: Package) -> str | None:
    """SPDX expression of an installed package, as far as known; None for one that is not installed on this system."""
    try:
        about: Any = metadata(package.name)
    except PackageNotFoundError:
        return None
    if package.name in policy().decided:
        return policy().decided[package.name].licence
    if about.get("License-Expression"):
        return str(about["License-Expression"])
    classifiers = about.get_all("Classifier") or []
    words = [c.rsplit(" :: ", 1)[-1] for c in classifiers if c.startswith("License ::")]
    words = words or (about.get("License") or "").strip().splitlines()[:1]
    return " AND ".join(sorted({policy().spellings.get(word, word) for word in words})) or "none given"


def is_permitted(expression: str) -> bool:
    """Whether an expression leaves a choice of permitted licences only."""
    permitted = set(policy().permitted)

    def of_one(licence: str) -> bool:
        return set(licence.strip(" ()").split(" WITH ")) <= permitted

    return all(any(map(of_one, re.split(r" OR ", part))) for part in re.split(r" AND ", expression))


def licences() -> dict[Package, str]:
    """Every locked package that is installed here, with its licence."""
    known = ((package, licence_of(package)) for package in locked())
    return {package: licence for package, licence in known if licence is not None}


def notice() -> str:
    """The text of NOTICE."""
    lines = [f"{package.name} {package.version}: {licence}" for package, licence in licences().items()]
    return HEAD + "\n".join(lines) + "\n"
