"""Files below home whose time is over: exports, landing, alerts, Data Docs, reports, logs, what dead processes left."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from conf.settings import Settings
from jobs.evaluation.page import write_index
from jobs.lakehouse import alerts
from jobs.maintenance import landing

MANIFEST = ".manifest.json"
Found = dict[str, list[Path]]


def old_files(settings: Settings, today: date) -> Found:
    """Files that go, by kind, when retention counts from `today`."""
    keep, home = settings.retention, settings.home
    return {
        "exports": _old_lists(settings, today - timedelta(days=keep.exports_days)),
        "landing": landing.old_deliveries(settings, today - timedelta(days=keep.landing.after_days)),
        "alerts": alerts.old_files(settings, today - timedelta(days=keep.alert_days)),
        "data_docs": _untouched(
            settings,
            today,
            keep.data_docs_days,
            *(home.glob(f"data_docs/{place}/**/*") for place in ("validations", "gx/results")),
        ),
        "reports": _old_reports(settings, today - timedelta(days=keep.report_days)),
        "logs": _untouched(
            settings,
            today,
            keep.log_days,
            home.glob("logs/closedloop/*.jsonl"),
            home.glob("airflow/logs/**/*"),
            home.glob("run/spark-sessions/*"),
            home.glob("run/spark-local/**/*"),
        ),
    }


def remove(settings: Settings, found: Found) -> None:
    """Remove these files, the folders they leave empty, and their lines in the indexes people look at."""
    landing.take_away(settings, found["landing"])
    for kind, files in found.items():
        for path in files:
            path.unlink(missing_ok=True)
            if kind != "landing":  # senders expect their folders
                _remove_empty(path.parent, settings.home)
    if found["reports"]:
        write_index(settings)
    if found["data_docs"]:
        from expectations.checkpoint import renew_index

        renew_index(settings.path("data_docs"))


def _old_lists(settings: Settings, first_kept: date) -> list[Path]:
    """Lists, with all that stands beside them, whose last valid day lies before that date; by their manifests."""
    found = []
    for manifest in sorted(settings.path("exports").glob(f"*/*{MANIFEST}")):
        expires = date.fromisoformat(json.loads(manifest.read_text(encoding="utf-8"))["expires_on"])
        if expires < first_kept:
            name = manifest.name.removesuffix(MANIFEST)
            beside = [
                path for path in manifest.parent.iterdir() if path.name == name or path.name.startswith(f"{name}.")
            ]
            found += sorted(
                beside, key=lambda path: path == manifest
            )  # the manifest last: it says that something is left to do
    return found


def _old_reports(settings: Settings, first_kept: date) -> list[Path]:
    return sorted(
        path for path in settings.path("reports").glob("????-??-??.html") if date.fromisoformat(path.stem) < first_kept
    )


def _untouched(settings: Settings, today: date, days: int, *files: Iterable[Path]) -> list[Path]:
    """Files nobody has written to in that many days."""
    limit = datetime.combine(today - timedelta(days=days), time(), ZoneInfo(settings.time_zone)).timestamp()
    return sorted(path for some in files for path in some if not path.is_dir() and path.lstat().st_mtime < limit)


def _remove_empty(folder: Path, home: Path) -> None:
    """Remove folders that hold nothing any more, but for those right below home."""
    while folder.parent not in (home, folder) and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
