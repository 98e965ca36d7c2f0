"""Landing is not read from its beginning each night: what was read before is known, with the answers of a full read."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from conf.feeds import load_feeds
from jobs.ingest import control_file_index, landing
from jobs.ingest.feeds import missing_feeds
from jobs.ingest.landing import discover
from tests.unit.ingest.deliveries import A_DAY, dollar, fixed, list_members, payments, too_late

DATA = Path(__file__).parents[2] / "data"
CASES = [
    DATA / "golden" / "landing",
    *sorted(DATA.glob("field_cases/*/landing")),
    *sorted(DATA.glob("protection/*/landing")),
]


@pytest.fixture
def reads(monkeypatch):
    """Names of the control files that were opened since the list was emptied; files of this second count as settled."""
    opened: list[str] = []
    read = landing.read_control
    monkeypatch.setattr(landing, "read_control", lambda path, *rest: (opened.append(path.name), read(path, *rest))[1])
    monkeypatch.setattr(control_file_index, "SETTLED_SECONDS", 0)
    return opened


def found(settings, *feeds: str) -> list:
    return discover(settings, [feed for name, feed in load_feeds().items() if not feeds or name in feeds])


def without_index(settings) -> list:
    shutil.rmtree(settings.path("run", "landing"), ignore_errors=True)
    return found(settings)


def test_every_case_is_found_the_same_given_an_index(settings, reads):
    for case in CASES:
        shutil.copytree(case, settings.path("landing"), dirs_exist_ok=True)
    for offset in range(3):
        day = A_DAY + timedelta(days=offset)
        dollar(settings.path("landing"), "billing", "03006", day, payments(2), created=too_late(day) if offset else "")
        short = dollar(settings.path("landing"), "boss", "02090", day, list_members(2), letter="I")
        short.control.write_text(f"{short.data.name}$2\n", newline="")
    broken = fixed(settings.path("landing"), "vas", "13203", A_DAY, b"", 0, resend=7)
    broken.control.write_bytes(b"x" * 100)
    every = without_index(settings)
    assert len(every) > 20, "floor: the cases have files"
    assert len(reads) > 15
    reads.clear()

    assert found(settings) == every
    assert reads == [broken.control.name], "what was refused is read again"


def test_only_what_is_new_changed_or_put_back_is_opened(settings, reads):
    landing_folder = settings.path("landing")
    first = dollar(landing_folder, "billing", "03006", A_DAY, payments(2))
    dollar(landing_folder, "boss", "02090", A_DAY, list_members(2), letter="I")
    found(settings)
    reads.clear()

    new = dollar(landing_folder, "billing", "03006", A_DAY + timedelta(days=1), payments(3))
    assert len(found(settings, "payment")) == 2
    assert reads == [new.control.name]
    reads.clear()
    was = first.control.stat()
    first.control.write_text(first.control.read_text().replace("025500", "035500"), newline="")
    os.utime(first.control, ns=(was.st_atime_ns, was.st_mtime_ns))  # size and date as before: its inode's time tells
    assert [file.created_at.hour for file in found(settings) if file.path == first.data] == [3]
    assert reads == [first.control.name], "the lists of another feed are still known"

    first.control.unlink()
    first.control.mkdir()
    assert [file.status for file in found(settings) if file.control == first.control.name] == ["REJECTED"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 0, "files": {}}', b"\xff"])
def test_an_index_nobody_can_read_is_made_anew(settings, reads, content):
    dollar(settings.path("landing"), "billing", "03006", A_DAY, payments(2))
    every = found(settings)
    index = settings.path("run", "landing", "billing.json")
    index.write_bytes(content)

    assert found(settings) == every
    assert found(settings) == every
    assert len(reads) == 2


def test_a_control_file_that_names_what_may_be_personal_is_not_remembered(settings, reads):
    folder = settings.path("landing", "billing")
    folder.mkdir(parents=True)
    (folder / "A0300620260310.CHK").write_text("13401234567.dat$4\n", newline="")
    found(settings)
    assert b"1340123" not in b"".join(path.read_bytes() for path in settings.path("run").rglob("*") if path.is_file())


def test_a_waiting_night_opens_its_own_control_files_only(settings, reads):
    for offset in range(5):
        dollar(settings.path("landing"), "billing", "03006", A_DAY - timedelta(days=offset), payments(1))
    assert "payment" not in missing_feeds(settings, A_DAY)
    assert reads == [f"S03006{A_DAY:%Y%m%d}.CHK"]
