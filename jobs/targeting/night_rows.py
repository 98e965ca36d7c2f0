"""Freezes the night: decision log, lists with their place in the files, control groups and recommendations, as Arrow tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from hashlib import sha256

import numpy as np
import pyarrow as pa

from conf.campaigns import Campaign
from conf.exports import load_exports
from conf.policy import Policy, load_policy
from jobs.rules.exclusion_reasons import Reason, first_reason
from jobs.rules.list_rows import last_valid_day
from jobs.targeting.allocate import NOT_CHOSEN, Allocation
from jobs.targeting.approval import campaign_hash
from jobs.targeting.control_group import GLOBAL
from jobs.targeting.slots import assign_slots

ROWS_PER_FILE = 500_000
VERSION_DIGITS = 12

RECOMMENDED_TEXTS = (
    "contact_id",
    "subscription_id",
    "campaign_id",
    "product_id",
    "offer_id",
    "channel_code",
    "script_id",
)


def contact_id_of(campaign_id: str, wave_no: int, subscription_id: str, business_date: date) -> str:
    """The same contact has the same id however often the night is run."""
    text = f"{campaign_id}|{wave_no}|{subscription_id}|{business_date}"
    return "K" + sha256(text.encode()).hexdigest()[:24].upper()


def file_name_of(channel_code: str, campaign_id: str, planned_date: date, sequence: int, extension: str) -> str:
    """Name of an exported file: channel, contact day, campaign, sequence from 001."""
    return f"{channel_code}_{planned_date:%Y%m%d}_{campaign_id}_{sequence:03d}.{extension}"


def decisions_of(
    targets: pa.Table, allocation: Allocation, campaigns: Mapping[str, Campaign], policy: Policy, business_date: date
) -> pa.Table:
    """The decision log: one row per target with verdict, first reason, all reasons and open channels."""
    bits = targets["all_reasons"].to_numpy() | allocation.reasons
    firsts = {int(value): first_reason(int(value)) for value in np.unique(bits)}
    verdicts = [
        _verdict(firsts[int(value)], channel, allocation)
        for value, channel in zip(bits, allocation.chosen_channel, strict=True)
    ]
    codes = [channel.channel_code for channel in allocation.channels]
    versions = {name: campaign_hash(campaign)[:VERSION_DIGITS] for name, campaign in campaigns.items()}
    rows = targets.num_rows
    return pa.table(
        {
            "subscription_id": targets["subscription_id"],
            "campaign_id": targets["campaign_id"],
            "business_date": pa.array([business_date] * rows, pa.date32()),
            "verdict": pa.array(verdicts, pa.string()),
            "first_reason": pa.array(
                [reason.name if (reason := firsts[int(value)]) else None for value in bits], pa.string()
            ),
            "all_reasons": pa.array(bits, pa.int64()),
            "channel_verdicts": targets["open_channels"],
            "channel_code": pa.array(
                [None if k == NOT_CHOSEN else codes[k] for k in allocation.chosen_channel], pa.string()
            ),
            "wave_no": targets["wave_no"],
            "score": targets["score"],
            "value_yuan": pa.array(allocation.value_yuan, pa.float64(), from_pandas=True),
            "is_model_selected": targets["is_model_selected"],
            "campaign_version": pa.array([versions[name] for name in targets["campaign_id"].to_pylist()], pa.string()),
            "policy_version": pa.array([policy.version] * rows, pa.string()),
        }
    )


def _verdict(reason: Reason | None, channel: int, allocation: Allocation) -> str:
    if reason is Reason.CONTROL_GROUP:
        return "CONTROL"
    if reason is not None:
        return "EXCLUDED"
    return "RECOMMENDED" if allocation.channels[channel].is_passive else "EXPORTED"


def contacts_of(
    targets: pa.Table, allocation: Allocation, campaigns: Mapping[str, Campaign], business_date: date
) -> pa.Table:
    """The lists: one row per chosen contact with its file and line; lines of a file stand in the order of contact_id."""
    planned = business_date + timedelta(days=1)
    chosen = np.flatnonzero(allocation.chosen_channel != NOT_CHOSEN)
    rows = []
    for target, k in zip(targets.take(pa.array(chosen)).to_pylist(), allocation.chosen_channel[chosen], strict=True):
        rows.append(_contact(target, allocation, int(k), campaigns[target["campaign_id"]], business_date, planned))
    for row, value in zip(rows, allocation.value_yuan[chosen], strict=True):
        row["expected_value_yuan"] = float(value)
    rows.sort(key=lambda row: (row["channel_code"], row["campaign_id"], row["contact_id"]))
    _number_lines(rows, planned)
    assign_slots(rows, load_policy().sending)
    return pa.Table.from_pylist(rows, schema=_CONTACT_SCHEMA)


def _contact(
    target: dict, allocation: Allocation, k: int, campaign: Campaign, business_date: date, planned: date
) -> dict[str, object]:
    channel = allocation.channels[k]
    task = campaign.task_of(channel.channel_code)
    wave_no, subscription_id = target["wave_no"], target["subscription_id"]
    return {
        "contact_id": contact_id_of(campaign.campaign_id, wave_no, subscription_id, business_date),
        "campaign_id": campaign.campaign_id,
        "task_id": campaign.task_id(channel.channel_code),
        "wave_no": wave_no,
        "subscription_id": subscription_id,
        "product_id": campaign.product_id,
        "offer_id": task.offer_id,
        "channel_code": channel.channel_code,
        "channel_class": channel.channel_class,
        "contact_class": task.contact_class or channel.channel_class,
        "planned_date": planned,
        "business_date": business_date,
        "script_id": task.script_id,
        "score": target["score"],
        "is_model_selected": target["is_model_selected"],
    }


def _number_lines(rows: list[dict], planned: date) -> None:
    extensions = {layout.channel_code: layout.extension for layout in load_exports().values()}
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        key = (row["channel_code"], row["campaign_id"])
        place = counts[key] = counts.get(key, 0) + 1
        sequence, line = divmod(place - 1, ROWS_PER_FILE)
        row["file_name"] = file_name_of(*key, planned, sequence + 1, extensions[row["channel_code"]])
        row["line_number"] = line + 1


_CONTACT_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("contact_id", "campaign_id", "task_id")]
    + [("wave_no", pa.int32())]
    + [
        (name, pa.string())
        for name in ("subscription_id", "product_id", "offer_id", "channel_code", "channel_class", "contact_class")
    ]
    + [("planned_date", pa.date32()), ("business_date", pa.date32()), ("script_id", pa.string())]
    + [("expected_value_yuan", pa.float64()), ("score", pa.float64()), ("is_model_selected", pa.bool_())]
    + [("file_name", pa.string()), ("line_number", pa.int32()), ("slot_no", pa.int32())]
)


def control_rows_of(
    targets: pa.Table, decisions: pa.Table, earlier: set[tuple[str, str]], business_date: date
) -> pa.Table:
    """Who is held back for the first time tonight; `earlier` holds (campaign, subscription) of earlier nights."""
    rows = []
    held = zip(
        decisions["verdict"].to_pylist(),
        targets["campaign_id"].to_pylist(),
        targets["subscription_id"].to_pylist(),
        targets["is_campaign_control"].to_pylist(),
        targets["is_model_selected"].to_pylist(),
        strict=True,
    )
    for verdict, campaign_id, subscription_id, is_campaign_control, is_model_selected in held:
        if verdict != "CONTROL" or (campaign_id, subscription_id) in earlier:
            continue
        kind = "CAMPAIGN" if is_campaign_control else GLOBAL
        rows.append(
            {
                "campaign_id": campaign_id,
                "subscription_id": subscription_id,
                "assigned_on": business_date,
                "control_kind": kind,
                "is_model_selected": is_model_selected,
                "business_date": business_date,
            }
        )
    schema = pa.schema(
        [
            ("campaign_id", pa.string()),
            ("subscription_id", pa.string()),
            ("assigned_on", pa.date32()),
            ("control_kind", pa.string()),
            ("is_model_selected", pa.bool_()),
            ("business_date", pa.date32()),
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)


def recommendations_of(contacts: pa.Table) -> pa.Table:
    """What passive channels show: the chosen contacts on them, best first for each subscription."""
    passive = [row for row in contacts.to_pylist() if row["channel_class"] == "PASSIVE"]
    passive.sort(key=lambda row: (row["subscription_id"], -row["expected_value_yuan"], row["contact_id"]))
    rows, rank, before = [], 0, None
    for row in passive:
        rank = rank + 1 if row["subscription_id"] == before else 1
        before = row["subscription_id"]
        kept = {name: row[name] for name in RECOMMENDED_TEXTS}
        rows.append(
            {
                **kept,
                "rank_no": rank,
                "expected_value_yuan": row["expected_value_yuan"],
                "valid_from": row["planned_date"],
                "valid_to": last_valid_day(row["planned_date"]),
                "business_date": row["business_date"],
            }
        )
    texts = [(name, pa.string()) for name in RECOMMENDED_TEXTS]
    schema = pa.schema(
        [
            *texts,
            ("rank_no", pa.int32()),
            ("expected_value_yuan", pa.float64()),
            ("valid_from", pa.date32()),
            ("valid_to", pa.date32()),
            ("business_date", pa.date32()),
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)
