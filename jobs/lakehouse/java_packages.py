"""What comes by Maven, held against lists of digests: the JARs Spark needs, and scripts and styles of the Data Docs.

`.ci/setup` runs this file; beside an installed wheel `closedloop fetch` does the same below the current folder.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from conf.errors import ClosedLoopError
from conf.reading import BASE, ROOT

CONF = ROOT / "conf"
POM = CONF / "pom.xml"  # a link to the one beside this checkout's README


class FetchFailed(ClosedLoopError):
    """Maven did not bring what a list of digests names."""


@dataclass(frozen=True)
class JavaPackages:
    """One folder of files that Maven copies, the groups they come from, and the list of their SHA-256 digests."""

    what: str
    folder: str
    groups: str
    digests: Path

    def differing(self, base: Path) -> list[str]:
        """Names of files below `base` that are missing or differ from the list."""
        folder = base / self.folder
        return [
            name
            for name, digest in listed(self.digests).items()
            if not (folder / name).is_file() or digest_of(folder / name) != digest
        ]


JARS = JavaPackages(
    "Spark's JARs (Delta Lake, a local file system), about 13 MB",
    ".cache/jars",
    "io.delta,io.unitycatalog,com.globalmentor",
    CONF / "jars.sha256",
)
PAGES = JavaPackages(
    "scripts and styles of the Data Docs, about 11 MB",
    ".cache/pages",
    "org.webjars,org.webjars.npm",
    CONF / "page_assets.sha256",
)


def listed(digests: Path) -> dict[str, str]:
    """SHA-256 by file name, of a list as sha256sum writes it."""
    lines = digests.read_text(encoding="utf-8").splitlines()
    words = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    return {Path(name).name: digest for digest, name in words}


def digest_of(file: Path) -> str:
    """SHA-256 of a file."""
    return sha256(file.read_bytes()).hexdigest()


def fetch(tell: Callable[[str], None], base: Path = BASE) -> None:
    """Bring what is missing below `base`, two folders of .cache; FetchFailed when Maven fails or a digest differs."""
    for packages in (JARS, PAGES):
        if not packages.differing(base):
            continue
        tell(f"{packages.what}, by Maven")
        folder = base / packages.folder
        command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"]
        command += [f"-DincludeGroupIds={packages.groups}", f"-DoutputDirectory={folder}"]
        try:
            done = subprocess.run(command, check=False)
        except FileNotFoundError:
            raise FetchFailed(
                "Maven is missing\n  wanted: mvn on PATH, 3.8 or newer\n  to do:  apt-get install maven"
            ) from None
        if wrong := packages.differing(base):
            raise FetchFailed(
                f"Maven ended with {done.returncode}, and not all of {packages.digests} is in {folder}\n"
                f"  found:  {', '.join(wrong)} missing or different\n  to do:  remove {folder} and fetch again"
            )


def _say(text: str) -> None:
    sys.stdout.write(f"  {text}\n")


if __name__ == "__main__":
    try:
        fetch(_say)
    except FetchFailed as error:
        sys.exit(f"\nset-up stopped: {error}")
