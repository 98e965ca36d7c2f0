"""Proof of an erasure: every file below home and in the archive is read, packed ones too; where a value still stands is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from conf.settings import Settings
from jobs.privacy.blanking import Patterns
from jobs.privacy.contents import blocks_of_file
from jobs.privacy.scan import OF_THE_SIMULATOR

OVERLAP_BYTES = 1024  # longer than any value: one that lies across two blocks is seen whole


def places_left(settings: Settings, patterns: Patterns, numbers: list[str]) -> list[str]:
    """Files, relative to home, in which a value of the person stands; `numbers` are looked for in columns of numbers."""
    roots = [settings.home, *([archive] if (archive := settings.retention.landing.archive) else [])]
    whole = np.array([int(number) for number in numbers], np.int64)
    return sorted(
        str(path.relative_to(root) if root == settings.home else path)
        for root in roots
        for path in root.rglob("*")
        if path.relative_to(root).parts[0] not in OF_THE_SIMULATOR
        and path.is_file()
        and not path.is_symlink()
        and _stands_in(path, patterns, whole)
    )


def _stands_in(path: Path, patterns: Patterns, numbers: np.ndarray) -> bool:
    try:
        return any(
            patterns.finds(block.text) if block.numbers is None else bool(np.isin(numbers, block.numbers).any())
            for block in blocks_of_file(path, OVERLAP_BYTES)
        )
    except FileNotFoundError:  # gone meanwhile
        return False
