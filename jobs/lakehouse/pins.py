"""What readers see of bronze, vault and ops while every token is being replaced: the versions of before, until all are published.

Silver, gold and reports are read as published anyway; one commit of ops.published under the change's run id is the switch for all.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from conf.errors import ClosedLoopError
from conf.files import write_whole
from conf.settings import Settings
from jobs.lakehouse.places import is_there, open_table

_FILE = "_rekey.json"


class RekeyUnfinished(ClosedLoopError):
    """Tokens are being replaced, or a run that did was cut off: no job may write in between."""


def state_file(settings: Settings) -> Path:
    """Where a change of the token key notes what it works on; it stands with the lake, so that a backup of both fits."""
    return settings.path("lake", _FILE)


def unfinished(settings: Settings) -> dict[str, Any] | None:
    """The change that is not at its end, as it noted it; None when there is none."""
    path = state_file(settings)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def note(settings: Settings, state: dict[str, Any]) -> None:
    """Write down what a change works on, before its first commit."""
    write_whole(state_file(settings), json.dumps(state, indent=1, sort_keys=True))


def require_none(settings: Settings) -> None:
    """Raise RekeyUnfinished when a change of the token key is not at its end."""
    state = unfinished(settings)
    if state:
        raise RekeyUnfinished(
            f"{state_file(settings)}\n  found:  a change of the token key by {state['by']} that was cut off\n"
            "  wanted: one key for all tables\n  to do:  closedloop rekey --by NAME goes on with it; then run this again"
        )


def pinned(settings: Settings, name: str) -> int | None:
    """Version of a bronze, vault or ops table that readers take while tokens are replaced; None = the newest."""
    state = unfinished(settings)
    version = (state or {}).get("versions", {}).get(name)
    return None if state is None or version is None or is_published(settings, state["run_id"]) else version


def is_published(settings: Settings, run_id: str) -> bool:
    """Whether the tables of that run are what readers see."""
    if not is_there(settings, "ops.published"):
        return False
    rows = open_table(settings, "ops.published").to_pyarrow_dataset().to_table(columns=["run_id"])
    return run_id in set(rows["run_id"].to_pylist())
