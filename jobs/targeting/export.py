"""Writes the frozen lists of a night as channel files: checked again by other code, released by `.done`, never sent twice.

Order for each file: content -> private file, fsync -> read back and checked -> rename into the channel's folder -> manifest
-> RELEASING in ops.export_ledger -> `.done` -> EXPORTED. A channel takes a file only after its `.done`, so no file is seen
without its row, and what is EXPORTED or RECALLED is never written again, whatever is left of it in the folder. After a
crash anywhere, running again brings the same files: their bytes follow from the frozen list alone.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conf.campaigns import Campaign, load_campaigns
from conf.channels import load_channels
from conf.dates import DateRange
from conf.errors import ClosedLoopError, ExportRefused
from conf.exports import ExportLayout, load_exports
from conf.policy import Policy, load_policy
from conf.settings import Settings
from jobs.lakehouse import faults, ledger
from jobs.lakehouse.alerts import raise_alert
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.run import Run
from jobs.targeting.approval import content_hash
from jobs.targeting.export_check import Protection, read_back, violations
from jobs.targeting.export_files import (
    clear_private,
    done_of,
    remove_unreleased,
    sync_folder,
    write_atomically,
    write_manifest,
    write_private,
)
from jobs.targeting.export_layout import file_bytes
from jobs.targeting.export_rows import Directory, contacts_by_file, file_cells
from jobs.targeting.file_status import CLOSED, EXPORTED, RECALLED, REFUSED, RELEASING, files_of_night, write_status
from jobs.targeting.inputs import contact_day_of
from jobs.targeting.protection import read_protection
from jobs.targeting.readiness import require_fresh_suppression

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STAGE = "targeting"
NOT_LEFT = ("WITHHELD", RECALLED)
Summary = dict[str, Any]


class NotClean(ExportRefused):
    """The finished file cannot be read back, or holds somebody who may not be contacted."""


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

    @property
    def folder(self) -> Path:
        """Root of the channel folders."""
        return self.lake.settings.path("exports")

    def target(self, contact: dict) -> Path:
        """Where the list of a contact lies."""
        return self.folder / contact["channel_code"] / contact["file_name"]

    def status(self, file_name: str) -> str | None:
        """What the ledger said of the file when the night was opened."""
        return self.known[file_name]["status"] if file_name in self.known else None


def run(spark: SparkSession, settings: Settings, dates: DateRange) -> Summary:
    """Export the lists of each night in the range; returns files and rows by channel.

    Raises StaleSuppression when protection is not fresh, ExportRefused at the end when a file was withheld (the others left).
    """
    return {str(business_date): run_night(spark, settings, business_date) for business_date in dates}


def run_night(
    spark: SparkSession, settings: Settings, business_date: date, campaigns: dict[str, Campaign] | None = None
) -> Summary:
    """Export one night."""
    lake = Lake(spark, settings, Run(STAGE, DateRange(business_date, business_date), settings))
    _require_published(settings, business_date)
    files = contacts_by_file(lake, business_date)
    clear_private(settings.path("exports"))
    night = _open_night(lake, business_date, campaigns)
    if any(night.status(name) not in CLOSED for name in files):
        _require_fresh(settings, business_date)
    outcome: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    withheld = []
    for file_name, contacts in files.items():
        try:
            state = _export_file(night, file_name, contacts)
        except ExportRefused as refusal:
            withheld.append(_withhold(night, file_name, contacts, refusal))
            state = "WITHHELD"
        outcome[state] += 1
        if state not in NOT_LEFT:
            rows[contacts[0]["channel_code"]] += len(contacts)
    _note(lake, outcome, rows)
    if withheld:
        raise ExportRefused(
            f"night {business_date}: {len(withheld)} of {len(files)} files withheld\n" + "\n".join(withheld)
        )
    return {"files": dict(outcome), "rows_by_channel": dict(sorted(rows.items())), "rows": sum(rows.values())}


def _require_published(settings: Settings, business_date: date) -> None:
    filters = [("stage", "=", STAGE), ("business_date", "=", business_date)]
    if not ledger.read(settings, "ops.published", filters=filters, columns=["stage"]).num_rows:
        raise ExportRefused(
            f"night {business_date}: targeting is not published\n  to do:  closedloop run target --date {business_date}"
        )


def _require_fresh(settings: Settings, business_date: date) -> None:
    try:
        require_fresh_suppression(settings, business_date)
    except ClosedLoopError as error:
        raise_alert(settings, "LISTS_REFUSED", business_date, str(error))
        raise


def _open_night(lake: Lake, business_date: date, campaigns: dict[str, Campaign] | None) -> Night:
    return Night(
        lake, business_date, Directory(lake, business_date), read_protection(lake, business_date, contact_day_of(business_date)),
        load_campaigns() if campaigns is None else campaigns, load_policy(), files_of_night(lake.settings, business_date),
    )  # fmt: skip


def _export_file(night: Night, file_name: str, contacts: list[dict]) -> str:
    """Bring one file out; returns SENT, or ALREADY_SENT or RECALLED: those are left as they are, whatever lies in the folder."""
    target, status = night.target(contacts[0]), night.status(file_name)
    if status in CLOSED:
        return RECALLED if status == RECALLED else "ALREADY_SENT"
    if status == RELEASING and _is_released(target):
        _write_ledger(night, contacts, night.known[file_name]["sha256"], EXPORTED)
        return "ALREADY_SENT"
    _write_ledger(night, contacts, _release(night, target, contacts), EXPORTED)
    return "SENT"


def _is_released(target: Path) -> bool:
    """Whether a list that was being released is out: its `.done` stands, or the channel has taken the list away."""
    return done_of(target).exists() or not target.exists()


def _release(night: Night, target: Path, contacts: list[dict]) -> str:
    """Write, check and release one list; returns its digest."""
    layout = load_exports()[load_channels()[contacts[0]["channel_code"]].export_layout]
    content = _content(night, layout, target.name, contacts)
    digest = sha256(content).hexdigest()
    private = write_private(night.folder, target.name, content)
    _require_clean(night, layout, private, contacts)
    faults.point("export.before_rename")
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(private, target)
    sync_folder(target.parent)
    faults.point("export.after_rename")
    write_manifest(night.folder, layout, target, contacts, content, night.policy)
    _write_ledger(night, contacts, digest, RELEASING)
    faults.point("export.before_done")
    write_atomically(night.folder, done_of(target), f"{digest}\n".encode())
    faults.point("export.after_done")
    return digest


def _content(night: Night, layout: ExportLayout, file_name: str, contacts: list[dict]) -> bytes:
    """The bytes of one list; one that was being released may only be released with the same."""
    _require_unchanged_campaign(night, contacts[0])
    content = file_bytes(layout, file_cells(contacts, night.campaigns, night.directory, night.policy), file_name)
    is_other = night.status(file_name) == RELEASING and night.known[file_name]["sha256"] != sha256(content).hexdigest()
    if is_other:
        raise ExportRefused(f"{file_name}: the ledger holds it with another content; it is never sent a second time")
    return content


def _require_unchanged_campaign(night: Night, contact: dict) -> None:
    """The scripts that leave are those of the approved content the night was decided with."""
    campaign = night.campaigns.get(contact["campaign_id"])
    columns = ["campaign_version"]
    filters = [("business_date", "=", night.business_date), ("campaign_id", "=", contact["campaign_id"])]
    decided = set(
        night.lake.arrow("gold.campaign_decision", filters=filters, columns=columns)["campaign_version"].to_pylist()
    )
    found = content_hash(campaign)[:12] if campaign else "no file"
    if decided != {found}:
        raise ExportRefused(
            f"{contact['campaign_id']}: found content {found}, wanted {sorted(decided)}, with which the night was decided"
        )


def _require_clean(night: Night, layout: ExportLayout, private: Path, contacts: list[dict]) -> None:
    """Read the finished file as the channel would and check it by other code; one fault withholds it."""
    try:
        rows = read_back(layout, private.read_bytes())
    except (ValueError, UnicodeError) as error:
        private.unlink()
        raise NotClean(f"{contacts[0]['file_name']}: cannot be read back as its channel would: {error}") from None
    campaign = night.campaigns.get(contacts[0]["campaign_id"])
    goal = campaign.goal if campaign else None
    faults_found = violations(rows, layout.channel_code, contacts, night.protection, goal)
    if faults_found:
        private.unlink()
        shown = "\n".join(f"    {fault}" for fault in faults_found[:5])
        raise NotClean(f"{contacts[0]['file_name']}: {len(faults_found)} lines must not leave\n{shown}")


def _withhold(night: Night, file_name: str, contacts: list[dict], refusal: ExportRefused) -> str:
    raise_alert(night.lake.settings, "FILE_WITHHELD", night.business_date, str(refusal), file_name=file_name)
    if isinstance(refusal, NotClean) or night.status(file_name) != RELEASING:
        remove_unreleased(night.target(contacts[0]))
        _write_ledger(night, contacts, "", REFUSED)
    return f"  - {refusal}"


def _write_ledger(night: Night, contacts: list[dict], digest: str, status: str) -> None:
    first = contacts[0]
    row = {
        "business_date": night.business_date, "campaign_id": first["campaign_id"], "channel_code": first["channel_code"],
        "file_name": first["file_name"], "rows": len(contacts), "sha256": digest, "status": status,
        "run_id": night.lake.run.run_id,
    }  # fmt: skip
    write_status(night.lake.settings, row)


def _note(lake: Lake, outcome: Counter[str], rows: Counter[str]) -> None:
    for state, count in outcome.items():
        lake.metric("export", "", f"files_{state.lower()}", count)
    for channel_code, count in rows.items():
        lake.metric("export", channel_code, "rows_exported", count)
    lake.flush_metrics()
