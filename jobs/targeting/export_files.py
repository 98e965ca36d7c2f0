"""Files of the export on disk: private and complete before they appear, a manifest beside each, `.done` last."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from conf import files
from conf.exports import ExportLayout
from conf.files import PARTIAL, write_new
from conf.policy import Policy
from jobs.lakehouse.doors import file_for_its_folder
from jobs.rules.list_rows import last_valid_day
from jobs.targeting.slots import sending_plan

PRIVATE = ".private"


def write_private(root: Path, name: str, content: bytes) -> Path:
    """Write and fsync a file nobody else may read, outside the folders channels look into."""
    folder = root / PRIVATE
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    path = folder / f"{name}{PARTIAL}"
    path.unlink(missing_ok=True)
    write_new(path, content)
    return path


def clear_private(root: Path) -> None:
    """Remove what an interrupted run left in the private folder."""
    for path in (root / PRIVATE).glob(f"*{PARTIAL}"):
        path.unlink()


def write_atomically(root: Path, target: Path, content: bytes) -> None:
    """Put a file into a channel's folder whole or not at all."""
    put_in_place(write_private(root, target.name, content), target)


def put_in_place(private: Path, target: Path) -> None:
    """Let a finished private file appear in its channel's folder, for those whom the folder lets in."""
    file_for_its_folder(private, target.parent)
    files.put_in_place(private, target)


def done_of(target: Path) -> Path:
    """The file that releases a list."""
    return target.with_name(target.name + ".done")


def manifest_of(target: Path) -> Path:
    """The file that says what a list holds."""
    return target.with_name(target.name + ".manifest.json")


def recall_marker_of(target: Path) -> Path:
    """The file by which a channel learns that a list is taken back."""
    return target.with_name(target.name + ".recall.json")


def is_recalled(target: Path) -> bool:
    """Whether the file beside a list takes back all of it."""
    return read_json(recall_marker_of(target)).get("all") is True


def signature_of(target: Path) -> Path:
    """The file that signs a list's manifest and `.done`."""
    return target.with_name(target.name + ".sig")


def read_json(path: Path) -> dict[str, Any]:
    """What a manifest or a recall file says; empty when it is not there or cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_manifest(
    root: Path, layout: ExportLayout, target: Path, contacts: pa.Table, content: bytes, policy: Policy
) -> None:
    """Say beside the file what it holds: rows, bytes, SHA-256, campaign, layout version, when it expires."""
    first = contacts.slice(0, 1).to_pylist()[0]
    expires = last_valid_day(first["planned_date"])
    manifest = {
        "file_name": target.name,
        "channel_code": layout.channel_code,
        "campaign_id": first["campaign_id"],
        "business_date": str(first["business_date"]),
        "planned_date": str(first["planned_date"]),
        "expires_on": str(expires),
        "rows": contacts.num_rows,
        "bytes": len(content),
        "sha256": sha256(content).hexdigest(),
        "encoding": layout.encoding,
        "layout": layout.layout,
        "layout_version": layout.layout_version,
        "window": f"{policy.sending.window_start}-{policy.sending.window_end}",
        **sending_plan(contacts, policy.sending),
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    write_atomically(root, manifest_of(target), text.encode())
