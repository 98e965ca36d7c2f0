"""Work on whole columns comes to what work line by line comes to: cells, files read back, the last gate, the frozen lists."""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from conf.channels import load_channels
from conf.exports import ExportLayout, load_exports
from jobs.targeting import export_check, export_layout, night_rows
from jobs.targeting.allocate import NOT_CHOSEN, Allocation
from jobs.targeting.export_check import Protection, read_back, violations
from jobs.targeting.night_rows import contact_id_of, contacts_of
from tests.unit.targeting.campaigns_for_tests import CRBT, NEWS
from tests.unit.targeting.test_export_files import CELLS, CONTACT, HOSTILE

LAYOUTS = load_exports()
NIGHT = date(2026, 3, 10)


def read_line_by_line(layout: ExportLayout, content: bytes) -> list[dict[str, str]]:
    """The yardstick: a reader of one line after the other, by the library's own means."""
    encoding = layout.encoding.removesuffix("-sig")
    names = [column.name for column in layout.columns]
    if layout.format == "fixed_width":
        return [dict(zip(names, cells, strict=True)) for cells in _records(layout, content)]
    text = (content.removeprefix(b"\xef\xbb\xbf") if encoding != layout.encoding else content).decode("latin-1")
    if not text.endswith(layout.newline):
        raise ValueError("no end")
    if layout.quote == "always":
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=layout.delimiter, strict=True))
    else:
        lines = [line.split(layout.delimiter) for line in text.split(layout.newline)[:-1]]
    cells = [[cell.encode("latin-1").decode(encoding) for cell in line] for line in lines]
    if layout.header and (not cells or cells.pop(0) != names):
        raise ValueError("header")
    return [dict(zip(names, line, strict=True)) for line in cells]


def _records(layout: ExportLayout, content: bytes):
    end, size = layout.newline.encode(), sum(column.width for column in layout.columns) + len(layout.newline)
    if len(content) % size:
        raise ValueError("torn")
    for start in range(0, len(content), size):
        record, place, cells = content[start : start + size], 0, []
        if not record.endswith(end):
            raise ValueError("no end")
        for column in layout.columns:
            cells.append(record[place : place + column.width].decode(layout.encoding).rstrip(" "))
            place += column.width
        yield cells


def rows_for(layout: ExportLayout, rng: random.Random, count: int = 12) -> list[dict[str, str]]:
    texts = ["彩铃，回复TD退订。", "回复TD退订"] + (['说"好"，回复TD', '"好"'] if layout.delimiter != "|" else [])
    texts = [text for text in texts if '"' not in text or layout.quote == "always" or layout.format == "fixed_width"]
    return [
        CELLS
        | {
            "msisdn": f"138{rng.randrange(10**8):08d}",
            "script_text": rng.choice(texts),
            "wave_no": str(rng.randint(1, 12)),
        }
        for _ in range(count)
    ]


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_a_file_that_was_changed_on_its_way_is_read_no_better_than_line_by_line(name):
    layout, rng = LAYOUTS[name], random.Random(name)
    content = export_layout.file_bytes(layout, pa.Table.from_pylist(rows_for(layout, rng)), "F")
    assert read_back(layout, content).to_pylist() == read_line_by_line(layout, content)
    outcomes: Counter[str] = Counter()
    for _ in range(400):
        changed = bytearray(content)
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(changed))
            changed[place : place + rng.randint(0, 2)] = rng.choice(
                [b"", b'"', b'""', b"\r", b"\n", b"\r\n", b"|", b",", b"\t", b";", b" ", b"\xa1", b"A"]
            )
        try:
            wanted = read_line_by_line(layout, bytes(changed))
        except (ValueError, csv.Error):
            with pytest.raises((ValueError, UnicodeError)):
                read_back(layout, bytes(changed))
            outcomes["refused"] += 1
            continue
        try:
            assert read_back(layout, bytes(changed)).to_pylist() == wanted
            outcomes["read"] += 1
        except (ValueError, UnicodeError):  # a cell without its quotes, a line end of another kind: stricter is allowed
            outcomes["refused alone"] += 1
    assert outcomes["refused"] > 20, "floor: many changes are refused"
    assert outcomes["read"] > (0 if layout.format == "fixed_width" else 20), "floor: many leave a file that can be read"
    assert layout.quote == "always" or not outcomes["refused alone"]


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_a_look_over_a_column_clears_no_cell_that_does_not_fit(name):
    layout, rng = LAYOUTS[name], random.Random(7)
    cleared = 0
    for column in layout.columns:
        values = [CELLS[column.name], None, *HOSTILE, "１", "٣", CELLS[column.name] + "\n", CELLS[column.name] * 40]
        values += ["".join(rng.choices("09AZaz_:/.-１ ", k=rng.randint(1, 14))) for _ in range(200)]
        fits = export_layout._cleared(column, pa.array(values, pa.string()))
        judged = [export_layout._fault(layout, column, value) is None for value in values]
        assert not [value for value, clear, fit in zip(values, fits, judged, strict=True) if clear and not fit]
        cleared += int(fits[0])
    assert cleared >= 7, "floor: what a list usually holds is cleared at once"


def a_protection(rng: random.Random, people: list[str], numbers: list[str]) -> Protection:
    def some() -> list[str]:
        return [person for person in people if rng.random() < 0.06]

    protection = Protection(
        suppressed={
            person: [rng.choice([("SYSTEM", "*"), ("CHANNEL", "SMS"), ("PRODUCT", "NEWS")])] for person in some()
        },
        listed={person: [(rng.choice(["BLACK", "RED", "GREY"]), "CHANNEL", "STORE", "")] for person in some()},
        opted_out={person: [(rng.choice(["SYSTEM", "CHANNEL"]), "SMS", "CRBT")] for person in some()},
        complained={person: [("PRODUCT", rng.choice(["CRBT", "NEWS"]))] for person in some()},
        sensitive={person: {rng.choice(["SMS", "IVR"])} for person in some()},
        held_back={(rng.choice(["CRBT_SAVE", "OTHER"]), person) for person in some()},
        held_back_always=set(some()),
        holder=dict(zip(numbers, people, strict=True)),
        live={person for person in people if rng.random() < 0.95},
        status={person: rng.choice(["ACTIVE"] * 12 + ["GRACE", "SUSPENDED"]) for person in people},
    )
    for number in rng.sample(numbers, 10):
        protection.holder[number] = rng.choice(["", people[0]])
    for number in rng.sample(numbers, 10):
        protection.holder.pop(number, None)
    return protection


@pytest.mark.parametrize("seed", range(4))
def test_the_last_gate_finds_whom_it_finds_line_by_line(seed):
    rng = random.Random(seed)
    people, numbers = [f"S{n}" for n in range(400)], [f"138{n:08d}" for n in range(400)]
    protection = a_protection(rng, people, numbers)
    written = [rng.choice([number] * 9 + ["+86" + number]) for number in numbers]
    rows = [CELLS | {"msisdn": number} for number in written]
    contacts = [CONTACT | {"subscription_id": person} for person in people]

    found = violations(pa.Table.from_pylist(rows), "SMS", pa.Table.from_pylist(contacts), protection, "RETAIN")

    one_by_one = (
        export_check._fault(row, "SMS", contact, protection)
        or export_check._status_fault(contact, protection, "RETAIN")
        for row, contact in zip(rows, contacts, strict=True)
    )
    assert found == {line: fault for line, fault in enumerate(one_by_one, start=1) if fault}
    assert len({fault.split(" (")[0] for fault in found.values()}) >= 8, "floor: every kind of fault is found"
    assert len(found) < 300, "floor: many are cleared"


def an_allocation(people: int, seed: int = 3) -> tuple[pa.Table, Allocation]:
    rng, channels = np.random.default_rng(seed), list(load_channels().values())
    names = sorted(f"S{number:05d}" for number in range(people))
    targets = pa.table(
        {
            "subscription_id": names * 2,
            "campaign_id": ["T_CRBT"] * people + ["T_NEWS"] * people,
            "wave_no": pa.array(rng.integers(1, 3, 2 * people), pa.int32()),
            "score": rng.random(2 * people),
            "is_model_selected": rng.random(2 * people) < 0.5,
        }
    )
    codes = [channel.channel_code for channel in channels]
    of_crbt, of_news = ([codes.index(code) for code in each.channel_codes] for each in (CRBT, NEWS))
    chosen = np.concatenate([rng.choice([NOT_CHOSEN, *of_crbt], people), rng.choice([NOT_CHOSEN, *of_news], people)])
    return targets, Allocation(channels, chosen, rng.random(2 * people), np.zeros(2 * people, np.int64), None)


def test_lists_are_numbered_and_split_into_files_in_the_order_of_their_ids(monkeypatch):
    monkeypatch.setattr(night_rows, "ROWS_PER_FILE", 40)
    targets, allocation = an_allocation(600)
    campaigns = {"T_CRBT": CRBT, "T_NEWS": NEWS}

    rows = contacts_of(targets, allocation, campaigns, NIGHT).to_pylist()

    ids = [contact_id_of(row["campaign_id"], row["wave_no"], row["subscription_id"], NIGHT) for row in rows]
    assert [row["contact_id"] for row in rows] == ids
    keys = [(row["channel_code"], row["campaign_id"], row["contact_id"]) for row in rows]
    assert keys == sorted(keys)
    wanted = {
        (c, s): k
        for c, s, k in zip(
            targets["campaign_id"].to_pylist(),
            targets["subscription_id"].to_pylist(),
            allocation.chosen_channel,
            strict=True,
        )
        if k != NOT_CHOSEN
    }
    chosen = {(row["campaign_id"], row["subscription_id"]): row["channel_code"] for row in rows}
    assert chosen == {pair: allocation.channels[k].channel_code for pair, k in wanted.items()}
    places: Counter[tuple[str, str]] = Counter()
    for row in rows:
        task = (row["channel_code"], row["campaign_id"])
        file, line = divmod(places[task], 40)
        places[task] += 1
        assert row["file_name"].startswith(f"{task[0]}_20260311_{task[1]}_{file + 1:03d}.")
        assert row["line_number"] == line + 1
        assert (row["slot_no"] is None) == (not load_channels()[task[0]].is_bulk)
    assert max(places.values()) > 80, "floor: a list of three files"
    values = dict(
        zip(
            zip(targets["campaign_id"].to_pylist(), targets["subscription_id"].to_pylist(), strict=True),
            allocation.value_yuan,
            strict=True,
        )
    )
    assert all(row["expected_value_yuan"] == values[row["campaign_id"], row["subscription_id"]] for row in rows)
