"""The bill of materials, CycloneDX 1.6: the same lock files give the same text, no clock and no random number in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from supply.licences import licence_of
from supply.locks import ROOT, Package, locked

SBOM = ROOT / "supply" / "sbom.cdx.json"
JARS = ROOT / "conf" / "jars.sha256"
_GROUPS = {"delta": "io.delta", "unitycatalog": "io.unitycatalog", "hadoop-bare": "com.globalmentor"}
_JAR = re.compile(r"^([0-9a-f]{64})\s+(.+?)-(\d[\w.]*)\.jar$", re.MULTILINE)


def sbom() -> str:
    """The whole document as text."""
    components = [_python(package) for package in locked()] + [_jar(*found) for found in _JAR.findall(_text(JARS))]
    body = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "closedloop", "name": "closedloop"}},
        "components": components,
    }
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


def _python(package: Package) -> dict[str, Any]:
    purl = f"pkg:pypi/{package.name}@{package.version}"
    component: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": package.name, "version": package.version}
    component |= {"purl": purl, "scope": "required" if package.used_by == "jobs" else "optional"}
    licence = licence_of(package)
    if licence:
        component["licenses"] = [{"expression": licence}]
    return component | {"properties": [{"name": "closedloop:used_by", "value": package.used_by}]}


def _jar(sha256: str, name: str, version: str) -> dict[str, Any]:
    group = next(group for start, group in _GROUPS.items() if name.startswith(start))
    purl = f"pkg:maven/{group}/{name}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "group": group,
        "name": name,
        "version": version,
        "purl": purl,
        "scope": "required",
        "hashes": [{"alg": "SHA-256", "content": sha256}],
        "licenses": [{"expression": "Apache-2.0"}],
    }


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
