"""Freezes the night: decision log, lists with their place in the files, control groups and recommendations, as Arrow tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from hashlib import sha256

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from conf.campaigns import Campaign
from conf.channels import Channel
from conf.exports import load_exports
from conf.policy import Policy, load_policy
from jobs.rules.exclusion_reasons import Reason, first_reason
from jobs.rules.list_rows import last_valid_day
from jobs.targeting.allocate import NOT_CHOSEN, Allocation
from jobs.targeting.approval import campaign_hash
from jobs.targeting.control_group import GLOBAL
from jobs.targeting.positions import positions
from jobs.targeting.slots import slots_of_lists

ROWS_PER_FILE = 500_000
VERSION_DIGITS = 12
ID_BYTES = 12  # of the digest that is a contact's id

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
    return "K" + _digest(campaign_id, wave_no, subscription_id, business_date).hex().upper()


def _digest(campaign_id: str, wave_no: int, subscription_id: str, business_date: date) -> bytes:
    text = f"{campaign_id}|{wave_no}|{subscription_id}|{business_date}"
    return sha256(text.encode()).digest()[:ID_BYTES]


def _contact_ids(digests: np.ndarray) -> pa.Array:
    """Ids of contacts from their digests (rows of ID_BYTES)."""
    letters = np.frombuffer(digests.tobytes().hex().upper().encode(), np.uint8).reshape(len(digests), -1)
    ids = np.hstack([np.full((len(letters), 1), ord("K"), np.uint8), letters])
    offsets = np.arange(len(ids) + 1, dtype=np.int32) * (1 + 2 * ID_BYTES)
    values = pa.py_buffer(np.ascontiguousarray(ids))
    return pa.Array.from_buffers(pa.string(), len(ids), [None, pa.py_buffer(offsets), values])


def file_name_of(channel_code: str, campaign_id: str, planned_date: date, sequence: int, extension: str) -> str:
    """Name of an exported file: channel, contact day, campaign, sequence from 001."""
    return f"{channel_code}_{planned_date:%Y%m%d}_{campaign_id}_{sequence:03d}.{extension}"


def decisions_of(
    targets: pa.Table, allocation: Allocation, campaigns: Mapping[str, Campaign], policy: Policy, business_date: date
) -> pa.Table:
    """The decision log: one row per target with verdict, first reason, all reasons and open channels."""
    bits = targets["all_reasons"].to_numpy() | allocation.reasons
    sets, kind = np.unique(bits, return_inverse=True)
    firsts = [first_reason(int(value)) for value in sets]
    passive = np.asarray([channel.is_passive for channel in allocation.channels])
    # A place of this list for each target: by its reason, else by whether its channel waits for the customer.
    verdicts = ["EXCLUDED", "CONTROL", "EXPORTED", "RECOMMENDED"]
    of_reason = np.asarray([_verdict_of(reason, verdicts) for reason in firsts], dtype=np.int64)[kind]
    of_channel = np.where(passive[allocation.chosen_channel], 3, 2)
    codes = [channel.channel_code for channel in allocation.channels]
    versions = {name: campaign_hash(campaign)[:VERSION_DIGITS] for name, campaign in campaigns.items()}
    rows = targets.num_rows
    return pa.table(
        {
            "subscription_id": targets["subscription_id"],
            "campaign_id": targets["campaign_id"],
            "business_date": pa.array(np.full(rows, business_date, "datetime64[D]")),
            "verdict": _texts(verdicts, np.where(of_reason < 0, of_channel, of_reason)),
            "first_reason": _texts([reason.name if reason else None for reason in firsts], kind),
            "all_reasons": pa.array(bits, pa.int64()),
            "channel_verdicts": targets["open_channels"],
            "channel_code": _texts([*codes, None], allocation.chosen_channel),
            "wave_no": targets["wave_no"],
            "score": targets["score"],
            "value_yuan": pa.array(allocation.value_yuan, pa.float64(), from_pandas=True),
            "is_model_selected": targets["is_model_selected"],
            "campaign_version": _texts(list(versions.values()), positions(targets["campaign_id"], list(versions))),
            "policy_version": _texts([policy.version], np.zeros(rows, np.int64)),
        }
    )


def _verdict_of(reason: Reason | None, verdicts: list[str]) -> int:
    """Place of the verdict a first reason gives; -1 without one."""
    if reason is None:
        return -1
    return verdicts.index("CONTROL" if reason is Reason.CONTROL_GROUP else "EXCLUDED")


def _texts(values: Sequence[str | None], places: np.ndarray) -> pa.Array:
    """The value at each place; places count from the end when they are negative."""
    return pa.array(values, pa.string()).take(pa.array(places % max(len(values), 1), pa.int64()))


def contacts_of(
    targets: pa.Table, allocation: Allocation, campaigns: Mapping[str, Campaign], business_date: date
) -> pa.Table:
    """The lists: one row per chosen contact with its file and line; lines of a file stand in the order of contact_id."""
    planned, listed = business_date + timedelta(days=1), list(campaigns.values())
    chosen = np.flatnonzero(allocation.chosen_channel != NOT_CHOSEN)
    if not len(chosen):
        return _CONTACT_SCHEMA.empty_table()
    rows = targets.select(["subscription_id", "campaign_id", "wave_no", "score", "is_model_selected"]).take(
        pa.array(chosen)
    )
    task = (
        positions(rows["campaign_id"], list(campaigns)) * len(allocation.channels) + allocation.chosen_channel[chosen]
    )
    found, task = np.unique(task, return_inverse=True)
    tasks = [
        _task(listed[pair // len(allocation.channels)], allocation.channels[pair % len(allocation.channels)])
        for pair in found
    ]
    named = zip(*(rows[name].to_pylist() for name in ("campaign_id", "wave_no", "subscription_id")), strict=True)
    packed = b"".join(_digest(name, wave, person, business_date) for name, wave, person in named)
    digests = np.frombuffer(packed, np.uint8).reshape(-1, ID_BYTES)
    order = _order_of_lists(tasks, task, digests)
    rows, task, digests = rows.take(pa.array(order)), task[order], digests[order]
    columns = {name: _texts([each[name] for each in tasks], task) for name in tasks[0]}
    day = {"planned_date": planned, "business_date": business_date}
    lists = pa.table(
        {
            **{name: rows[name] for name in rows.column_names},
            **columns,
            "contact_id": _contact_ids(digests),
            **{name: pa.array(np.full(len(order), value, "datetime64[D]")) for name, value in day.items()},
            "expected_value_yuan": allocation.value_yuan[chosen][order],
            **_lines(tasks, task, planned),
        }
    )
    return lists.select(_CONTACT_SCHEMA.names).cast(_CONTACT_SCHEMA)


def _task(campaign: Campaign, channel: Channel) -> dict[str, str]:
    """What every contact of a campaign on a channel says."""
    task = campaign.task_of(channel.channel_code)
    return {
        "campaign_id": campaign.campaign_id,
        "task_id": campaign.task_id(channel.channel_code),
        "product_id": campaign.product_id,
        "offer_id": task.offer_id,
        "channel_code": channel.channel_code,
        "channel_class": channel.channel_class,
        "contact_class": task.contact_class or channel.channel_class,
        "script_id": task.script_id,
    }


def _order_of_lists(tasks: list[dict[str, str]], task: np.ndarray, digests: np.ndarray) -> np.ndarray:
    """The order of the lists: by channel, campaign and id."""
    names = [(each["channel_code"], each["campaign_id"]) for each in tasks]
    rank = np.argsort(np.asarray(sorted(range(len(names)), key=names.__getitem__), np.int64))
    padded = np.zeros((len(digests), 16), np.uint8)
    padded[:, :ID_BYTES] = digests
    words = padded.view(">u8")  # digits of an id sort as its bytes do
    return np.lexsort((words[:, 1], words[:, 0], rank[task]))


def _lines(tasks: list[dict[str, str]], task: np.ndarray, planned: date) -> dict[str, pa.Array]:
    """File, line and slot of contacts in the order of the lists."""
    extensions = {layout.channel_code: layout.extension for layout in load_exports().values()}
    firsts = np.flatnonzero(np.append(True, task[1:] != task[:-1]))
    sizes = np.diff(np.append(firsts, len(task)))
    place = np.arange(len(task)) - np.repeat(firsts, sizes)
    line = place % ROWS_PER_FILE
    starts = np.flatnonzero(line == 0)
    files, sizes = task[starts], np.diff(np.append(starts, len(task)))
    codes = [tasks[pair]["channel_code"] for pair in files]
    names = [
        file_name_of(
            code, tasks[pair]["campaign_id"], planned, int(place[start]) // ROWS_PER_FILE + 1, extensions[code]
        )
        for code, pair, start in zip(codes, files, starts, strict=True)
    ]
    slots = slots_of_lists(codes, sizes.tolist(), load_policy().sending)
    slot = [
        pa.nulls(size, pa.int32()) if own is None else pa.array(own, pa.int32())
        for own, size in zip(slots, sizes.tolist(), strict=True)
    ]
    return {
        "file_name": _texts(names, np.repeat(np.arange(len(names)), sizes)),
        "line_number": pa.array(line + 1, pa.int32()),
        "slot_no": pa.chunked_array(slot, pa.int32()),
    }


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


def control_rows_of(targets: pa.Table, decisions: pa.Table, earlier: pa.Table, business_date: date) -> pa.Table:
    """Who is held back for the first time tonight; `earlier` holds campaign and subscription of earlier nights."""
    columns = ["campaign_id", "subscription_id", "is_campaign_control", "is_model_selected"]
    held = targets.select(columns).filter(pc.equal(decisions["verdict"], "CONTROL"))
    concerned = earlier.filter(pc.is_in(earlier["subscription_id"], value_set=held["subscription_id"].combine_chunks()))
    known = set(zip(*(concerned[name].to_pylist() for name in columns[:2]), strict=True))
    pairs = zip(*(held[name].to_pylist() for name in columns[:2]), strict=True)
    new = held.filter(pa.array([pair not in known for pair in pairs], pa.bool_()))
    days = pa.array(np.full(new.num_rows, business_date, "datetime64[D]"))
    return pa.table(
        {
            "campaign_id": new["campaign_id"],
            "subscription_id": new["subscription_id"],
            "assigned_on": days,
            "control_kind": pc.if_else(pc.fill_null(new["is_campaign_control"], False), "CAMPAIGN", GLOBAL),
            "is_model_selected": new["is_model_selected"],
            "business_date": days,
        }
    )


def recommendations_of(contacts: pa.Table) -> pa.Table:
    """What passive channels show: the chosen contacts on them, best first for each subscription."""
    shown = contacts.filter(pc.equal(contacts["channel_class"], "PASSIVE")).sort_by(
        [("subscription_id", "ascending"), ("expected_value_yuan", "descending"), ("contact_id", "ascending")]
    )
    runs = pc.run_end_encode(shown["subscription_id"].combine_chunks()).run_ends.to_numpy()
    sizes = np.diff(np.append(0, runs))
    rank = np.arange(shown.num_rows) - np.repeat(runs - sizes, sizes) + 1
    days = {day: last_valid_day(day) for day in shown["planned_date"].unique().to_pylist()}
    valid_to = pa.array(map(days.get, shown["planned_date"].to_pylist()), pa.date32())
    return pa.table(
        {
            **{name: shown[name] for name in RECOMMENDED_TEXTS},
            "rank_no": pa.array(rank, pa.int32()),
            "expected_value_yuan": shown["expected_value_yuan"],
            "valid_from": shown["planned_date"],
            "valid_to": valid_to,
            "business_date": shown["business_date"],
        }
    )
