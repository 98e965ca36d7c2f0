"""Another token key: every table says the same of the same people, readers see all of before or all of after, kills harm nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest

from conf.dates import DateRange
from conf.errors import AlreadyRunning, InputRefused
from conf.tables import load_tables
from jobs.ingest.job import run
from jobs.lakehouse import delta_rs, faults, pins, published, secrets
from jobs.lakehouse.content import rows_hash
from jobs.lakehouse.keys import WrongKey, in_use
from jobs.lakehouse.query import query_tables
from jobs.lakehouse.run import exclusive
from jobs.people.sealed_records import NEXT, Sealer, unsealed
from jobs.people.tokens import Tokenizer
from jobs.rekey.job import rekey
from jobs.rekey.mapping import token_columns
from jobs.rekey.quarantine import rekey_quarantine
from tests.builders.targeting_night import a_row, put
from tests.unit.ingest.deliveries import A_DAY, dollar, fee_record, fixed, list_members, payments

NEXT_DAY = A_DAY + timedelta(days=1)
FEEDS = ["payment", "list_member", "crbt_fee"]
STRANGER = 4_242_424_242  # a token the vault has no value for
TABLES = ["bronze.list_member", "bronze.crbt_fee", "silver.msisdn_assignment", "gold.customer_360", "vault.identity"]
POINTS = [
    "rekey.begun",
    "rekey.bronze.list_member",
    "rekey.gold.customer_360",
    "rekey.vault.identity",
    "rekey.before_publish",
    "rekey.after_publish",
    "rekey.event_keys",
    "rekey.key_in_place",
    "rekey.before_end",
]


class Killed(BaseException):
    """Stands for kill -9 inside the test's process."""


def fees(*numbers: int) -> bytes:
    return b"".join(
        fee_record(row, f"F{n:09d}", f"1380000{n:04d}", n, "20260310120000") for row, n in enumerate(numbers, 1)
    )


@pytest.fixture
def home(settings):
    """Two ingested feeds with numbers, silver and gold built on their tokens, one number the vault does not know."""
    landing = settings.path("landing")
    dollar(landing, "boss", "02090", A_DAY, list_members(12), letter="I")
    dollar(landing, "billing", "03006", A_DAY, [*payments(2), "01$1$bad$1.00$A$0$U"])
    fixed(landing, "vas", "13203", A_DAY, fees(1, 2, 3, 4, 5), 5)
    run(settings, DateRange.of(A_DAY), FEEDS)
    tokens = sorted(delta_rs.read(settings, "vault.identity")["token"].to_pylist())
    people = [(f"S{n}", token) for n, token in enumerate([*tokens, STRANGER])]
    held = [
        a_row("silver.msisdn_assignment", msisdn_token=token, subscription_id=who, load_date=A_DAY)
        for who, token in people
    ]
    put(settings, "silver.msisdn_assignment", held)
    view = [a_row("gold.customer_360", msisdn=token, subscription_id=who, cust_name=None) for who, token in people]
    put(settings, "gold.customer_360", view)
    return settings


def people_of(settings) -> dict[str, list]:
    """Every token of every table as readers see it, as the value the vault has for it: the same whatever the key."""
    values = {row["token"]: row["value"] for row in delta_rs.read(settings, "vault.identity").to_pylist()}
    found = {}
    for name in TABLES:
        columns = token_columns(load_tables()[name])
        rows = delta_rs.read(settings, name, version=published.reader_version(settings, name)).to_pylist()
        others = [c for c in load_tables()[name].column_names if c not in (*columns, "event_id")]
        found[name] = sorted(
            (
                str([(c, "no token" if row[c] is None else values.get(row[c], "a stranger")) for c in columns]),
                str([row[c] for c in others]),
            )
            for row in rows
        )
    return found


def all_tokens(settings) -> set[int]:
    found = set()
    for name in TABLES:
        rows = delta_rs.read(settings, name, version=published.reader_version(settings, name))
        found |= {token for column in token_columns(load_tables()[name]) for token in rows[column].to_pylist()}
    return found - {None}


JOIN = """SELECT count(*) AS n, sum(b.line_number) AS lines FROM bronze.crbt_fee b
          JOIN silver.msisdn_assignment s ON s.msisdn_token = b.msisdn_token JOIN gold.customer_360 g ON g.msisdn = s.msisdn_token"""


def joined(settings) -> dict:
    return query_tables(settings, JOIN).to_pylist()[0]


def test_every_table_says_the_same_of_the_same_people_under_another_key(home):
    people, tokens, join = people_of(home), all_tokens(home), joined(home)
    old = in_use(home, "token")
    assert len(tokens) == 12 + 1 == len(people["gold.customer_360"])
    assert join["n"] == 5
    before = {name: delta_rs.read(home, name, version=published.reader_version(home, name)).num_rows for name in TABLES}

    done = rekey(home, "wu.dp")

    assert (done["strangers"], done["tokens"], done["old_key"]) == (1, 12, old)
    assert not tokens & all_tokens(home), "no old token is left"
    assert len(all_tokens(home)) == 13
    assert people_of(home) == people
    assert joined(home) == join
    after = {name: delta_rs.read(home, name, version=published.reader_version(home, name)).num_rows for name in TABLES}
    assert after == before
    register = {
        row["key_id"]: row for row in delta_rs.read(home, "ops.key_register").to_pylist() if row["key_name"] == "token"
    }
    assert register[old]["retired_at"] is not None
    assert (register[done["new_key"]]["retired_at"], register[done["new_key"]]["changed_by"]) == (None, "wu.dp")
    assert secrets.known_secret(home, "token-next.key") is None
    assert pins.unfinished(home) is None
    newest = {row["table_name"]: row for row in published.newest_rows(home)}
    assert newest["gold.customer_360"]["stage"] == "fixture", "each table keeps the stage that builds it"


def test_files_and_events_of_before_are_recognised_after_two_changes_of_the_key(home):
    for _ in range(2):
        rekey(home, "wu.dp")
        written = {name: rows_hash(home, name) for name in ("bronze.crbt_fee", "bronze.list_member", "vault.identity")}
        run(home, DateRange.of(A_DAY), FEEDS)
        assert {name: rows_hash(home, name) for name in written} == written, "the same file gives the same rows"
    fixed(home.path("landing"), "vas", "13203", NEXT_DAY, fees(9, 4), 2)
    events = secrets.known_secret(home, "event.keys")
    for lost in (None, events.rsplit("\n", 1)[0]):
        secrets.remove_secret(home, "event.keys") if lost is None else secrets.replace_secret(home, "event.keys", lost)
        with pytest.raises(WrongKey, match=r"event.keys(.|\n)*backup"):
            run(home, DateRange.of(NEXT_DAY), FEEDS)
    secrets.replace_secret(home, "event.keys", events)
    run(home, DateRange.of(NEXT_DAY), FEEDS)
    copies = delta_rs.read(home, "ops.duplicate_row").to_pylist()
    assert [(row["line_number"], row["earlier_line_number"]) for row in copies] == [(2, 4)]


def test_a_kill_anywhere_shows_readers_one_key_and_the_next_run_ends_right(home, monkeypatch):
    people, tokens, join = people_of(home), all_tokens(home), joined(home)
    for point in POINTS:

        def die(name: str, point: str = point) -> None:
            if name == point:
                raise Killed(name)

        monkeypatch.setattr(faults, "point", die)
        with pytest.raises(Killed):
            rekey(home, "wu.dp")
        monkeypatch.setattr(faults, "point", lambda _: None)
        assert people_of(home) == people, point
        assert joined(home) == join, point
        is_after = POINTS.index(point) >= POINTS.index("rekey.after_publish")
        assert (all_tokens(home) & tokens == set()) == is_after, point
        with pytest.raises(pins.RekeyUnfinished, match="closedloop rekey"):
            run(home, DateRange.of(A_DAY), FEEDS)
        if not is_after:
            with pytest.raises(pins.RekeyUnfinished):
                delta_rs.append(home, "vault.identity", delta_rs.read(home, "vault.identity"))
    rekey(home, "wu.dp")
    assert people_of(home) == people
    assert not tokens & all_tokens(home)
    run(home, DateRange.of(A_DAY), FEEDS)
    assert people_of(home) == people
    assert len([row for row in delta_rs.read(home, "ops.key_register").to_pylist() if row["key_name"] == "token"]) == 2


def test_kill_9_by_the_command_and_once_more(home):
    people, tokens = people_of(home), all_tokens(home)
    command = [
        sys.executable,
        "-m",
        "jobs.cli",
        "--profile",
        "local",
        "--home",
        str(home.home),
        "rekey",
        "--by",
        "wu.dp",
    ]
    cut_off = {**os.environ, "CLOSEDLOOP_FAULT": "rekey.gold.customer_360"}
    assert subprocess.run(command, env=cut_off, check=False, capture_output=True).returncode == -9
    assert people_of(home) == people
    assert all_tokens(home) == tokens
    rekey(home, "wu.dp")
    assert people_of(home) == people
    assert not tokens & all_tokens(home)


def test_no_key_is_changed_while_a_job_is_at_work_nor_by_nobody_nor_without_a_vault(home, settings, tmp_path):
    with pytest.raises(InputRefused, match="wanted who"):
        rekey(home, " ")
    with pytest.raises(InputRefused, match="empty vault"):
        rekey(settings.with_home(tmp_path / "new"), "wu.dp")
    holder = "from conf.settings import load_settings; from jobs.lakehouse.run import exclusive; import sys\nwith exclusive(load_settings('local'), 'scoring'): print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holder],
        env={**os.environ, "CLOSEDLOOP_HOME": str(home.home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning, match="scoring"):
            rekey(home, "wu.dp")
        process.stdin.close()
    assert pins.unfinished(home) is None
    with exclusive(home, "scoring"):
        pass


def test_the_quarantine_gets_another_key_also_when_it_was_cut_off(home, monkeypatch):
    (row,) = delta_rs.read(home, "ops.quarantine").to_pylist()
    record = unsealed(Sealer.of(home), row)
    for point in ("rekey.quarantine.sealed", "rekey.quarantine.key_in_place"):

        def die(name: str, point: str = point) -> None:
            if name == point:
                raise Killed(name)

        monkeypatch.setattr(faults, "point", die)
        with pytest.raises(Killed):
            rekey_quarantine(home, "wu.dp")
        monkeypatch.setattr(faults, "point", lambda _: None)
        with pytest.raises(Exception, match="rekey --quarantine"):
            Sealer.of(home)
    old = in_use(home, "quarantine")
    done = rekey_quarantine(home, "wu.dp")
    (after,) = delta_rs.read(home, "ops.quarantine").to_pylist()
    assert after["raw_encrypted"] != row["raw_encrypted"]
    assert unsealed(Sealer.of(home), after) == record
    assert in_use(home, "quarantine") == done["new_key"] != old
    assert secrets.known_secret(home, f"{NEXT}.key") is None
    Tokenizer.of(home)
