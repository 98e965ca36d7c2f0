"""Looks for every value of the vault in every file and database a home holds outside the places that may hold personal data.

A hit says place, kind and count, never the value. Numbers are found inside longer runs of digits too; there one may stand by
chance, so such hits are named apart (`in a longer number`). Not recognised: values that were
cut, encrypted or written in another way than those of `values`.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from conf.errors import ClosedLoopError
from conf.settings import Settings
from jobs.lakehouse.masking import masked_name, printable
from jobs.privacy.contents import Block, blocks_of_file
from jobs.privacy.databases import blocks_of_postgres
from jobs.privacy.values import Wanted, wanted_of

PERSONAL = ("landing", "lake/vault", "exports", "secrets")
OF_THE_SIMULATOR = ("answer_key", "simulator_state")
VAULT = ("lake", "vault", "identity")
WORKERS = 2
Hits = Counter[tuple[str, str]]


@dataclass
class Findings:
    """What a scan found: (place, kind) with how often, what it looked for, and how far it looked."""

    hits: Hits = field(default_factory=Counter)
    unread: list[str] = field(default_factory=list)  # places nobody could look at, with the reason
    other_homes: list[str] = field(default_factory=list)  # homes inside this one: each has a vault of its own
    files: int = 0
    bytes: int = 0
    tables: int = 0
    values: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def is_clean(self) -> bool:
        """Whether everything was read and nothing was found."""
        return not self.hits and not self.unread

    def summary(self) -> dict[str, object]:
        """How far the scan looked, and for what."""
        return {
            "files": self.files,
            "bytes": self.bytes,
            "database_tables": self.tables,
            "values_looked_for": dict(sorted(self.values.items())),
            "values_left_out": dict(sorted(self.left_out.items())),
            "other_homes_passed_by": self.other_homes,
            "places_with_hits": len(self.hits),
            "places_not_read": len(self.unread),
        }

    def rows(self) -> list[dict[str, object]]:
        """The hits and unread places for the screen."""
        found: list[dict[str, object]] = [
            {"place": place, "kind": kind, "times": times} for (place, kind), times in sorted(self.hits.items())
        ]
        return found + [{"place": place, "kind": "not read", "times": None} for place in self.unread]


def scan(settings: Settings, leave_out: Iterable[str] = (), wanted: Wanted | None = None) -> Findings:
    """Look through a home for its vault's values, or for others; ClosedLoopError when there is none to look for.

    `leave_out`: more folders below home to pass by.
    """
    wanted = wanted or wanted_of(settings)
    if not wanted.values:
        raise ClosedLoopError(
            f"{settings.path(*VAULT)}: found no value, wanted a vault with values to look for\n  to do:  closedloop run ingest"
        )
    findings = Findings(values=wanted.values, left_out=wanted.left_out)
    passed = {settings.path(place) for place in (*PERSONAL, *OF_THE_SIMULATOR, *leave_out)}
    roots = [
        settings.home,
        *(path for path in (settings.path("postgres"),) if path.is_symlink()),
    ]  # its data may lie outside
    files = [path for root in roots for path in _files(root, passed, findings)]
    with ThreadPoolExecutor(WORKERS) as pool:
        for path, found in zip(
            files, pool.map(lambda path: _scan_file(settings.home, path, wanted), files), strict=True
        ):
            _add(findings, path, found)
    for table, blocks in blocks_of_postgres(settings, wanted.matcher.longest):
        findings.tables += 1
        findings.hits.update(_hits(f"postgres {table}", blocks, wanted))
    return findings


def _files(root: Path, passed: set[Path], findings: Findings) -> Iterator[Path]:
    """Plain files below a folder, no link in it followed."""
    for folder, subfolders, names in os.walk(
        root, onerror=lambda error: findings.unread.append(f"{error.filename}: {error.strerror}")
    ):
        here = Path(folder)
        if here != root and here.joinpath(*VAULT).is_dir():
            findings.other_homes.append(here.relative_to(root).as_posix())
            subfolders.clear()
            continue
        subfolders[:] = sorted(name for name in subfolders if here / name not in passed)
        yield from (here / name for name in sorted(names))


def _scan_file(home: Path, path: Path, wanted: Wanted) -> Hits | OSError | int:
    """Hits of a file; 0 for what is no plain file or is gone, the error for one that cannot be read."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return 0
        place = path.relative_to(home).as_posix()
        in_name = _hits("", [Block("", os.fsencode(place))], wanted)
        place = (
            printable(place, kept="")
            if not in_name
            else "/".join(masked_name(part) for part in path.relative_to(home).parts)
        )
        hits = Counter({(f"{place} [name]", kind): times for (_, kind), times in in_name.items()})
        return hits + _hits(place, blocks_of_file(path, wanted.matcher.longest), wanted)
    except FileNotFoundError:
        return 0
    except OSError as error:
        return error


def _add(findings: Findings, path: Path, found: Hits | OSError | int) -> None:
    if isinstance(found, OSError):
        findings.unread.append(f"{'/'.join(masked_name(part) for part in path.parts[-3:])}: {found.strerror}")
    elif not isinstance(found, int):
        findings.hits.update(found)
        findings.files += 1
        findings.bytes += path.stat().st_size if path.exists() else 0


def _hits(place: str, blocks: Iterable[Block], wanted: Wanted) -> Hits:
    hits: Hits = Counter()
    for block in blocks:
        where = f"{place} [{block.place}]" if block.place else place
        kinds = wanted.in_text(block.text, block.seen) if block.numbers is None else wanted.in_numbers(block.numbers)
        hits.update((where, kind) for kind in kinds)
    return hits
