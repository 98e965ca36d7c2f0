"""Which version of each model scores: what ops.model_run says, whatever anybody changes in the registry.

The registry can be written by whoever reaches its server; the lake cannot. So version and digest are taken from our own
table, and the registry only brings the files, which must be those of the digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from conf.errors import InputRefused
from conf.settings import Settings
from jobs.lakehouse import alerts, delta_rs
from jobs.lakehouse.run import exclusive
from models import registry
from models.artifact import Bundle
from models.errors import ModelRefused
from models.registry import ModelVersion

MODEL_RUN = "ops.model_run"
STAGE = "training"
PROMOTED, REFUSED, UNCHANGED, WITHDRAWN = "PROMOTED", "REFUSED", "UNCHANGED", "WITHDRAWN"
BY_TRAINING = "training"


@dataclass(frozen=True)
class Champion:
    """The version that scores, with the row of ops.model_run that promoted it."""

    version: ModelVersion
    row: dict[str, Any]


def decisions(settings: Settings, model_name: str | None = None) -> list[dict[str, Any]]:
    """Rows of ops.model_run in the order they were decided."""
    filters = [("model_name", "=", model_name)] if model_name else None
    rows = delta_rs.read(settings, MODEL_RUN, filters).to_pylist()
    # Rows written before the column was have no time: they stand in the order of their training dates, before all others.
    return sorted(
        rows, key=lambda row: (row.get("decided_at_text") or "", row["verdict"] == PROMOTED, row["business_date"])
    )


def newest_trainings(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Model name -> row of its newest training date, with what was decided about it last; `rows` in order of decision."""
    newest: dict[str, dict[str, Any]] = {}
    for row in rows:
        kept = newest.get(row["model_name"])
        if kept is None or row["business_date"] >= kept["business_date"]:
            newest[row["model_name"]] = row
    return newest


def decided_now() -> str:
    """The time of a decision, as ops.model_run keeps it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def champion(settings: Settings, model_name: str) -> Champion | None:
    """The version promoted last, by training or by a person; None when none was."""
    promoted = [row for row in decisions(settings, model_name) if row["verdict"] == PROMOTED]
    return Champion(version_of(promoted[-1]), promoted[-1]) if promoted else None


def version_of(row: dict[str, Any]) -> ModelVersion:
    """The registered version a row of ops.model_run is about."""
    return ModelVersion(row["model_name"], row["model_version"], row["mlflow_run_id"] or "", row["model_sha256"])


def load_champion(
    settings: Settings, model_name: str, max_bytes: int, night: date | None = None
) -> tuple[ModelVersion, Bundle]:
    """The promoted version and its three files, checked against the digest of ops.model_run.

    A registry that shows another champion, or other files, is told (MODEL_CHANGED). Raises ModelRefused, with what to do,
    when nothing was promoted or the files are not the promoted ones.
    """
    found = champion(settings, model_name)
    if found is None:
        raise ModelRefused(
            f"model {model_name}: no training promoted a version (ops.model_run)\n"
            "  wanted: a promoted model\n"
            "  to do:  run `closedloop run train --date D` (or the DAG training); if it refused, see ops.model_run.reason"
        )
    version = found.version
    shown = registry.shown_champion(settings, model_name)
    if shown != version:
        other = f"version {shown.version}, digest '{shown.sha256[:12]}'" if shown else "none"
        _tell(
            settings,
            night,
            version,
            f"the registry shows another champion ({other}); version {version.version} of"
            f" ops.model_run goes on scoring. If nobody of ours did this, see who can write to the registry",
        )
    try:
        return version, registry.load_version(settings, version, max_bytes)
    except ModelRefused as refusal:
        _tell(
            settings,
            night,
            version,
            f"the files of the promoted version {version.version} are not what was promoted;"
            " nothing is scored with them",
        )
        raise ModelRefused(
            f"model {model_name}, version {version.version}: {refusal}\n"
            "  to do:  bring the registry's files back from the backup, train anew, or take an earlier version:\n"
            f"          closedloop rollback {model_name} --to-version N --by WHO --reason WHY"
        ) from None


def _tell(settings: Settings, night: date | None, version: ModelVersion, text: str) -> None:
    alerts.raise_alert(
        settings,
        "MODEL_CHANGED",
        night or "no date",
        f"model {version.model_name}: {text}",
        model=version.model_name,
        promoted_version=version.version,
    )


def record(settings: Settings, row: dict[str, Any], run_id: str) -> None:
    """Keep what a training decided, then let the registry show the champion; a rerun that changed nothing adds no row."""
    of_date = [r for r in decisions(settings, row["model_name"]) if r["business_date"] == row["business_date"]]
    is_known = bool(of_date) and of_date[-1]["model_sha256"] == row["model_sha256"]
    if not (is_known and row["verdict"] in (UNCHANGED, of_date[-1]["verdict"])):
        decided = {"decided_by": BY_TRAINING, "decided_at_text": decided_now(), "run_id": run_id}
        delta_rs.append(settings, MODEL_RUN, [row | decided], run_id)
    show(settings, row["model_name"])


def show(settings: Settings, model_name: str) -> None:
    """Let the registry show the champion of ops.model_run, for people; nothing of ours reads it there."""
    found = champion(settings, model_name)
    if found and registry.shown_champion(settings, model_name) != found.version:
        registry.show_champion(settings, found.version, found.row["reason"])


def taken_back(settings: Settings, model_name: str, sha256: str) -> dict[str, Any] | None:
    """The row by which a person took these files back, if that is the last word about them."""
    about = [row for row in decisions(settings, model_name) if row["model_sha256"] == sha256]
    return about[-1] if about and about[-1]["verdict"] == WITHDRAWN else None


def roll_back(
    settings: Settings, model_name: str, to_version: int, by: str, reason: str, max_bytes: int
) -> dict[str, Any]:
    """Let an earlier champion score again, in a person's name; the one it replaces is not promoted again by training.

    Raises InputRefused for a version that never was champion or is now, ModelRefused when its files are not what was promoted.
    """
    if not by.strip() or not reason.strip():
        raise InputRefused(f"rollback: found by '{by}', reason '{reason}'; wanted who rolls back and why")
    with exclusive(settings, STAGE):
        delta_rs.ensure_tables(settings)
        current = champion(settings, model_name)
        row = _once_promoted(settings, model_name, to_version, current)
        registry.load_version(settings, version_of(row), max_bytes)
        decided = {"decided_by": by, "decided_at_text": decided_now(), "reason": reason, "run_id": f"rollback by {by}"}
        rows = [row | decided | {"verdict": PROMOTED}]
        if current:
            rows.insert(0, current.row | decided | {"verdict": WITHDRAWN})
        delta_rs.append(settings, MODEL_RUN, rows, rows[0]["run_id"])
        show(settings, model_name)
    alerts.raise_alert(
        settings,
        "MODEL_ROLLED_BACK",
        "no date",
        f"model {model_name}: version {to_version} scores from now on: {reason}",
        by=by,
    )
    shown = ("model_name", "model_version", "business_date", "auc", "verdict", "decided_by", "reason")
    return {key: rows[-1][key] for key in shown}


def _once_promoted(settings: Settings, model_name: str, to_version: int, current: Champion | None) -> dict[str, Any]:
    promoted = {r["model_version"]: r for r in decisions(settings, model_name) if r["verdict"] == PROMOTED}
    now = current.version.version if current else None
    if to_version not in promoted or to_version == now:
        others = ", ".join(str(version) for version in sorted(promoted) if version != now) or "there is none"
        raise InputRefused(
            f"rollback {model_name} to version {to_version}\n  found:  {'it scores already' if to_version == now else 'it never was champion'}\n"
            f"  wanted: an earlier champion: {others}"
        )
    return promoted[to_version]
