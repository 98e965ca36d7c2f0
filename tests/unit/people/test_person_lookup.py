"""Who asked for whom is kept by token; the number is read where no other user of the machine sees it."""

from __future__ import annotations

from datetime import date

import pytest
from typer.testing import CliRunner

from jobs.cli import app
from jobs.lakehouse import delta_rs
from jobs.people.person_lookup import look_up
from jobs.people.tokens import Tokenizer
from jobs.responses import contacts

NUMBER = "13401234567"


@pytest.fixture
def known(settings):
    """A home whose vault knows one number; returns its token."""
    token = Tokenizer.of(settings).token("MSISDN", NUMBER)
    row = {"token": token, "kind": "MSISDN", "value": NUMBER, "first_load_date": date(2026, 3, 10)}
    delta_rs.append(settings, "vault.identity", [row])
    return token


def asked(settings) -> list[tuple]:
    rows = delta_rs.read(settings, "ops.person_lookup").to_pylist()
    assert NUMBER not in str(rows)
    return sorted(
        (row["command"], row["asked_for"], row["msisdn_token"], row["is_found"], bool(row["asked_by"])) for row in rows
    )


def test_each_question_is_recorded_by_token_found_or_not(settings, known, monkeypatch):
    monkeypatch.setenv("LOGNAME", "somebody else")
    other = Tokenizer.of(settings).token("MSISDN", "13900000000")

    assert look_up(settings, "+86 134-0123-4567", "contacts", "desk, for 13401234567") == known
    assert look_up(settings, "13900000000", "explain") is None
    assert look_up(settings, " ", "recall") is None

    assert asked(settings) == [
        ("contacts", "desk, for ***", known, True, True),
        ("explain", None, other, False, True),
        ("recall", None, None, False, True),
    ]
    assert "somebody else" not in delta_rs.read(settings, "ops.person_lookup")["asked_by"].to_pylist()


def test_a_home_without_key_gets_none_by_a_question(settings):
    assert look_up(settings, NUMBER, "contacts") is None
    assert asked(settings) == [("contacts", None, None, False, True)]
    assert not settings.path("secrets").exists()


@pytest.mark.parametrize(("given", "is_warned"), [("-", False), (NUMBER, True)])
def test_number_is_read_from_standard_input_or_warned_of(settings, known, monkeypatch, given, is_warned):
    monkeypatch.setattr(contacts, "_holder", lambda *_: "S1")
    runs = CliRunner().invoke(app, ["contacts", "--msisdn", given, "--by", "desk"], input=f"{NUMBER}\n")

    assert runs.exit_code == 0, runs.output
    assert ("shell's history" in runs.stderr, NUMBER in runs.output) == (is_warned, False)
    assert asked(settings) == [("contacts", "desk", known, True, True)]


def test_nothing_on_standard_input_is_refused(settings):
    runs = CliRunner().invoke(app, ["contacts", "--msisdn", "-"], input="")
    assert (runs.exit_code, "found nothing on standard input" in runs.output) == (2, True)
