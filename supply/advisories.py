"""Locked packages held against a dated list of known weaknesses; nothing is asked of the network."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from itertools import takewhile

from pydantic import Field

from conf.reading import Strict, load
from supply.locks import ROOT, Package, normalised

LIST_FILE = ROOT / "supply" / "advisories.yaml"


class Advisory(Strict):
    """One weakness of one package: versions from `introduced` to before `fixed`; without `fixed`, every later one."""

    id: str = Field(pattern=r"^(CVE|GHSA|PYSEC)-[\w-]+$")
    package: str
    introduced: str = "0"
    fixed: str | None = None
    about: str

    def concerns(self, package: Package) -> bool:
        """Whether this version of the package has the weakness."""
        if normalised(self.package) != package.name:
            return False
        version = numbers(package.version)
        return numbers(self.introduced) <= version and (self.fixed is None or version < numbers(self.fixed))


class Allowed(Strict):
    """A weakness that is let stand until a date, and why."""

    id: str
    package: str
    until: date
    reason: str = Field(min_length=20)


class AdvisoryList(Strict):
    """The dated list, and what of it is let stand."""

    as_of: date
    max_age_days: int = Field(ge=1)
    advisories: tuple[Advisory, ...]
    allowed: tuple[Allowed, ...]


def load_advisories() -> AdvisoryList:
    """The list of supply/advisories.yaml."""
    return load(AdvisoryList, LIST_FILE)


def numbers(version: str) -> tuple[int, ...]:
    """Release numbers of a version, as 3.17.2 -> (3, 17, 2), ends of zeros cut; a pre-release counts as its release."""
    parts = [re.match(r"\d+", part) for part in version.split("+")[0].split(".")]
    found = [int(part.group()) for part in takewhile(bool, parts) if part]
    while found and not found[-1]:
        found.pop()
    return tuple(found)


def complaints(known: AdvisoryList, packages: Iterable[Package], today: date) -> list[str]:
    """What a person must look at: weaknesses not let stand, permissions that have ended or concern nothing, a list too old."""
    packages = list(packages)
    allowed = {(each.id, normalised(each.package)): each for each in known.allowed}
    said, used = [], set()
    for advisory in known.advisories:
        for package in filter(advisory.concerns, packages):
            key = (advisory.id, package.name)
            used.add(key)
            fix = f"fixed in {advisory.fixed}" if advisory.fixed else "no version with the fix is known"
            if key not in allowed:
                said.append(f"{package.name} {package.version}: {advisory.id}, {advisory.about}; {fix}")
            elif allowed[key].until < today:
                said.append(
                    f"{package.name} {package.version}: {advisory.id} was let stand until {allowed[key].until}; {fix}"
                )
    said += [
        f"{each.package}: {each.id} is let stand and concerns no locked version"
        for key, each in allowed.items()
        if key not in used
    ]
    age = (today - known.as_of).days
    if age > known.max_age_days:
        said.append(
            f"the list is {age} days old (of {known.as_of}), wanted at most {known.max_age_days}: docs/supply.md"
        )
    return said


def summary(known: AdvisoryList, packages: Iterable[Package], today: date) -> str:
    """What was checked and how old the list is, so that nobody takes silence for safety."""
    packages = list(packages)
    looked_up = {normalised(advisory.package) for advisory in known.advisories} & {package.name for package in packages}
    return (
        f"{len(known.advisories)} advisories of {known.as_of} ({(today - known.as_of).days} days old) about {len(looked_up)} of "
        f"{len(packages)} locked packages; the others were not looked up"
    )
