"""Two hundred damaged deliveries in one load: every one is found, with a reason a person can act on, none as a crash."""

from __future__ import annotations

import random
import shutil
from datetime import date, timedelta
from pathlib import Path

from conf.dates import DateRange
from jobs.ingest.job import run
from jobs.ingest.layout import FieldRule
from jobs.lakehouse import delta_rs
from tests.conftest import settings_for_tests
from tests.unit.ingest.deliveries import Delivery, dollar, euro, fee_record, fixed, payments

SEED = 20260310
FIRST = date(2026, 1, 1)
DAYS = 70
FLOOR = 200
FEEDS = ["payment", "crbt_fee", "misc_order"]
FLIP_DAYS = 40
# Share of flipped low bits that make one legal value of another: only a digest in the control file could see them.
UNDETECTABLE = (0.5, 0.8)
OF_THE_FILE = ("file_id", "loaded_at")


def flip(path: Path, rng: random.Random) -> None:
    """One bit lost in transmission: the high bit of one byte."""
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 0x80
    path.write_bytes(bytes(content))


def flip_low(path: Path, rng: random.Random) -> None:
    """One of the lowest three bits of one byte: often a digit becomes another digit."""
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(3)
    path.write_bytes(bytes(content))


def cut(path: Path, rng: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(len(content))])


def drop_line(path: Path, rng: random.Random) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[rng.randrange(len(lines))]
    path.write_bytes(b"".join(lines))


def double_line(path: Path, rng: random.Random) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    at = rng.randrange(len(lines))
    path.write_bytes(b"".join([*lines[:at], lines[at], *lines[at:]]))


DAMAGES = [flip, cut, drop_line, double_line]


def damage(delivery: Delivery, rng: random.Random) -> str:
    """Damage the data file or the control file in one way; returns what was done."""
    how = rng.choice(DAMAGES)
    victim = delivery.data if rng.random() < 0.7 else delivery.control
    before = victim.read_bytes()
    how(victim, rng)
    assert victim.read_bytes() != before
    return f"{how.__name__} {victim.name}"


def deliveries(landing: Path, day: date) -> list[tuple[str, Delivery]]:
    stamp = f"{day:%Y%m%d}"
    fees = b"".join(fee_record(n, f"F{stamp}{n:01d}", f"1380000{n:04d}", n, f"{stamp}12000{n}") for n in range(1, 8))
    orders = [
        [f"{stamp}{n:04d}", f"1380000{n:04d}", "1", "01", "", "1", "2", "3", "4", "5", f"{stamp}120000", "", "", "0"]
        for n in range(6)
    ]
    return [
        ("payment", dollar(landing, "billing", "03006", day, payments(8))),
        ("crbt_fee", fixed(landing, "vas", "13203", day, fees, 7)),
        ("misc_order", euro(landing, "vas", "15210", day, orders)),
    ]


def test_every_damaged_delivery_is_found(settings):
    rng = random.Random(SEED)
    done: dict[tuple[str, date], str] = {}
    for offset in range(DAYS):
        day = FIRST + timedelta(days=offset)
        for feed, delivery in deliveries(settings.path("landing"), day):
            done[feed, day] = damage(delivery, rng)
    run(
        settings,
        DateRange(FIRST - timedelta(days=40), FIRST + timedelta(days=DAYS + 40)),
        FEEDS,
    )
    files = delta_rs.read(settings, "ops.file_ledger").to_pylist()
    bad_rows = delta_rs.read(settings, "ops.quarantine").to_pylist()
    file_of = {row["file_id"]: row for row in files}
    found = {(row["feed"], row["data_date"]) for row in files if row["status"] == "REJECTED"}
    found |= {(row["feed"], file_of[row["file_id"]]["data_date"]) for row in bad_rows}
    missed = {key: done[key] for key in done if key not in found}
    assert missed == {}, f"seed {SEED}"
    assert len(found & set(done)) >= FLOOR
    for reason in [row["reason"] for row in files if row["status"] == "REJECTED"]:
        assert "found" in reason
        assert "wanted" in reason
        assert "ask the sender" in reason
        assert "Error" not in reason
    assert {row["rule"] for row in bad_rows} <= {rule.name for rule in FieldRule}
    for row in files:
        if row["status"] == "LANDED":
            assert row["rows_in"] == row["rows_good"] + row["rows_quarantined"]


def bronze_rows(settings, feed: str) -> dict[date, list[dict]]:
    """Rows of a feed by data date, in their order, without what names their file."""
    rows: dict[date, list[dict]] = {}
    for row in sorted(delta_rs.read(settings, f"bronze.{feed}").to_pylist(), key=lambda row: row["line_number"]):
        rows.setdefault(row["data_date"], []).append({key: row[key] for key in row if key not in OF_THE_FILE})
    return rows


def test_a_flipped_low_bit_is_found_or_gives_one_other_legal_value(tmp_path):
    """No digest stands in a control file, so a digit that became another digit lands; no row is lost, no run breaks off."""
    rng = random.Random(SEED)
    clean, damaged = settings_for_tests(tmp_path / "clean"), settings_for_tests(tmp_path / "damaged")
    dates = DateRange(FIRST, FIRST + timedelta(days=FLIP_DAYS - 1))
    for settings in (clean, damaged):
        for day in dates:
            for _, delivery in deliveries(settings.path("landing"), day):
                if settings is damaged:
                    flip_low(delivery.data, rng)
        run(settings, dates, FEEDS)
        if settings is clean:
            shutil.copytree(clean.path("secrets"), damaged.path("secrets"))  # the same tokens
    landed = [row for row in delta_rs.read(damaged, "ops.file_ledger").to_pylist() if row["status"] == "LANDED"]
    undetected = [row for row in landed if row["rows_quarantined"] == 0]
    for feed in FEEDS:
        wanted, found = bronze_rows(clean, feed), bronze_rows(damaged, feed)
        for file in [file for file in undetected if file["feed"] == feed]:
            pairs = list(zip(wanted[file["data_date"]], found[file["data_date"]], strict=True))
            assert sum(one != other for one, other in pairs) == 1, file["file_name"]
    share = len(undetected) / (len(FEEDS) * FLIP_DAYS)
    assert UNDETECTABLE[0] <= share <= UNDETECTABLE[1], f"{share:.2f} of seed {SEED}"
    assert all(row["rows_in"] == row["rows_good"] + row["rows_quarantined"] for row in landed)


def test_records_added_or_taken_out_are_found_even_when_the_control_file_agrees(settings):
    """Row numbers (styles A and C) and row digests (style B) see what counts cannot."""
    landing = settings.path("landing")
    one, two = (fee_record(n, f"F{n}", "13800138000", n, "20260310120000") for n in (1, 3))
    fixed(landing, "vas", "13203", FIRST, one + two, 2)  # record 2 was taken out
    dollar(landing, "billing", "03006", FIRST, [*payments(3), *payments(1)])
    run(settings, DateRange.of(FIRST), ["payment", "crbt_fee"])
    found = sorted(
        (row["feed"], row["line_number"], row["rule"]) for row in delta_rs.read(settings, "ops.quarantine").to_pylist()
    )
    assert found == [("crbt_fee", 2, "ROW_NUMBER"), ("payment", 4, "DUPLICATE_ROW")]
