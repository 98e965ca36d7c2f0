"""Bulk lists are sent slot by slot within the window, at the pace the channel's capacity means."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from conf.channels import load_channels
from conf.policy import SendingRules, load_policy
from jobs.targeting.slots import pace_per_second, sending_plan, slots_of_lists, slots_of_rows

SENDING = load_policy().sending
DECK_FILES = (3_000_000, 1_500_001, 1_499_999, 999_999, 1)  # of one channel and day: 7,000,000 rows together


def window(start: str, end: str, minutes: int) -> SendingRules:
    return SendingRules(window_start=start, window_end=end, slot_minutes=minutes, opt_out_words=("TD",))


def with_slots(*lists: tuple[str, int]) -> pa.Table:
    """Rows of lists of a channel and so many rows, with their slots."""
    codes, rows = zip(*lists, strict=True)
    slots = slots_of_lists(codes, rows, SENDING)
    return pa.concat_tables(
        pa.table(
            {"channel_code": [code] * count, "slot_no": pa.array([None] * count if own is None else own, pa.int32())}
        )
        for code, count, own in zip(codes, rows, slots, strict=True)
    )


@pytest.mark.parametrize(
    ("channel", "capacity", "pace"), [("SMS", 7_000_000, 177), ("MMS", 1_000_000, 26), ("WAP_PUSH", 1_000_000, 26)]
)
def test_deck_capacity_means_177_texts_a_second_within_the_window_given_m1(monkeypatch, channel, capacity, pace):
    monkeypatch.setenv("CLOSEDLOOP_PROFILE", "server")
    found = load_channels()[channel]

    assert (SENDING.window_start, SENDING.window_end, SENDING.window_seconds) == ("09:00", "20:00", 11 * 3600)
    assert found.capacity_per_day == capacity
    assert pace_per_second(found, SENDING) == pace


def test_seven_million_texts_of_five_files_go_in_eleven_even_slots_given_m1(monkeypatch):
    monkeypatch.setenv("CLOSEDLOOP_PROFILE", "server")
    sms, per_slot, before = load_channels()["SMS"], np.zeros(len(SENDING.slots), dtype=np.int64), 0
    for count in DECK_FILES:
        slots = slots_of_rows(before, count, len(SENDING.slots))
        assert (np.diff(slots) >= 0).all(), "rows of one slot stand side by side in the file"
        in_slot = np.bincount(slots - 1, minlength=len(SENDING.slots))
        assert in_slot.max() - in_slot.min() <= 1, "every file is spread over the whole window"
        per_slot += in_slot
        before += count

    assert SENDING.slots[0] == ("09:00", "10:00")
    assert SENDING.slots[-1] == ("19:00", "20:00")
    assert per_slot.sum() == sms.capacity_per_day == 7_000_000
    assert per_slot.max() - per_slot.min() <= 1, "files together fill the slots evenly, however their remainders fall"
    assert per_slot.max() <= pace_per_second(sms, SENDING) * 60 * SENDING.slot_minutes


def test_rows_of_bulk_lists_get_a_slot_and_others_none():
    rows = with_slots(("SMS", 12), ("SMS", 10), ("OUTBOUND", 3)).to_pylist()

    texts = Counter(row["slot_no"] for row in rows if row["channel_code"] == "SMS")
    assert texts == dict.fromkeys(range(1, 12), 2)
    assert {row["slot_no"] for row in rows if row["channel_code"] == "OUTBOUND"} == {None}


def test_manifest_of_a_bulk_list_says_pace_and_rows_of_each_slot():
    rows = with_slots(("SMS", 25))
    plan = sending_plan(rows.slice(1), SENDING)  # one row was dropped after the freeze: the others keep their slots

    assert plan["pace_per_second"] == 1
    assert [slot["rows"] for slot in plan["slots"]] == [2, 3, 3] + [2] * 8
    assert plan["slots"][1] == {"start": "10:00", "end": "11:00", "rows": 3}
    assert sending_plan(with_slots(("STORE", 1)), SENDING) == {}


def test_slots_follow_the_window():
    assert window("10:00", "11:00", 20).slots == [("10:00", "10:20"), ("10:20", "10:40"), ("10:40", "11:00")]


@pytest.mark.parametrize(
    ("start", "end", "minutes"), [("09:30", "20:00", 60), ("20:00", "09:00", 60), ("09:00", "09:00", 60)]
)
def test_window_that_is_not_whole_slots_is_refused(start, end, minutes):
    with pytest.raises(ValueError, match="a whole number of slots"):
        window(start, end, minutes)
