"""A lost or exchanged key is refused while something depends on it; a person who opens a quarantined record is noted."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from conf.dates import DateRange
from conf.errors import InputRefused
from jobs.cli import app
from jobs.ingest.job import run
from jobs.lakehouse import delta_rs, secrets
from jobs.lakehouse.content import rows_hash
from jobs.lakehouse.keys import REGISTER, SCHEMES, FormerScheme, WrongKey, in_use, key_id
from jobs.people.quarantine_access import open_record
from jobs.people.tokens import Tokenizer
from tests.unit.ingest.deliveries import A_DAY, dollar, list_members, payments

FEEDS = ["payment", "list_member"]
TABLES = ["bronze.payment", "bronze.list_member", "vault.identity", "ops.quarantine", "ops.file_ledger"]
BAD_ROW = "01$1$13600136000$1.00$A$0$U"


@pytest.fixture
def loaded(settings):
    """A home with 20 numbers in the vault and one sealed record."""
    landing = settings.path("landing")
    dollar(landing, "billing", "03006", A_DAY, [*payments(3), BAD_ROW])
    dollar(landing, "boss", "02090", A_DAY, list_members(20), letter="I")
    run(settings, DateRange.of(A_DAY), FEEDS)
    assert delta_rs.count(settings, "vault.identity") == 20
    assert delta_rs.count(settings, "ops.quarantine") == 1
    return settings


def contents(settings) -> dict[str, str]:
    return {name: rows_hash(settings, name) for name in TABLES}


def lose(settings, name: str) -> None:
    secrets.remove_secret(settings, name)


def exchange(settings, name: str) -> None:
    secrets.replace_secret(settings, name, secrets.new_key())


def forget_the_register(settings) -> None:
    delta_rs.delete(settings, "ops.key_register", "true")


@pytest.mark.parametrize("name", ["token", "quarantine"])
@pytest.mark.parametrize("is_registered", [True, False])
@pytest.mark.parametrize(("harm", "said"), [(lose, "no key"), (exchange, "another key")])
def test_a_lost_or_other_key_is_refused_and_none_is_made(loaded, name, is_registered, harm, said):
    before, key = contents(loaded), secrets.key(loaded, name)
    harm(loaded, f"{name}.key")
    if not is_registered:  # a home older than the register: vault and quarantine themselves tell
        forget_the_register(loaded)
    left = secrets.known_secret(loaded, f"{name}.key")
    with pytest.raises(WrongKey, match=f"{said}(.|\n)*backup"):
        run(loaded, DateRange.of(A_DAY), FEEDS)
    assert secrets.known_secret(loaded, f"{name}.key") == left
    assert contents(loaded) == before

    secrets.replace_secret(loaded, f"{name}.key", key.hex())
    run(loaded, DateRange.of(A_DAY), FEEDS)
    assert contents(loaded) == before
    assert in_use(loaded, name) == key_id(key)


@pytest.mark.parametrize("name", ["token", "quarantine"])
def test_a_home_of_a_former_scheme_is_refused_with_what_to_do(loaded, name):
    before = contents(loaded)
    rows = {row["key_name"]: row for row in delta_rs.read(loaded, REGISTER).to_pylist()}
    assert rows[name]["scheme"] == SCHEMES[name]
    delta_rs.replace(
        loaded, REGISTER, [rows[name] | {"scheme": None}], f"key_name = '{name}'"
    )  # as a release before noted it
    with pytest.raises(FormerScheme, match=f"{SCHEMES[name]}(.|\n)*make reset"):
        run(loaded, DateRange.of(A_DAY), FEEDS)
    assert contents(loaded) == before


def test_code_lists_of_the_silver_queries_get_no_token_of_another_key(loaded):
    exchange(loaded, "token.key")
    with pytest.raises(WrongKey, match="20 values in the vault"):
        Tokenizer.of(loaded)


def test_another_key_harms_nobody_while_the_vault_is_empty(settings):
    Tokenizer.of(settings)
    (row,) = delta_rs.read(settings, "ops.key_register").to_pylist()
    delta_rs.replace(settings, REGISTER, [row | {"scheme": "of before"}], "key_name = 'token'")
    Tokenizer.of(settings)
    assert [row["scheme"] for row in delta_rs.read(settings, REGISTER).to_pylist()] == [SCHEMES["token"]]
    exchange(settings, "token.key")
    assert key_id(Tokenizer.of(settings).key) == in_use(settings, "token")
    retired = [row["retired_at"] for row in delta_rs.read(settings, "ops.key_register").to_pylist()]
    assert sorted(at is None for at in retired) == [False, True]


def test_a_quarantined_record_is_shown_to_a_person_and_noted(loaded):
    (row,) = delta_rs.read(loaded, "ops.quarantine").to_pylist()
    place = ["--file-id", row["file_id"], "--line", str(row["line_number"])]
    who = ["--by", "wu.dp", "--reason", "sender asks about 13600136000"]
    shown = CliRunner().invoke(
        app, ["--profile", "local", "--home", str(loaded.home), "quarantine", "open", *place, *who]
    )
    assert BAD_ROW in shown.output
    (opening,) = delta_rs.read(loaded, "ops.quarantine_opening").to_pylist()
    assert (opening["opened_by"], opening["reason"]) == ("wu.dp", "sender asks about ***")
    assert (opening["file_id"], opening["line_number"], opening["feed"]) == (
        row["file_id"],
        row["line_number"],
        "payment",
    )


@pytest.mark.parametrize(("line", "by", "reason"), [(4, " ", "why"), (4, "wu.dp", ""), (1, "wu.dp", "why")])
def test_a_record_is_opened_for_nobody_without_name_and_reason_and_only_when_it_is_there(loaded, line, by, reason):
    (row,) = delta_rs.read(loaded, "ops.quarantine").to_pylist()
    assert row["line_number"] == 4
    with pytest.raises(InputRefused):
        open_record(loaded, row["file_id"], line, by, reason)
    assert delta_rs.count(loaded, "ops.quarantine_opening") == 0
