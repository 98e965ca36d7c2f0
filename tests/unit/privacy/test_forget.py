"""A person is erased from landing, lists, sealed records and vault, and comes back from nowhere; everybody else stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date, timedelta
from hashlib import sha256

import pyarrow as pa
import pytest

from conf.dates import DateRange
from conf.errors import InputRefused
from conf.feeds import load_feeds
from jobs.ingest import job as ingest
from jobs.lakehouse import delta_rs
from jobs.lakehouse.keys import WrongKey
from jobs.people.forgotten import without_forgotten
from jobs.people.tokens import Tokenizer
from jobs.privacy.blanking import blank, patterns_of
from jobs.privacy.forget import ErasureIncomplete, forget
from jobs.privacy.left_over import places_left
from jobs.privacy.person import Person, person_of
from tests.builders import export_reader
from tests.builders.targeting_night import a_row, put
from tests.unit.ingest.deliveries import dollar, euro, fixed

NIGHT, BEFORE = date(2026, 3, 10), date(2026, 3, 9)
NUMBER, OTHER = "13800138000", "13900139000"
NAME, ADDRESS, DOCUMENT, IMSI, IMEI = (
    "王小明",
    "福州市鼓楼区五四路八十九号",
    "350102198001011234",
    "460001234567890",
    "86012345678901",
)
FEEDS = ["customer", "subscription", "crbt_tone_event", "list_member", "subscription_imei"]
WRITINGS = [NUMBER, f"+86{NUMBER}", "138-0013-8000", "138 0013 8000", "１３８００１３８０００", "1.3800138E+10"]


def _customer(number: int, cust_id: str, name: str, document: str, address: str) -> bytes:
    given = {
        "cust_id": cust_id,
        "cust_name": name,
        "id_number": document,
        "home_address": address,
        "home_region": "591",
    }
    cells = [f"{number:08d}".encode()]
    for field in load_feeds()["customer"].fields:
        text = given.get(field.name, "").encode("gbk")
        cells.append(text + b" " * ((field.width or 0) - len(text)))
    return b"".join(cells) + b"\r\n"


def _subscription(user_id: str, cust_id: str, number: str, imsi: str) -> str:
    cells = [
        user_id,
        cust_id,
        "1",
        "20200101",
        number,
        imsi,
        "591",
        "591",
        "1",
        "10086",
        "2",
        "2",
        "",
        "0",
        "P",
        "A1",
        "3",
        "0",
        "",
    ]
    return "$".join(cells)


def _deliver(settings, day: date) -> None:
    """What the sources say of the person and of two others, in all three styles; one line nobody can read."""
    landing = settings.path("landing")
    people = [("C1", NAME, DOCUMENT, ADDRESS), ("C2", NAME, "350102199002022345", "厦门市思明区湖滨南路七号")]
    content = b"".join(_customer(line, *person) for line, person in enumerate(people, 1))
    fixed(landing, "boss", "01002", day, content, len(people), letter="a")
    lines = [
        _subscription("U1", "C1", NUMBER, IMSI),
        _subscription("U2", "C2", OTHER, "460009876543210"),
        f"{NUMBER}$too few",
    ]
    dollar(landing, "boss", "02004", day, lines, letter="A")
    tone = ["T1", "歌", "人", "POP", "GIFT", f"{day:%Y%m%d}101010", "0", "WAP"]
    euro(landing, "vas", "15202", day, [[NUMBER, *tone, OTHER], [OTHER, *tone, NUMBER], [OTHER, *tone, ""]])
    rows = [
        f"{text}$L{place}$BLACK$SYSTEM$$R1$S1$20260101000000$20260101$$OP1"
        for place, text in enumerate([*WRITINGS, OTHER])
    ]
    dollar(landing, "boss", "02090", day, rows, letter="I")


def _silver(settings) -> None:
    tokens = Tokenizer.of(settings)
    when = {"data_date": NIGHT, "load_date": NIGHT, "superseded_on": date(9999, 12, 31)}
    held = {
        "valid_from": date(2020, 1, 1),
        "valid_to": date(9999, 12, 31),
        "load_date": NIGHT,
        "superseded_on": date(9999, 12, 31),
    }
    lines = [("U1", "C1", NUMBER, IMSI), ("U2", "C2", OTHER, "460009876543210")]
    put(
        settings,
        "silver.subscription",
        [
            a_row(
                "silver.subscription",
                subscription_id=user,
                customer_id=cust,
                msisdn_token=tokens.token("MSISDN", number),
                imsi_token=tokens.token("IMSI", imsi),
                **when,
            )
            for user, cust, number, imsi in lines
        ],
    )
    put(
        settings,
        "silver.msisdn_assignment",
        [
            a_row("silver.msisdn_assignment", subscription_id=user, msisdn_token=tokens.token("MSISDN", number), **held)
            for user, _, number, _ in lines
        ],
    )
    put(
        settings,
        "silver.customer",
        [
            a_row(
                "silver.customer",
                customer_id=cust,
                cust_name_token=tokens.token("NAME", NAME),
                id_number_token=tokens.token("ID_NUMBER", document),
                home_address_token=tokens.token("ADDRESS", address),
                **when,
            )
            for cust, document, address in (
                ("C1", DOCUMENT, ADDRESS),
                ("C2", "350102199002022345", "厦门市思明区湖滨南路七号"),
            )
        ],
    )
    put(
        settings,
        "silver.device",
        [a_row("silver.device", subscription_id="U1", imei_token=tokens.token("IMEI", IMEI), first_seen=NIGHT, **when)],
    )
    delta_rs.append(
        settings,
        "vault.identity",
        [{"token": tokens.token("IMEI", IMEI), "kind": "IMEI", "value": IMEI, "first_load_date": NIGHT}],
    )


def _list(settings, name: str, expires: date) -> None:
    """A list that left with the person and somebody else on it, and what stands beside it."""
    content = f"K1|{NUMBER}|text\nK2|{OTHER}|text\n".encode("gbk")
    folder, digest = settings.path("exports", "SMS"), sha256(content).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    said = {"file_name": name, "rows": 2, "bytes": len(content), "sha256": digest, "expires_on": str(expires)}
    (folder / f"{name}.manifest.json").write_text(json.dumps(said))
    (folder / f"{name}.done").write_text(f"{digest}\n")
    row = {
        "business_date": NIGHT,
        "campaign_id": "C",
        "channel_code": "SMS",
        "file_name": name,
        "rows": 2,
        "sha256": digest,
        "status": "EXPORTED",
        "run_id": "a",
    }
    delta_rs.append(settings, "ops.export_ledger", [row])


@pytest.fixture
def home(settings):
    """A loaded night with everything of the person in it, and two lists: one valid tomorrow, one over."""
    _deliver(settings, NIGHT)
    ingest.run(settings, DateRange(NIGHT, NIGHT), FEEDS)
    _silver(settings)
    put(
        settings,
        "gold.campaign_contact",
        [
            a_row(
                "gold.campaign_contact",
                contact_id=f"K{user}",
                subscription_id=f"U{user}",
                file_name="new.txt",
                campaign_id="C",
                channel_code="SMS",
                business_date=NIGHT,
            )
            for user in (1, 2)
        ],
    )
    _list(settings, "new.txt", NIGHT + timedelta(days=1))
    _list(settings, "old.txt", BEFORE)
    return settings


def _places(settings, person: Person) -> set[str]:
    found = places_left(settings, patterns_of(person), person.values("MSISDN"))
    return {place.split("/")[0] if not place.startswith("lake") else "/".join(place.split("/")[1:3]) for place in found}


def _bronze(settings) -> list:
    names = [load_feeds()[feed].table for feed in FEEDS]
    return [sorted(delta_rs.read(settings, name).to_pylist(), key=str) for name in names]


def test_a_person_leaves_every_file_and_nobody_else_does(home):
    person, bronze = person_of(home, f"+86 {NUMBER}"), _bronze(home)
    assert {kind for kind, _ in person.own.values()} == {"MSISDN", "ID_NUMBER", "ADDRESS", "IMSI", "IMEI"}
    assert {value for _, value in person.shared.values()} == {NAME}
    assert _places(home, person) == {"landing", "exports", "vault/identity"}  # they were there
    landing = {path: path.stat().st_size for path in home.path("landing").rglob("*") if path.is_file()}

    done = forget(home, NUMBER, "officer", "asked for it")

    assert done["values_erased"] == 5
    assert done["values_shared_with_others"] == 1
    assert done["files_blanked"] == 4
    assert done["sealed_records_dropped"] >= 1
    assert (done["lists_rewritten"], done["contacts_recalled"]) == (2, 1)
    assert _places(home, person) == set()
    assert {path: path.stat().st_size for path in landing} == landing  # control files still fit
    assert _bronze(home) == bronze
    values = {row["value"] for row in delta_rs.read(home, "vault.identity").to_pylist()}
    assert {OTHER, NAME, "350102199002022345", "厦门市思明区湖滨南路七号"} <= values
    customers = next(home.path("landing", "boss").glob("*01002*.dat")).read_bytes().split(b"\r\n")
    assert NAME.encode("gbk") not in customers[0]
    assert NAME.encode("gbk") in customers[1]
    noted = delta_rs.read(home, "ops.forgotten").to_pylist()
    assert len(noted) == 5
    assert {(row["is_done"], row["business_date"], row["asked_by"]) for row in noted} == {(True, NIGHT, "officer")}


def test_a_list_that_is_still_valid_is_recalled_and_agrees_with_its_manifest_and_release(home):
    forget(home, NUMBER, "officer", "asked for it")

    folder = home.path("exports", "SMS")
    for name in ("new.txt", "old.txt"):
        content = (folder / name).read_bytes()
        said = json.loads((folder / f"{name}.manifest.json").read_text())
        (row,) = delta_rs.read(home, "ops.export_ledger", [("file_name", "=", name)]).to_pylist()
        digest = sha256(content).hexdigest()
        assert content == f"K2|{OTHER}|text\n".encode()
        assert (said["rows"], said["bytes"], said["sha256"]) == (1, len(content), digest)
        assert (folder / f"{name}.done").read_text() == f"{digest}\n"
        assert (row["rows"], row["sha256"], row["status"]) == (1, digest, "EXPORTED")
    assert [c["contact_id"] for c in json.loads((folder / "new.txt.recall.json").read_text())["contacts"]] == ["K1"]
    assert not (folder / "old.txt.recall.json").exists()
    assert export_reader.unsigned(home.home) == []


def test_a_released_list_agrees_with_its_release_whatever_a_killed_export_left_in_the_ledger(home):
    rows = [row | {"status": "RELEASING"} for row in delta_rs.read(home, "ops.export_ledger").to_pylist()]
    delta_rs.replace(home, "ops.export_ledger", rows, None)

    forget(home, NUMBER, "officer", "asked for it")

    for name in ("new.txt", "old.txt"):
        list_ = home.path("exports", "SMS", name)
        assert list_.with_name(f"{name}.done").read_text() == f"{sha256(list_.read_bytes()).hexdigest()}\n"
    assert export_reader.unsigned(home.home) == []


def test_what_is_delivered_again_stays_out_of_the_vault_and_a_rerun_keeps_what_was_loaded(home):
    forget(home, NUMBER, "officer", "asked for it")
    loaded, statuses = _bronze(home), delta_rs.read(home, "ops.feed_status").drop_columns(["run_id"]).to_pylist()

    ingest.run(home, DateRange(NIGHT, NIGHT), FEEDS)
    assert _bronze(home) == loaded
    assert sorted(delta_rs.read(home, "ops.feed_status").drop_columns(["run_id"]).to_pylist(), key=str) == sorted(
        statuses, key=str
    )

    after = NIGHT + timedelta(days=1)
    _deliver(home, after)
    ingest.run(home, DateRange(after, after), FEEDS)
    assert (
        delta_rs.read(home, "bronze.subscription", [("load_date", "=", after)]).num_rows == 2
    )  # the line came, as a token
    values = {row["value"] for row in delta_rs.read(home, "vault.identity").to_pylist()}
    assert values & {NUMBER, DOCUMENT, ADDRESS, IMSI, IMEI} == set()
    assert OTHER in values


def test_a_value_is_known_again_under_another_key_of_the_tokens_and_never_with_a_lost_key_of_its_own(home):
    forget(home, NUMBER, "officer", "asked for it")
    token = Tokenizer(bytes(32)).token("MSISDN", NUMBER)  # as after a rekey
    found = pa.table({"token": pa.array([token, 5], pa.int64()), "kind": ["MSISDN"] * 2, "value": [NUMBER, OTHER]})

    assert without_forgotten(home, found, "a")["value"].to_pylist() == [OTHER]
    assert token in delta_rs.read(home, "ops.forgotten", columns=["token"])["token"].to_pylist()

    home.path("secrets", "forgotten.key").unlink()
    with pytest.raises(WrongKey, match="back from the backup"):
        without_forgotten(home, found, "a")


@pytest.mark.parametrize("point", ["after_landing", "after_vault"])
def test_an_erasure_that_was_killed_is_run_again(home, point):
    person = person_of(home, NUMBER)
    script = (
        "from conf.settings import load_settings; from jobs.privacy.forget import forget\n"
        "import sys; forget(load_settings('local'), sys.stdin.readline(), 'officer', 'asked for it')"
    )
    env = {**os.environ, "CLOSEDLOOP_FAULT": f"forget.{point}", "CLOSEDLOOP_HOME": str(home.home)}
    killed = subprocess.run(
        [sys.executable, "-c", script], input=NUMBER, text=True, env=env, capture_output=True, check=False
    )
    assert killed.returncode == -9, killed.stderr
    assert not any(row["is_done"] for row in delta_rs.read(home, "ops.forgotten").to_pylist())

    forget(home, NUMBER, "officer", "asked for it")

    assert _places(home, person) == set()
    assert delta_rs.read(home, "ops.forgotten").num_rows == 5
    assert all(row["is_done"] for row in delta_rs.read(home, "ops.forgotten").to_pylist())


def test_a_value_that_is_left_anywhere_is_told_by_place_and_never_shown(home):
    stray = home.path("reports", "mine.txt")
    stray.parent.mkdir(parents=True)
    stray.write_text(f"call {NUMBER}", encoding="utf-8")

    with pytest.raises(ErasureIncomplete, match=r"reports/mine\.txt") as told:
        forget(home, NUMBER, "officer", "asked for it")
    assert NUMBER not in str(told.value)
    assert not any(row["is_done"] for row in delta_rs.read(home, "ops.forgotten").to_pylist())


@pytest.mark.parametrize(("number", "by", "reason"), [("12345", "a", "b"), (NUMBER, " ", "b"), (NUMBER, "a", "")])
def test_an_erasure_needs_a_number_a_person_and_a_reason(settings, number, by, reason):
    with pytest.raises(InputRefused):
        forget(settings, number, by, reason)


@pytest.mark.parametrize("codec", ["gbk", "gb18030", "utf-8"])
@pytest.mark.parametrize("writing", WRITINGS)
def test_a_number_is_blanked_however_it_is_written(writing, codec):
    patterns = patterns_of(Person(1, {1: ("MSISDN", NUMBER)}))
    line = f"id$中国{writing}$地址{OTHER}$20260310\n".encode(codec)

    found = blank(line, patterns)

    assert not patterns.finds(found)
    assert len(found) == len(line)
    assert OTHER.encode() in found
    assert "中国".encode(codec) in found
    near = f"id${writing.translate(str.maketrans('8８', '7７'))}$\n".encode(codec)
    assert blank(near, patterns) == near
