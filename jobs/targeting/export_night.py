"""What the export of one night has at hand, and what becomes of its files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from conf.campaigns import Campaign
from conf.policy import Policy
from jobs.lakehouse.lake import Lake
from jobs.targeting.export_check import Protection
from jobs.targeting.export_rows import Directory
from jobs.targeting.export_signature import SigningKey, signing_key
from jobs.targeting.file_status import write_statuses


@dataclass(frozen=True)
class Night:
    """What the export of one night needs at hand."""

    lake: Lake
    business_date: date
    directory: Directory
    protection: Protection
    campaigns: dict[str, Campaign]
    policy: Policy
    known: dict[str, dict]
    withdrawn: set[str]
    dropped: Counter[str] = field(default_factory=Counter)
    _keys: dict[str, SigningKey] = field(default_factory=dict)

    def signing_key(self, channel_code: str) -> SigningKey:
        """The key of a channel, asked for once a night; ExportRefused when the channel was given another one before."""
        if channel_code not in self._keys:
            self._keys[channel_code] = signing_key(self.lake.settings, channel_code)
        return self._keys[channel_code]

    @cached_property
    def decided_with(self) -> dict[str, set[str]]:
        """Versions of each campaign's content with which the night was decided."""
        filters, columns = [("business_date", "=", self.business_date)], ["campaign_id", "campaign_version"]
        decided = self.lake.arrow("gold.campaign_decision", filters=filters, columns=columns)
        found: dict[str, set[str]] = {}
        for row in decided.group_by(columns).aggregate([]).to_pylist():
            found.setdefault(row["campaign_id"], set()).add(row["campaign_version"])
        return found

    @property
    def folder(self) -> Path:
        """Root of the channel folders."""
        return self.lake.settings.path("exports")

    def target(self, contact: dict) -> Path:
        """Where the list of a contact lies."""
        return self.folder / contact["channel_code"] / contact["file_name"]

    def status(self, file_name: str) -> str | None:
        """What the ledger says of the file."""
        return self.known[file_name]["status"] if file_name in self.known else None

    def row(self, contact: dict, rows: int, digest: str, status: str, **ends: str) -> dict[str, Any]:
        """The ledger's row of a contact's file; `ends` say why it was refused or closed, by whom, or how it had left."""
        return {
            "business_date": self.business_date,
            "campaign_id": contact["campaign_id"],
            "channel_code": contact["channel_code"],
            "file_name": contact["file_name"],
            "rows": rows,
            "sha256": digest,
            "status": status,
            **ends,
            "run_id": self.lake.run.run_id,
        }

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Put rows of files into the ledger, in one commit."""
        write_statuses(self.lake.settings, rows, self.lake.run.run_id)
        self.known.update({row["file_name"]: row for row in rows})


@dataclass
class Outcome:
    """What became of the night's files: files by state, contacts that left by channel, and why files are withheld."""

    files: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    withheld: list[str] = field(default_factory=list)

    def add(self, channel_code: str, state: str, rows: int = 0) -> None:
        """Count one file."""
        self.files[state] += 1
        self.rows[channel_code] += rows
