"""Writes the frozen lists of a night as channel files: checked again by other code, released by `.done`, never sent twice.

Each file: content -> private file, fsync -> read back and checked -> rename into the channel's folder -> manifest. One commit:
all of them RELEASING in ops.export_ledger. Each: RELEASING in sent/ -> signature -> `.done` -> SENT in sent/. One commit: all
EXPORTED. A channel takes a file only after its `.done`, so no file is seen without its row, and what is EXPORTED, RECALLED or
CLOSED is never written again, whatever is left of it in the folder. What left by `.done` or sent/ and is unknown to a restored lake is noted as it left, and told. After
a crash anywhere, running again brings the same files: their bytes follow from the frozen list and ops.contact_withdrawal.

A contact that may not be made any more, as after a late opt-out, is dropped from its file and recorded there; the file is
withheld only when it cannot be written or checked. A withheld file holds nothing else up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from conf.campaigns import Campaign, load_campaigns
from conf.channels import load_channels
from conf.dates import DateRange
from conf.errors import ClosedLoopError, ExportRefused
from conf.exports import ExportLayout, load_exports
from conf.policy import load_policy
from conf.settings import Settings
from jobs.lakehouse import delta_rs, faults
from jobs.lakehouse.alerts import raise_alert
from jobs.lakehouse.doors import export_folder
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.run import Run
from jobs.lakehouse.withheld import CLOSED, EXPORTED, RECALLED, REFUSED, RELEASING, withdrawn_contacts
from jobs.targeting import sent
from jobs.targeting.after_restore import note_recalled_contacts, note_what_left
from jobs.targeting.approval import campaign_hash
from jobs.targeting.export_check import differences, read_back, violations
from jobs.targeting.export_files import (
    clear_private,
    done_of,
    is_recalled,
    put_in_place,
    write_atomically,
    write_manifest,
    write_private,
)
from jobs.targeting.export_layout import file_bytes, misfits
from jobs.targeting.export_night import Night, Outcome
from jobs.targeting.export_rows import Directory, cells_of, contacts_by_file, first_of
from jobs.targeting.export_signature import write_signature
from jobs.targeting.file_status import ENDED, files_of_night
from jobs.targeting.inputs import contact_day_of
from jobs.targeting.protection import read_protection
from jobs.targeting.readiness import require_fresh_suppression
from jobs.targeting.withdrawals import DROPPED, LAST_GATE, withdraw

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STAGE = "targeting"
NO_NUMBER = "no number in view and vault"
Summary = dict[str, Any]


class NotClean(ExportRefused):
    """The finished file cannot be read back, or is not the frozen list."""


def run(spark: SparkSession, settings: Settings, dates: DateRange) -> Summary:
    """Export the lists of each night in the range; returns files and rows by channel.

    Raises StaleSuppression when protection is not fresh, ExportRefused when not one list could leave; a single withheld file is
    told by an alert, its row in the ledger and the summary.
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
    night = _open_night(lake, business_date, campaigns, files)
    note_what_left(night, files)
    note_recalled_contacts(night, files)
    if any(night.status(name) not in ENDED for name in files):
        _require_fresh(settings, business_date)
    outcome = Outcome()
    _release(night, files, _prepare(night, files, outcome), outcome)
    _note(night, outcome)
    if outcome.withheld and not (outcome.files["SENT"] or outcome.files["ALREADY_SENT"]):
        raise ExportRefused(
            f"night {business_date}: no list left, {len(outcome.withheld)} of {len(files)} files withheld\n"
            + "\n".join(outcome.withheld)
        )
    return {
        "files": dict(outcome.files),
        "rows_by_channel": {code: n for code, n in sorted(outcome.rows.items()) if n},
        "rows": sum(outcome.rows.values()),
        "dropped": sum(night.dropped.values()),
        "withheld": outcome.withheld,
    }


@dataclass(frozen=True)
class Ready:
    """A checked list in its channel's folder, manifest beside it, that nothing but its `.done` keeps from its channel."""

    target: Path
    contact: dict
    rows: int
    digest: str


def _require_published(settings: Settings, business_date: date) -> None:
    filters = [("stage", "=", STAGE), ("business_date", "=", business_date)]
    if not delta_rs.read(settings, "ops.published", filters=filters, columns=["stage"]).num_rows:
        raise ExportRefused(
            f"night {business_date}: targeting is not published\n  to do:  closedloop run target --date {business_date}"
        )


def _require_fresh(settings: Settings, business_date: date) -> None:
    try:
        require_fresh_suppression(settings, business_date)
    except ClosedLoopError as error:
        raise_alert(settings, "LISTS_REFUSED", business_date, str(error))
        raise


def _open_night(
    lake: Lake, business_date: date, campaigns: dict[str, Campaign] | None, files: dict[str, pa.Table]
) -> Night:
    settings, people = lake.settings, _people_of(files)
    return Night(
        lake,
        business_date,
        Directory(lake, business_date, people),
        read_protection(lake, business_date, contact_day_of(business_date), people),
        load_campaigns() if campaigns is None else campaigns,
        load_policy(),
        files_of_night(settings, business_date),
        withdrawn_contacts(settings, business_date, DROPPED),
    )


def _people_of(files: dict[str, pa.Table]) -> pa.Array:
    """Everybody on the lists, each once."""
    listed = [contacts["subscription_id"] for contacts in files.values()]
    return pa.chunked_array([chunk for each in listed for chunk in each.chunks], pa.string()).unique()


def _prepare(night: Night, files: dict[str, pa.Table], outcome: Outcome) -> list[Ready]:
    """Bring the lists that are not with their channel yet into its folder, unreleased; what has ended stays as it is."""
    ready = []
    for file_name, contacts in files.items():
        first, status = first_of(contacts), night.status(file_name)
        channel_code = first["channel_code"]
        if status in ENDED:
            has_left = status == EXPORTED
            outcome.add(
                channel_code,
                "ALREADY_SENT" if has_left else str(status),
                night.known[file_name]["rows"] if has_left else 0,
            )
            continue
        try:
            found = _put_in_folder(night, night.target(first), contacts)
        except ExportRefused as refusal:
            _withhold(night, file_name, contacts, refusal, outcome)
            continue
        if found is None:
            outcome.add(channel_code, CLOSED)
        else:
            ready.append(found)
    return ready


def _put_in_folder(night: Night, target: Path, contacts: pa.Table) -> Ready | None:
    """Write and check one list and let it appear without `.done`; None when nobody on it may be contacted any more."""
    first = first_of(contacts)
    layout = load_exports()[load_channels()[first["channel_code"]].export_layout]
    night.signing_key(layout.channel_code)  # refused before anything appears in the channel's folder
    _require_unchanged_campaign(night, first)
    kept, checked = _checked_list(night, layout, target, contacts)
    if checked is None:
        _close_empty(night, target, contacts)
        return None
    faults.point("export.before_rename")
    export_folder(night.lake.settings, layout.channel_code)
    put_in_place(checked.private, target)
    faults.point("export.after_rename")
    write_manifest(night.folder, layout, target, kept, checked.content, night.policy)
    return Ready(target, first_of(kept), kept.num_rows, checked.digest)


def _release(night: Night, files: dict[str, pa.Table], ready: list[Ready], outcome: Outcome) -> None:
    """Release the lists; the ledger knows all of them as RELEASING before the first `.done`, and what left in one commit after."""
    # After the renames: a list that is RELEASING and gone counts as taken by its channel.
    night.write([night.row(each.contact, each.rows, each.digest, RELEASING) for each in ready])
    left = []
    for each in ready:
        channel_code = each.contact["channel_code"]
        try:
            is_released = _release_one(night, each)
        except ExportRefused as refusal:
            _withhold(night, each.target.name, files[each.target.name], refusal, outcome)
            continue
        if is_released:
            left.append(each)
        outcome.add(channel_code, "SENT" if is_released else RECALLED, each.rows if is_released else 0)
    now = files_of_night(night.lake.settings, night.business_date)  # a person may have recalled one since
    kept = [each for each in left if now[each.target.name]["status"] != RECALLED]
    night.write([night.row(each.contact, each.rows, each.digest, EXPORTED) for each in kept])


def _release_one(night: Night, ready: Ready) -> bool:
    """Let the channel have a list; False when a person recalled it since the ledger had it as RELEASING."""
    settings, target, done = night.lake.settings, ready.target, f"{ready.digest}\n".encode()
    if is_recalled(target):
        return False
    sent.note(settings, night.known[target.name], sent.RELEASING)
    write_signature(settings, target, done, night.signing_key(target.parent.name))
    faults.point("export.before_done")
    write_atomically(night.folder, done_of(target), done)
    faults.point("export.after_done")
    sent.note(settings, night.known[target.name], sent.SENT)
    return True


@dataclass(frozen=True)
class Checked:
    """A finished private file, its content, and the lines (from 1) whose customers may not be contacted, with the reason."""

    private: Path
    content: bytes
    violations: dict[int, str]

    @property
    def digest(self) -> str:
        """SHA-256 of the content."""
        return sha256(self.content).hexdigest()


def _checked_list(
    night: Night, layout: ExportLayout, target: Path, contacts: pa.Table
) -> tuple[pa.Table, Checked | None]:
    """Write a list without the contacts that are not to be made; a second look must find nobody any more."""
    gone = pc.is_in(contacts["contact_id"], value_set=pa.array(sorted(night.withdrawn), pa.string()))
    kept = contacts.filter(pc.invert(gone))
    unwritable = _unwritable(night, layout, kept)
    if unwritable and len(unwritable) == kept.num_rows:
        raise ExportRefused(f"{target.name}: found for everybody on it: {_by_reason(unwritable)}; it cannot be checked")
    kept = _drop(night, target, kept, unwritable)
    if not kept.num_rows:
        return kept, None
    checked = _write_and_check(night, layout, target.name, kept)
    _require_same_content(night, target.name, checked)
    if not checked.violations:
        return kept, checked
    kept = _drop(night, target, kept, checked.violations)
    checked.private.unlink()
    if not kept.num_rows:
        return kept, None
    checked = _write_and_check(night, layout, target.name, kept)
    if checked.violations:
        checked.private.unlink()
        raise NotClean(f"{target.name}: {len(checked.violations)} contacts must not be made and could not be dropped")
    return kept, checked


def _unwritable(night: Night, layout: ExportLayout, contacts: pa.Table) -> dict[int, str]:
    """Lines (from 1) whose customer has no number, or a number or place the channel's file cannot hold, with the reason."""
    numbers = night.directory.numbers(contacts["subscription_id"])
    cells = {"msisdn": numbers, "city_code": night.directory.cities(contacts["subscription_id"])}
    found = {
        row + 1: f"{column} does not fit the channel's file" for row, column in misfits(layout, pa.table(cells)).items()
    }
    unknown = np.flatnonzero(numbers.is_null().to_numpy(zero_copy_only=False)) + 1
    return found | dict.fromkeys(unknown.tolist(), NO_NUMBER)


def _write_and_check(night: Night, layout: ExportLayout, file_name: str, contacts: pa.Table) -> Checked:
    """Read the finished file as the channel would and check it by other code; NotClean when it is not the frozen list."""
    campaign_id = first_of(contacts)["campaign_id"]
    cells = cells_of(contacts, night.campaigns[campaign_id], night.directory, night.policy)
    content = file_bytes(layout, cells, file_name)
    private = write_private(night.folder, file_name, content)
    try:
        rows = read_back(layout, private.read_bytes())
    except (ValueError, UnicodeError) as error:
        private.unlink()
        raise NotClean(f"{file_name}: cannot be read back as its channel would: {error}") from None
    unlike = differences(rows, contacts)
    if unlike:
        private.unlink()
        shown = "\n".join(f"    {text}" for text in unlike[:5])
        raise NotClean(f"{file_name}: {len(unlike)} differences from the frozen list\n{shown}")
    goal = night.campaigns[campaign_id].goal
    return Checked(private, content, violations(rows, layout.channel_code, contacts, night.protection, goal))


def _require_same_content(night: Night, file_name: str, checked: Checked) -> None:
    """A list that was being released is the one that may have been seen, but for contacts that are dropped from now on."""
    if night.status(file_name) == RELEASING and night.known[file_name]["sha256"] != checked.digest:
        checked.private.unlink()
        raise ExportRefused(
            f"{file_name}: the ledger holds it with another content; it is never sent a second time\n"
            f"  to do:  closedloop recall, should the channel have it"
        )


def _drop(night: Night, target: Path, kept: pa.Table, found: dict[int, str]) -> pa.Table:
    """Take contacts that may not be made out of a list nobody has seen, and tell how many; returns the others."""
    if not found:
        return kept
    first = first_of(kept)
    text = f"contacts dropped before release: {len(found)} of {kept.num_rows}; " + _by_reason(found)
    if (
        night.status(target.name) == RELEASING
    ):  # first the ledger: a list that is gone would count as taken by its channel
        _write_ledger(night, first, kept.num_rows, "", REFUSED, refused_because=text)
        sent.remove_unreleased(night.lake.settings, target, night.known[target.name])
    rows = np.asarray(sorted(found)) - 1
    reasons = [found[line] for line in sorted(found)]
    dropped = list(zip(kept.take(pa.array(rows)).to_pylist(), reasons, strict=True))
    withdraw(night.lake.settings, dropped, DROPPED, LAST_GATE, night.lake.run.run_id)
    night.dropped[first["channel_code"]] += len(dropped)
    raise_alert(night.lake.settings, "CONTACTS_DROPPED", night.business_date, text, file_name=target.name)
    stays = np.ones(kept.num_rows, dtype=bool)
    stays[rows] = False
    return kept.filter(pa.array(stays))


def _by_reason(found: dict[int, str]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(Counter(found.values()).items()))


def _close_empty(night: Night, target: Path, contacts: pa.Table) -> None:
    """A list on which nobody may be contacted any more has its end at once."""
    why = "nobody on it may be contacted any more"
    ends = {"refused_because": why, "closed_by": LAST_GATE, "closed_because": why}
    _write_ledger(night, first_of(contacts), contacts.num_rows, "", CLOSED, **ends)
    sent.remove_unreleased(night.lake.settings, target, night.known[target.name])


def _require_unchanged_campaign(night: Night, contact: dict) -> None:
    """The scripts that leave are those of the approved content the night was decided with."""
    campaign = night.campaigns.get(contact["campaign_id"])
    decided = night.decided_with.get(contact["campaign_id"], set())
    found = campaign_hash(campaign)[:12] if campaign else "no file"
    if decided != {found}:
        raise ExportRefused(
            f"{contact['campaign_id']}: found content {found}, wanted {sorted(decided)}, with which the night was decided"
        )


def _withhold(night: Night, file_name: str, contacts: pa.Table, refusal: ExportRefused, outcome: Outcome) -> None:
    """Tell that a file does not leave, and why; what may have left stays in the ledger as it left."""
    raise_alert(night.lake.settings, "FILE_WITHHELD", night.business_date, str(refusal), file_name=file_name)
    first = first_of(contacts)
    if isinstance(refusal, NotClean) or night.status(file_name) != RELEASING:
        _write_ledger(night, first, contacts.num_rows, "", REFUSED, refused_because=str(refusal))
        sent.remove_unreleased(night.lake.settings, night.target(first), night.known[file_name])
    outcome.withheld.append(f"  - {refusal}")
    outcome.add(first["channel_code"], "WITHHELD")


def _write_ledger(night: Night, contact: dict, rows: int, digest: str, status: str, **ends: str) -> None:
    """Put what became of a contact's file into the ledger; `ends` say why it was refused or closed, and by whom."""
    night.write([night.row(contact, rows, digest, status, **ends)])


def _note(night: Night, outcome: Outcome) -> None:
    for state, count in outcome.files.items():
        night.lake.metric("export", "", f"files_{state.lower()}", count)
    for channel_code, count in outcome.rows.items():
        if count:
            night.lake.metric("export", channel_code, "rows_exported", count)
    for channel_code, count in night.dropped.items():
        night.lake.metric("export", channel_code, "contacts_dropped", count)
    night.lake.flush_metrics()
