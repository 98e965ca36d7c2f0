"""`python -m supply sbom | notice | advisories`: writes the first two, checks the third (code 1: somebody must look)."""

from __future__ import annotations

import sys
from datetime import date

from conf.files import write_whole
from supply import advisories, licences, sbom
from supply.locks import locked


def main(wanted: str) -> int:
    """Do one of the three; returns the exit code."""
    if wanted == "sbom":
        write_whole(sbom.SBOM, sbom.sbom())
        return 0
    if wanted == "notice":
        write_whole(licences.NOTICE, licences.notice())
        return 0
    if wanted != "advisories":
        sys.stderr.write(f"{__doc__}\n")
        return 2
    known, packages = advisories.load_advisories(), locked()
    found = advisories.complaints(known, packages, date.today())
    sys.stdout.write("\n".join([*found, advisories.summary(known, packages, date.today())]) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
