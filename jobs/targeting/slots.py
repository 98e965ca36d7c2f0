"""When bulk messages go: the rows of a channel spread evenly over the slots of the sending window, never above the channel's pace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
import pyarrow as pa

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


def slots_of_lists(channel_codes: Sequence[str], rows: Sequence[int], sending: SendingRules) -> list[np.ndarray | None]:
    """Slot of each row of lists in their order, given channel and number of rows of each; None where no slots are kept."""
    before: Counter[str] = Counter()
    slots: list[np.ndarray | None] = []
    for channel_code, count in zip(channel_codes, rows, strict=True):
        is_bulk = load_channels()[channel_code].is_bulk
        slots.append(slots_of_rows(before[channel_code], count, len(sending.slots)) if is_bulk else None)
        before[channel_code] += count
    return slots


def sending_plan(contacts: pa.Table, sending: SendingRules) -> dict[str, Any]:
    """What the manifest of a bulk list says beside the window: the channel's pace and the rows of each slot, in file order."""
    channel = load_channels()[contacts["channel_code"][0].as_py()]
    if not channel.is_bulk:
        return {}
    counted = contacts["slot_no"].value_counts().to_pylist()
    counts = Counter({each["values"]: each["counts"] for each in counted})
    slots = [
        {"start": start, "end": end, "rows": counts[number]}
        for number, (start, end) in enumerate(sending.slots, start=1)
    ]
    return {"pace_per_second": pace_per_second(channel, sending), "slots": slots}
