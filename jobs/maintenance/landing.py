"""Delivered files whose time in landing is over: they leave with their control file, to an archive or for good.

Only what was judged goes: the ledger knows the files, their rows stay in bronze, and nothing looks missing. A delivery that is
not complete, or that nobody can read, stays for a person to look at.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from datetime import date
from pathlib import Path

from conf.files import whole_file
from conf.settings import Settings
from jobs.ingest.landing import UNFINISHED
from jobs.ingest.ledger_rows import FILE_LEDGER
from jobs.ingest.names import FileName, control_file, data_file
from jobs.lakehouse import delta_rs

Delivery = tuple[str, str, str, str, int]


def old_deliveries(settings: Settings, first_kept: date) -> list[Path]:
    """Files of landing that belong to deliveries of which every file was judged before that load date."""
    judged = _newest_load_dates(settings)
    return [
        path
        for folder in sorted(settings.path("landing").glob("*/"))
        for files in _deliveries(folder)
        if _is_over(folder.name, files, judged, first_kept)
        for path in files
    ]


def take_away(settings: Settings, files: list[Path]) -> None:
    """Move files of landing to the archive of the settings, else remove them; a data file goes before its control file."""
    archive = settings.retention.landing.archive
    for path in sorted(files, key=lambda path: (control_file(path.name) is not None, path)):
        if archive is not None:
            _archive(path, archive / path.parent.name)
        path.unlink(missing_ok=True)


def _newest_load_dates(settings: Settings) -> dict[tuple[str, str], date]:
    """Newest night that judged a file, by source and name: a replaced file keeps its name."""
    rows = delta_rs.read(settings, FILE_LEDGER, columns=["source", "file_name", "load_date"]).to_pylist()
    newest: dict[tuple[str, str], date] = {}
    for row in rows:
        name = row["source"], row["file_name"]
        newest[name] = max(row["load_date"], newest.get(name, row["load_date"]))
    return newest


def _deliveries(folder: Path) -> list[list[Path]]:
    """Data files with the control file that announces them; a file whose name says nothing is in none."""
    found: dict[Delivery, list[Path]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        name = _name(path)
        if name is not None:
            found[(name.style, name.letter, name.unit, name.stamp, name.resend_no)].append(path)
    return list(found.values())


def _name(path: Path) -> FileName | None:
    if path.is_symlink() or not path.is_file() or path.name.endswith(UNFINISHED):
        return None
    return data_file(path.name) or control_file(path.name)


def _is_over(source: str, files: list[Path], judged: dict[tuple[str, str], date], first_kept: date) -> bool:
    """Every data file was judged long ago; a control file nobody could read stands in the ledger itself."""
    data = [path for path in files if data_file(path.name)]
    dates = [judged.get((source, path.name)) for path in data or files]
    return all(day is not None and day < first_kept for day in dates)


def _archive(path: Path, folder: Path) -> None:
    target = folder / path.name
    if target.exists() and target.read_bytes() != path.read_bytes():  # a replaced file came under the same name
        target = folder / f"{path.name}.{int(path.stat().st_mtime)}"
    with whole_file(target) as partial:
        shutil.copy2(path, partial)
