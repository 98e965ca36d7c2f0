"""What the last gate reads: protection that no other data takes away, by code of its own and without Spark."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pyarrow as pa
import pytest

from conf.dates import DateRange
from conf.responses import Release, load_response_rules
from jobs.lakehouse import delta_rs
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.run import Run
from jobs.targeting import protection as gate
from jobs.targeting.inputs import contact_day_of
from tests.builders.contacts import put
from tests.conftest import settings_for_tests

NIGHT = date(2026, 3, 10)
BEFORE = NIGHT - timedelta(days=1)
NUMBER, OTHER = 11, 12  # tokens


def at(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time()) + timedelta(hours=4)


@pytest.fixture
def home(tmp_path):
    """ANNA holds a number; nothing else is known."""
    settings = settings_for_tests(tmp_path / "home")
    put(
        settings,
        gold__customer_360=[{"subscription_id": "ANNA", "msisdn": NUMBER, "is_live": True, "snapshot_date": NIGHT}],
        silver__subscription=[{"subscription_id": "ANNA", "customer_id": "C1", "load_date": date(2025, 1, 1)}],
    )
    identity = {"token": NUMBER, "kind": "MSISDN", "value": "13800138000", "first_load_date": date(2025, 1, 1)}
    delta_rs.append(settings, "vault.identity", [identity])
    return settings


def read(settings, *releases: Release, monkeypatch=None) -> gate.Protection:
    lake = Lake(None, settings, Run("tests", DateRange.of(NIGHT), settings))
    if releases:
        rules = load_response_rules()
        told = rules.model_copy(update={"protection": rules.protection.model_copy(update={"releases": releases})})
        monkeypatch.setattr(gate, "load_response_rules", lambda: told)
    everybodys = gate.read_protection(lake, NIGHT, contact_day_of(NIGHT))
    of_one = gate.read_protection(lake, NIGHT, contact_day_of(NIGHT), pa.array(["ANNA"]))
    assert about_anna(of_one) == about_anna(everybodys), (
        "what is read for the people of a list is all there is about them"
    )
    return everybodys


def about_anna(protection: gate.Protection) -> dict:
    by_person = ("suppressed", "listed", "opted_out", "complained", "sensitive", "status")
    found = {name: getattr(protection, name).get("ANNA") for name in by_person}
    held_back = {pair for pair in protection.held_back if pair[1] == "ANNA"}, "ANNA" in protection.held_back_always
    return {**found, "held_back": held_back, "holder": protection.holder, "live": protection.live}


def an_opt_out(**more) -> dict:
    return {"contact_id": "X", "contact_time": at(BEFORE), "opt_out_scope": "SYSTEM", "load_date": BEFORE, **more}


def a_member(**more) -> dict:
    return {"msisdn_token": NUMBER, "added_at": at(date(2024, 1, 1)), "load_date": NIGHT, **more}


OPT_OUTS = {
    "bound": an_opt_out(subscription_id="ANNA"),
    "of a replaced file": an_opt_out(subscription_id="ANNA", superseded_on=BEFORE),
    "of a row beside the answer": an_opt_out(subscription_id="ANNA", nth_row=2),
    "of the person contacted, number not readable": an_opt_out(contact_id="K1"),
    "of nobody then, number now ANNA's": an_opt_out(msisdn_token=NUMBER),
    "with a scope nobody can read": an_opt_out(subscription_id="ANNA", opt_out_scope="UNKNOWN"),
}


@pytest.mark.parametrize("row", OPT_OUTS.values(), ids=OPT_OUTS)
def test_an_opt_out_protects_given_any_row_and_delivery(home, row):
    put(
        home,
        silver__channel_result=[row],
        gold__campaign_contact=[
            {"contact_id": "K1", "subscription_id": "ANNA", "planned_date": BEFORE, "business_date": BEFORE}
        ],
    )
    assert list(read(home).opted_out) == ["ANNA"]


def test_an_opt_out_protects_both_the_person_contacted_and_the_holder(home):
    put(
        home,
        silver__channel_result=[an_opt_out(contact_id="K1", subscription_id="BEN")],
        gold__campaign_contact=[
            {"contact_id": "K1", "subscription_id": "ANNA", "planned_date": BEFORE, "business_date": BEFORE}
        ],
    )
    assert set(read(home).opted_out) == {"ANNA", "BEN"}


@pytest.mark.parametrize(
    ("kind", "name", "released_on", "protected"),
    [
        ("OPT_OUT", "ANNA", NIGHT, False),
        ("OPT_OUT", "ANNA", NIGHT + timedelta(days=1), True),  # not yet
        ("OPT_OUT", "ANNA", BEFORE - timedelta(days=1), True),  # asked for again after the release
        ("OPT_OUT", "BEN", NIGHT, True),
        ("COMPLAINT", "ANNA", NIGHT, True),
    ],
)
def test_only_a_release_takes_an_opt_out_away(home, monkeypatch, kind, name, released_on, protected):
    put(home, silver__channel_result=[an_opt_out(subscription_id="ANNA")])
    release = Release(kind=kind, id=name, released_on=released_on, by="officer", reason="asked for it")
    assert ("ANNA" in read(home, release, monkeypatch=monkeypatch).opted_out) == protected


def test_a_complaint_protects_in_any_delivery_until_its_release(home, monkeypatch):
    put(
        home,
        silver__complaint=[
            {
                "complaint_id": "P1",
                "subscription_id": "ANNA",
                "created_at": at(BEFORE),
                "status": "OPEN",
                "load_date": BEFORE,
                "superseded_on": NIGHT,
            }
        ],
    )
    release = Release(kind="COMPLAINT", id="P1", released_on=NIGHT, by="officer", reason="settled")
    assert list(read(home).complained) == ["ANNA"]
    assert not read(home, release, monkeypatch=monkeypatch).complained


def test_an_entry_of_nobody_then_protects_the_present_holder_and_a_sale_does_not_end_it(home):
    put(
        home,
        silver__subscription=[{"subscription_id": "ANNA", "customer_id": "C2", "load_date": BEFORE}],
        silver__list_member=[a_member(), a_member(msisdn_token=OTHER, subscription_id="ANNA", list_code="L2")],
    )
    assert [row[0] for row in read(home).listed["ANNA"]] == ["BLACK"], "the bound entry was the owner's before"


def test_a_list_nobody_can_read_to_the_last_row_takes_nobody_off(home):
    put(
        home,
        silver__list_member=[
            a_member(subscription_id="GONE", load_date=BEFORE - timedelta(days=1)),
            a_member(subscription_id="ANNA", load_date=BEFORE),
            a_member(subscription_id="BEN", load_date=NIGHT),
        ],
    )
    assert list(read(home).listed) == ["BEN"], "gone from a whole list: its owner took it off"

    torn = {
        "file_id": "torn",
        "feed": "list_member",
        "source": "boss",
        "file_name": "torn",
        "style": "dollar",
        "load_date": NIGHT,
        "rows_unreadable": 1,
        "status": "LANDED",
        "run_id": "tests",
    }
    delta_rs.append(home, "ops.file_ledger", [torn])
    assert set(read(home).listed) == {"ANNA", "BEN"}


def test_whoever_else_has_a_listed_persons_number_is_read_with_them(home):
    """Two live lines on one number: nobody can say whom we would reach, also when only one of them is on a list."""
    rows = [
        {"subscription_id": name, "msisdn": NUMBER, "is_live": True, "snapshot_date": NIGHT} for name in ("ANNA", "BEN")
    ]
    put(home, gold__customer_360=rows)
    assert read(home).holder == {"13800138000": ""}


def test_what_stands_against_one_of_a_list_is_read_for_the_list(home):
    row = {"subscription_id": "ANNA", "campaign_id": "T_CRBT", "control_kind": "GLOBAL", "business_date": BEFORE}
    put(
        home,
        gold__control_group=[row, {**row, "subscription_id": "BEN"}],
        gold__suppression=[
            {
                "subscription_id": name,
                "scope_type": "SYSTEM",
                "valid_from": BEFORE,
                "valid_to": gate.STANDS,
                "snapshot_date": NIGHT,
            }
            for name in ("ANNA", "BEN")
        ],
        silver__customer=[{"customer_id": "C1", "is_sensitive": True, "load_date": BEFORE}],
    )
    found = about_anna(read(home))
    assert found["held_back"] == ({("T_CRBT", "ANNA")}, True)
    assert found["suppressed"]
    assert "SMS" in found["sensitive"]


def test_an_entry_protects_whom_it_was_bound_to_on_whatever_number_they_are_now(home):
    put(home, silver__list_member=[a_member(msisdn_token=OTHER, subscription_id="ANNA")])
    assert list(read(home).listed) == ["ANNA"]
