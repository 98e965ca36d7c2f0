"""Reads exported and landing files with code of the tests' own: no layout, contract or canonicaliser of the project."""

from __future__ import annotations

import hmac
import json
import re
from dataclasses import dataclass
from pathlib import Path

NUMBER = re.compile(r"(?<![0-9A-Za-z])(1[3-9]\d{9})(?!\d)")


@dataclass(frozen=True)
class Contact:
    """One line of an exported file: its channel, campaign and number, the file's name and the line itself."""

    channel: str
    campaign: str
    msisdn: str
    file_name: str
    line: str


def text_of(file: Path) -> str:
    """The file in whichever of the channels' encodings it is."""
    data = file.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030")


def contacts(home: Path, campaigns: set[str]) -> list[Contact]:
    """Every line of every finished exported file that names a number."""
    found = []
    for done in sorted(home.glob("exports/*/*.done")):
        for file in done.parent.glob(done.name.removesuffix(".done") + "*"):
            if file.name.endswith((".done", ".json", ".manifest", ".sig")):
                continue
            for line in text_of(file).splitlines():
                number = NUMBER.search(line)
                if number:
                    campaign = next((c for c in campaigns if re.search(rf"(?<![A-Z_]){c}(?![A-Z_0-9])", line)), "")
                    found.append(Contact(done.parent.name, campaign, number.group(1), file.name, line))
    return found


def manifests(home: Path) -> list[dict]:
    """All manifests of all channels."""
    return [json.loads(file.read_text()) for file in sorted(home.glob("exports/*/*manifest*.json"))]


def unsigned(home: Path) -> list[str]:
    """Released lists whose manifest or `.done` is not signed with their channel's key, by name; reads keys and files itself."""
    wrong = []
    for done in sorted(home.glob("exports/*/*.done")):
        base = done.name.removesuffix(".done")
        key = bytes.fromhex((home / "secrets" / f"channel-{done.parent.name}.key").read_text().strip())
        signed = json.loads((done.parent / f"{base}.sig").read_text())
        parts = {"manifest": done.parent / f"{base}.manifest.json", "done": done}
        made = {part: hmac.new(key, file.read_bytes(), "sha256").hexdigest() for part, file in parts.items()}
        if made != {part: signed[part] for part in parts}:
            wrong.append(base)
    return wrong


def bare(text: str) -> str | None:
    """The eleven digits of a national mobile number however a list writes it, or None."""
    wide = text.translate({0xFF10 + digit: str(digit) for digit in range(10)})
    if re.fullmatch(r"\s*1\.\d+E\+?10\s*", wide):
        wide = str(int(float(wide)))
    digits = re.sub(r"\D", "", wide)
    return digits[-11:] if len(digits) >= 11 and re.fullmatch(r"1[3-9]\d{9}", digits[-11:]) else None


def landing_rows(home: Path, unit: str, letter: str = "*") -> list[tuple[str, list[str]]]:
    """(file name, fields) of every line of a `$` feed, oldest file first."""
    rows = []
    for file in sorted(home.glob(f"landing/*/{letter}{unit}*.AVL"), key=lambda path: path.name[6:14]):
        for line in file.read_bytes().split(b"\n"):
            if line:
                rows.append((file.name, line.decode("gb18030", errors="replace").rstrip("\r").split("$")))
    return rows
