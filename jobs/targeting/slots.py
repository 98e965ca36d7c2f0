"""When bulk messages go: the rows of a channel spread evenly over the slots of the sending window, never above the channel's pace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import numpy as np

from conf.channels import Channel, load_channels
from conf.policy import SendingRules


def pace_per_second(channel: Channel, sending: SendingRules) -> int:
    """Messages a second that a bulk channel's day of capacity means within the sending window, rounded up (4.13 M1)."""
    return ceil(channel.capacity_per_day / sending.window_seconds)


def slots_of_rows(first: int, count: int, slot_cnt: int) -> np.ndarray:
    """Slot (from 1) of each of `count` rows that follow the channel's `first` earlier ones, in sending order.

    The channel's rows are dealt out to the slots in turn, so that files of one channel fill its slots evenly together; within
    a file the rows of one slot then stand side by side.
    """
    return np.sort((first + np.arange(count)) % slot_cnt) + 1


def assign_slots(rows: Sequence[dict[str, Any]], sending: SendingRules) -> None:
    """Set `slot_no` of rows in the order of their files: the slot of a bulk message, None on other channels."""
    sizes = Counter((row["channel_code"], row["file_name"]) for row in rows)
    before: Counter[str] = Counter()
    slots: dict[str, list[int]] = {}
    for (channel_code, file_name), count in sizes.items():
        if load_channels()[channel_code].is_bulk:
            slots[file_name] = slots_of_rows(before[channel_code], count, len(sending.slots)).tolist()
            before[channel_code] += count
    for row in rows:
        of_file = slots.get(row["file_name"])
        row["slot_no"] = None if of_file is None else of_file[row["line_number"] - 1]


def sending_plan(contacts: Sequence[Mapping[str, Any]], sending: SendingRules) -> dict[str, Any]:
    """What the manifest of a bulk list says beside the window: the channel's pace and the rows of each slot, in file order."""
    channel = load_channels()[contacts[0]["channel_code"]]
    if not channel.is_bulk:
        return {}
    counts = Counter(row["slot_no"] for row in contacts)
    slots = [
        {"start": start, "end": end, "rows": counts[number]}
        for number, (start, end) in enumerate(sending.slots, start=1)
    ]
    return {"pace_per_second": pace_per_second(channel, sending), "slots": slots}
