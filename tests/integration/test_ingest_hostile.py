"""Whatever a sender puts into landing is refused by name in an alert, never followed, never waited for; the good files land."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from conf.dates import DateRange
from jobs.ingest.delivered_file import NotAPlainFile, open_delivered
from jobs.ingest.feeds import missing_feeds
from jobs.ingest.job import run
from jobs.lakehouse import delta_rs
from tests.unit.ingest.deliveries import A_DAY, dollar, fee_record, fixed, list_members, payments

pytestmark = pytest.mark.timeout(120)  # a pipe that is opened hangs for ever
FEEDS = ["payment", "crbt_fee", "list_member"]
SECRET = "01$1$20260310000000$777.77$STOLEN$0$U99999\n"
NUMBER = "13401234567"


def fee(number: int) -> bytes:
    return fee_record(1, f"F{number:09d}", f"1380000{number:04d}", number, "20260310120000")


def make(kind: str, path: Path, outside: Path) -> None:
    """Put something that is no plain file in the place of a delivered one."""
    path.unlink(missing_ok=True)
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a directory":
        path.mkdir()
    elif kind == "a socket":
        here = os.getcwd()
        os.chdir(path.parent)  # the path of a socket has 108 bytes at most
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
        os.chdir(here)
    elif kind == "a device":
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))  # as /dev/zero: endless
    else:
        shutil.copy(path, outside) if path.exists() else outside.write_text(SECRET)
        path.symlink_to(outside)


KINDS = ["a pipe", "a link", "a directory", "a socket", *(["a device"] if os.geteuid() == 0 else [])]


def alerts(settings, event: str) -> list[dict]:
    found = [json.loads(path.read_text(encoding="utf-8")) for path in settings.path("alerts").glob(f"*_{event}_*.json")]
    return sorted(found, key=lambda alert: alert["text"])


def good_night(landing: Path) -> None:
    dollar(landing, "billing", "03006", A_DAY, payments(4))
    dollar(landing, "boss", "02090", A_DAY, list_members(5), letter="I")
    fixed(landing, "vas", "13203", A_DAY, fee(1), 1)


def assert_good_files_landed(settings) -> None:
    assert delta_rs.read(settings, "bronze.payment").num_rows == 4
    assert delta_rs.read(settings, "bronze.list_member").num_rows == 5
    assert delta_rs.read(settings, "bronze.crbt_fee")["fee"].to_pylist() == [1]


@pytest.mark.parametrize("which", ["data", "control"])
def test_what_is_no_plain_file_is_refused_by_name_and_the_good_files_land(settings, tmp_path, which):
    landing = settings.path("landing")
    good_night(landing)
    names = {}
    for place, kind in enumerate(KINDS, start=2):
        made = fixed(landing, "vas", "13203", A_DAY, fee(place), 1, resend=place)
        path = made.data if which == "data" else made.control
        make(kind, path, tmp_path / f"outside-{place}")
        names[path.name] = kind

    for _ in range(2):  # and again the next time
        run(settings, DateRange.of(A_DAY), FEEDS)
        assert FEEDS[0] not in missing_feeds(settings, A_DAY)

        assert_good_files_landed(settings)
        refused = alerts(settings, "FILE_REJECTED")
        assert {alert["file"] for alert in refused} == set(names)
        for alert in refused:
            assert names[alert["file"]] in alert["text"]
        unknown = {alert["file"]: alert["text"] for alert in alerts(settings, "FILE_UNKNOWN")}
        assert {f"vas/{name}" for name in names} == set(unknown)
        assert all(f"found {kind}, wanted a plain file" in unknown[f"vas/{name}"] for name, kind in names.items())


def test_a_loaded_file_changed_for_a_link_keeps_its_rows_and_is_told(settings, tmp_path):
    made = dollar(settings.path("landing"), "billing", "03006", A_DAY, payments(4))
    run(settings, DateRange.of(A_DAY), ["payment"])
    for target in (tmp_path / "there", tmp_path / "nowhere"):
        (tmp_path / "there").write_text(SECRET)
        made.data.unlink()
        made.data.symlink_to(target)
        run(settings, DateRange.of(A_DAY), ["payment"])
        assert delta_rs.read(settings, "bronze.payment").num_rows == 4
        assert any("a link" in alert["text"] for alert in alerts(settings, "FILE_REJECTED"))


def test_names_nobody_expects_are_told_without_what_is_personal_in_them(settings):
    landing = settings.path("landing")
    good_night(landing)
    folder = os.fsencode(landing / "billing")
    names = {
        "黑名单_吴静洋_13401234567.xlsx".encode("gbk"): "billing/黑**_吴**_***.xlsx",
        "黑名单_吴静洋_13401234567.xlsx".encode(): "billing/黑**_吴**_***.xlsx",
        b"\xff\xfe\x81.AVL": "billing/\\xff\\xfe\\x81.AVL",
        b"x" * 255: f"billing/{'x' * 120}",
        b"a\nb\x1b[31m.txt": "billing/a\\nb\\x1b[31m.txt",
        "\u202eLVA.txt".encode(): "billing/\\u202eLVA.txt",
        "I01020２０２６0310.CHK".encode(): "billing/I***.CHK",  # full-width digits are no digits of a name
        b"138-0013 8000.csv": "billing/***.csv",
        b"list 20260310.csv": "billing/list 20260310.csv",
    }
    for name in names:
        with open(os.path.join(folder, name), "wb") as file:
            file.write(b"x\n")

    assert run(settings, DateRange.of(A_DAY), FEEDS)["unknown_files"] == len(names)

    assert_good_files_landed(settings)
    told = alerts(settings, "FILE_UNKNOWN")
    assert sorted(alert["file"] for alert in told) == sorted(names.values())
    inodes = {str(os.stat(os.path.join(folder, name)).st_ino) for name in names}
    assert {alert["inode"] for alert in told} == inodes  # each is found by it, whatever its name
    masked = [alert for alert in told if alert["file"] != "billing/list 20260310.csv"]
    assert all("-inum INODE" in alert["text"] for alert in masked)
    everything = b"".join(
        path.read_bytes() for path in settings.home.rglob("*") if path.is_file() and "landing" not in path.parts
    )
    assert NUMBER.encode() not in everything
    assert "静洋".encode() not in everything


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f"{NUMBER}.dat", "found data file name '***.dat'"),
        ("S03006\x00.AVL", "found data file name 'S03006\\x00.AVL'"),
        ("y" * 5000, "'" + "y" * 120 + "'"),
    ],
)
def test_what_a_control_line_names_is_never_told_as_it_stands(settings, line, told):
    landing = settings.path("landing")
    good_night(landing)
    (landing / "billing" / "A0300620260310.CHK").write_text(f"{line}$4\n{line}$4\n", newline="")

    run(settings, DateRange.of(A_DAY), FEEDS)

    assert_good_files_landed(settings)
    refused = alerts(settings, "FILE_REJECTED")
    assert [told in alert["text"] for alert in refused] == [True, True]
    files = delta_rs.read(settings, "ops.file_ledger").to_pylist()
    assert len({row["file_id"] for row in files}) == len(files) == 5
    assert NUMBER not in str(files) + str(refused)


def test_a_control_file_of_any_size_is_read_no_further_than_a_control_file_may_be(settings):
    landing = settings.path("landing")
    good_night(landing)
    with (landing / "vas" / "i_13100_20260310_13203_00.verf").open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of nothing

    run(settings, DateRange.of(A_DAY), FEEDS)

    assert_good_files_landed(settings)
    (refused,) = alerts(settings, "FILE_REJECTED")
    assert "found more than 1,000,000 bytes" in refused["text"]


def test_a_plain_file_below_a_linked_folder_is_read_and_a_link_in_it_is_not(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "plain").write_bytes(b"x")
    (tmp_path / "real" / "link").symlink_to("plain")
    (tmp_path / "linked").symlink_to("real")

    with open_delivered(tmp_path / "linked" / "plain") as file:
        assert file.read() == b"x"
    with pytest.raises(NotAPlainFile, match="a link"):
        open_delivered(tmp_path / "linked" / "link")
