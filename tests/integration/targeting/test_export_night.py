"""Export on a frozen night: every protection holds in the files, nothing is sent twice, and a crash anywhere changes nothing."""

from __future__ import annotations

import json
import stat
from collections import Counter
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conf.campaigns import load_campaigns
from conf.channels import load_channels
from conf.dates import DateRange
from conf.errors import ExportRefused, InputRefused
from conf.exports import load_exports
from jobs.cli import app
from jobs.lakehouse import faults, ledger
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.run import Run
from jobs.stack.kill_matrix import KillProofFailed, differences, fingerprint, prove_point
from jobs.targeting import export
from jobs.targeting.contact_recall import recall_contact
from jobs.targeting.export_check import read_back
from jobs.targeting.export_files import PRIVATE, done_of, write_private
from jobs.targeting.job import budgets_left
from jobs.targeting.readiness import StaleSuppression
from jobs.targeting.recall import recall
from tests.builders import export_reader
from tests.builders.targeting_night import NIGHT, a_row, a_suppression, feeds_are_fresh, msisdn_of, put

RANGE = DateRange(NIGHT, NIGHT)


class Killed(BaseException):
    """Stands for kill -9 inside the test's process."""


def lake_of(settings) -> Lake:
    return Lake(None, settings, Run("tests", RANGE, settings))


def contents(settings) -> dict[str, str]:
    """Digest of every file a channel could see, manifests and done files included."""
    root = settings.path("exports")
    files = [path for path in sorted(root.glob("*/*")) if path.parent.name != PRIVATE]
    return {str(path.relative_to(root)): sha256(path.read_bytes()).hexdigest() for path in files}


def statuses(settings) -> dict[str, str]:
    return {row["file_name"]: row["status"] for row in ledger.read(settings, "ops.export_ledger").to_pylist()}


def released(settings) -> list[Path]:
    return sorted(path.with_name(path.name.removesuffix(".done")) for path in settings.path("exports").glob("*/*.done"))


def exported_rows(settings) -> list[dict]:
    layouts = {layout.channel_code: layout for layout in load_exports().values()}
    return [
        row | {"channel_code": path.parent.name}
        for path in released(settings)
        for row in read_back(layouts[path.parent.name], path.read_bytes())
    ]


def test_files_hold_exactly_the_frozen_lists(targeted_copy):
    summary = export.run(None, targeted_copy, RANGE)[str(NIGHT)]
    contacts = lake_of(targeted_copy).arrow("gold.campaign_contact").to_pylist()
    rows = exported_rows(targeted_copy)
    assert summary["rows"] == len(contacts) == len(rows)
    assert sorted(row["contact_id"] for row in rows) == sorted(row["contact_id"] for row in contacts)
    assert {path.parent.name for path in released(targeted_copy)} == set(load_channels())
    ledger_rows = ledger.read(targeted_copy, "ops.export_ledger").to_pylist()
    assert sum(row["rows"] for row in ledger_rows) == len(rows)


def test_manifest_and_done_name_the_content(targeted_copy):
    export.run(None, targeted_copy, RANGE)
    for path in released(targeted_copy):
        manifest = json.loads(path.with_name(path.name + ".manifest.json").read_text(encoding="utf-8"))
        digest = sha256(path.read_bytes()).hexdigest()
        assert manifest["sha256"] == digest == path.with_name(path.name + ".done").read_text(encoding="ascii").strip()
        assert manifest["file_name"] == path.name
        assert manifest["expires_on"] == manifest["planned_date"] == "2026-03-11", "valid on its planned day alone"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not list(targeted_copy.path("exports", PRIVATE).iterdir()), "nothing is left in the private folder"


def test_second_run_sends_nothing_twice(targeted_copy):
    export.run(None, targeted_copy, RANGE)
    before, ledger_before = contents(targeted_copy), ledger.read(targeted_copy, "ops.export_ledger").num_rows
    times = {path: path.stat().st_mtime_ns for path in released(targeted_copy)}
    summary = export.run(None, targeted_copy, RANGE)[str(NIGHT)]
    assert set(summary["files"]) == {"ALREADY_SENT"}
    assert contents(targeted_copy) == before
    assert {path: path.stat().st_mtime_ns for path in released(targeted_copy)} == times
    assert ledger.read(targeted_copy, "ops.export_ledger").num_rows == ledger_before


@pytest.mark.parametrize("status", ["EXPORTED", "RELEASING"])
def test_list_and_done_the_channel_took_away_do_not_come_back(targeted_copy, status):
    """RELEASING: killed after `.done` and before the ledger said EXPORTED; the channel took the list meanwhile."""
    export.run(None, targeted_copy, RANGE)
    taken = released(targeted_copy)[0]
    for path in (taken, done_of(taken)):
        path.unlink()
    rows = ledger.read(targeted_copy, "ops.export_ledger").to_pylist()
    changed = [row | {"status": status} if row["file_name"] == taken.name else row for row in rows]
    ledger.replace(targeted_copy, "ops.export_ledger", changed, None)
    export.run(None, targeted_copy, RANGE)
    assert not taken.exists()
    assert not done_of(taken).exists()
    assert set(statuses(targeted_copy).values()) == {"EXPORTED"}


def test_recalled_list_has_its_marker_and_is_never_sent_again(targeted_copy, undisturbed):
    export.run(None, targeted_copy, RANGE)
    options = [
        "--date",
        str(NIGHT),
        "--channel",
        "OUTBOUND",
        "--campaign",
        "CRBT_SAVE",
        "--by",
        "desk",
        "--reason",
        "late opt-out",
    ]
    result = CliRunner().invoke(app, ["recall", *options])
    assert result.exit_code == 0, result.output
    name = "OUTBOUND_20260311_CRBT_SAVE_001.csv"
    target = targeted_copy.path("exports", "OUTBOUND", name)
    marker = json.loads(target.with_name(name + ".recall.json").read_text(encoding="utf-8"))
    digest = undisturbed["files"][f"OUTBOUND/{name}"]
    assert marker == {"file_name": name, "sha256": digest, "reason": "late opt-out", "recalled_by": "desk", "all": True}
    assert {n for n, status in statuses(targeted_copy).items() if status == "RECALLED"} == {name}
    for path in (target, done_of(target)):
        path.unlink()
    assert export.run(None, targeted_copy, RANGE)[str(NIGHT)]["files"]["RECALLED"] == 1
    assert not target.exists()
    assert not done_of(target).exists()


def test_recall_of_a_list_that_never_left_is_refused(targeted_copy):
    with pytest.raises(InputRefused, match="found no list at all"):
        recall(targeted_copy, NIGHT, "SMS", "desk", "wrong list")
    with pytest.raises(InputRefused, match="who recalls and why"):
        recall(targeted_copy, NIGHT, "SMS", " ", "wrong list")


def recall_file(settings, contact: dict) -> dict:
    path = settings.path("exports", contact["channel_code"], contact["file_name"] + ".recall.json")
    return json.loads(path.read_text(encoding="utf-8"))


def test_one_contact_is_recalled_from_a_list_that_left(targeted_copy):
    export.run(None, targeted_copy, RANGE)
    before = contents(targeted_copy)
    contacts = lake_of(targeted_copy).arrow("gold.campaign_contact").to_pylist()
    first, second = [row for row in contacts if row["file_name"] == "OUTBOUND_20260311_CRBT_SAVE_001.csv"][:2]
    by_id = ["--contact", first["contact_id"]]
    by_number = ["--msisdn", "+86 " + msisdn_of(int(second["subscription_id"][1:])), "--campaign", "CRBT_SAVE"]
    for which in (by_id, by_number):
        result = CliRunner().invoke(app, ["recall", *which, "--by", "desk", "--reason", "asked in the store"])
        assert result.exit_code == 0, result.output
    marker = recall_file(targeted_copy, first)
    assert (marker["all"], marker["sha256"]) == (False, before[f"OUTBOUND/{first['file_name']}"])
    assert {row["contact_id"] for row in marker["contacts"]} == {first["contact_id"], second["contact_id"]}
    assert {(row["recalled_by"], row["reason"]) for row in marker["contacts"]} == {("desk", "asked in the store")}
    rows = ledger.read(targeted_copy, "ops.contact_recall").to_pylist()
    assert {(row["contact_id"], row["has_left"]) for row in rows} == {(c["contact_id"], True) for c in (first, second)}
    assert len(list(targeted_copy.path("alerts").glob("*CONTACT_RECALLED*"))) == 2
    assert set(export.run(None, targeted_copy, RANGE)[str(NIGHT)]["files"]) == {"ALREADY_SENT"}
    after = contents(targeted_copy)
    assert {name: after[name] for name in before} == before, "the list itself stays as it left"
    recall(targeted_copy, NIGHT, "OUTBOUND", "desk", "wrong list", "CRBT_SAVE")
    assert recall_file(targeted_copy, first)["all"] is True
    with pytest.raises(InputRefused, match="recalled already"):
        recall_contact(targeted_copy, "desk", "asked in the store", first["contact_id"])


def test_contact_recalled_before_its_list_left_is_not_in_the_file(targeted_copy):
    contacts = lake_of(targeted_copy).arrow("gold.campaign_contact").to_pylist()
    spent = budgets_left(lake_of(targeted_copy), load_campaigns(), NIGHT + timedelta(days=1))
    contact = next(row for row in contacts if row["channel_code"] == "OUTBOUND")
    others = [row for row in contacts if row["file_name"] == contact["file_name"] and row is not contact]
    recall_contact(targeted_copy, "desk", "asked in the store", contact["contact_id"])
    summary = export.run(None, targeted_copy, RANGE)[str(NIGHT)]
    sent = {row["contact_id"] for row in exported_rows(targeted_copy)}
    assert sent == {row["contact_id"] for row in contacts} - {contact["contact_id"]}
    assert others, "floor: the rest of the list left"
    path = targeted_copy.path("exports", contact["channel_code"], contact["file_name"] + ".manifest.json")
    assert json.loads(path.read_text(encoding="utf-8"))["rows"] == len(others)
    assert summary["rows"] == len(contacts) - 1
    assert [row["contact_id"] for row in recall_file(targeted_copy, contact)["contacts"]] == [contact["contact_id"]]
    left = budgets_left(lake_of(targeted_copy), load_campaigns(), NIGHT + timedelta(days=1))
    campaign_id, price = contact["campaign_id"], load_channels()["OUTBOUND"].cost_yuan
    total = load_campaigns()[campaign_id].budget.total_yuan
    assert price > 0
    assert left[campaign_id] == pytest.approx(
        min(spent[campaign_id] + price, total, load_campaigns()[campaign_id].budget.per_night_yuan)
    )


def test_recall_of_a_contact_that_is_on_no_list_is_refused(targeted_copy):
    with pytest.raises(InputRefused, match="found nothing on the lists"):
        recall_contact(targeted_copy, "desk", "asked", "K0")
    with pytest.raises(InputRefused, match="who recalls and why"):
        recall_contact(targeted_copy, "desk", " ", "K0")
    with pytest.raises(InputRefused, match="neither a contact nor a number with its campaign"):
        recall_contact(targeted_copy, "desk", "asked", msisdn=msisdn_of(1))
    assert "wanted --date and --channel" in CliRunner().invoke(app, ["recall", "--by", "d", "--reason", "r"]).output
    assert ledger.read(targeted_copy, "ops.contact_recall").num_rows == 0


@pytest.mark.parametrize(
    "point", ["export.before_rename", "export.after_rename", "export.before_done", "export.after_done"]
)
def test_crash_and_rerun_give_the_files_of_an_undisturbed_run(targeted_copy, undisturbed, monkeypatch, point):
    hits = Counter()

    def die_at_the_third(name: str) -> None:
        hits[name] += 1
        if name == point and hits[name] == 3:
            raise Killed

    monkeypatch.setattr(faults, "point", die_at_the_third)
    with pytest.raises(Killed):
        export.run(None, targeted_copy, RANGE)
    assert 2 <= len(released(targeted_copy)) <= 3
    export.run(None, targeted_copy, RANGE)
    assert contents(targeted_copy) == undisturbed["files"]
    assert set(statuses(targeted_copy).values()) == {"EXPORTED"}
    names = [row["file_name"] for row in ledger.read(targeted_copy, "ops.export_ledger").to_pylist()]
    assert sorted(names) == undisturbed["ledger"], "each file once in the ledger"


def test_an_export_killed_between_rename_and_done_sends_nothing_twice(targeted, undisturbed, tmp_path, monkeypatch):
    """A process of its own and kill -9; the other points of the matrix: `make prove-kill`."""
    monkeypatch.setenv("CLOSEDLOOP_PROFILE", "local")
    wanted = fingerprint(undisturbed["settings"])
    assert sum(name.startswith("exports/") for name in wanted) >= 27, "floor: nine channels' files are compared"

    prove_point(tmp_path / "home", targeted[0].home, ("export",), "export.after_rename", NIGHT, wanted)


def test_a_kill_that_does_not_hit_is_no_proof(targeted, tmp_path):
    with pytest.raises(KillProofFailed, match="did not hit"):
        prove_point(tmp_path / "home", targeted[0].home, (), "nowhere.at_all", NIGHT, {})


def test_differences_name_what_differs():
    assert differences({"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"}) == ["b: 2 became 3", "c: None became 4"]


def test_nobody_protected_or_held_out_is_in_any_file_read_with_code_of_its_own(undisturbed):
    """The files as their bytes stand: no layout of the project, numbers matched by the rows the town was made of."""
    settings = undisturbed["settings"]
    exported = export_reader.contacts(settings.home, set(load_campaigns()))
    assert {contact.channel for contact in exported} == set(load_channels())
    assert len(exported) == sum(manifest["rows"] for manifest in export_reader.manifests(settings.home)) > 150

    def number(row: dict) -> str:
        return msisdn_of(int(row["subscription_id"][1:]))

    protected = lake_of(settings).arrow("gold.suppression").to_pylist()
    closed = {(number(row), "*" if row["scope_type"] == "SYSTEM" else row["scope_value"]) for row in protected}
    held_out = {(row["campaign_id"], number(row)) for row in lake_of(settings).arrow("gold.control_group").to_pylist()}
    assert min(len(closed), len(held_out)) > 50, "floor: many are protected and many held out"
    assert not [c for c in exported if (c.msisdn, "*") in closed or (c.msisdn, c.channel) in closed]
    assert not [c for c in exported if (c.campaign, c.msisdn) in held_out]


PROMOTED = {"CRBT": {"CRBT_ACQUISITION", "CRBT_SAVE"}, "NEWSPAPER": {"NEWSPAPER_GROWTH"}}


@pytest.mark.parametrize("source", ["product", "grey list", "complaint", "sensitive"])
def test_nobody_is_in_a_file_whom_a_source_of_protection_names(undisturbed, source):
    """Straight from the rows protection follows from; a grey list without a channel and an open complaint close everything."""
    settings = undisturbed["settings"]
    lake = lake_of(settings)
    exported = export_reader.contacts(settings.home, set(load_campaigns()))
    if source == "product":
        rows = lake.arrow("gold.suppression", filters=[("scope_type", "=", "PRODUCT")]).to_pylist()
        closed = {
            (msisdn_of(int(r["subscription_id"][1:])), campaign)
            for r in rows
            for campaign in PROMOTED[r["scope_value"]]
        }
        hits = [c for c in exported if (c.msisdn, c.campaign) in closed]
    else:
        name = {"grey list": "silver.list_member", "complaint": "silver.complaint", "sensitive": "silver.subscription"}[
            source
        ]
        rows = lake.arrow(name).to_pylist()
        closed = {msisdn_of(int(r["subscription_id"][1:])) for r in rows}
        channels = {"OUTBOUND"} if source == "sensitive" else set(load_channels())
        hits = [c for c in exported if c.msisdn in closed and c.channel in channels]
    assert len(closed) > 40, "floor: many are named"
    assert hits == []


@pytest.fixture(scope="module")
def undisturbed(targeted, tmp_path_factory):
    from tests.builders.targeting_night import copy_of

    settings = copy_of(targeted[0], tmp_path_factory.mktemp("undisturbed") / "home")
    export.run(None, settings, RANGE)
    return {
        "settings": settings,
        "files": contents(settings),
        "ledger": sorted(row["file_name"] for row in ledger.read(settings, "ops.export_ledger").to_pylist()),
    }


def test_last_gate_withholds_given_selection_without_protection(targeted_copy):
    """Sabotage: protection arrives after the lists were frozen, as if selection had not looked at it at all."""
    contact = lake_of(targeted_copy).arrow("gold.campaign_contact").to_pylist()[0]
    put(targeted_copy, "gold.suppression", [a_suppression(contact, "LIST_BLACK")])
    with pytest.raises(ExportRefused) as refusal:
        export.run(None, targeted_copy, RANGE)
    assert "files withheld" in str(refusal.value)
    sent = exported_rows(targeted_copy)
    assert sent, "the other files left"
    assert contact["contact_id"] not in {row["contact_id"] for row in sent}
    assert not targeted_copy.path("exports", contact["channel_code"], contact["file_name"]).exists()
    assert list(targeted_copy.path("alerts").glob("*FILE_WITHHELD*"))
    assert statuses(targeted_copy)[contact["file_name"]] == "REFUSED"


def test_torn_file_is_refused_with_an_alert_and_the_others_leave(targeted_copy, monkeypatch):
    def tear(root, name, content):
        return write_private(root, name, content[:-30] if name.endswith("_001.csv") else content)

    monkeypatch.setattr(export, "write_private", tear)
    with pytest.raises(ExportRefused, match="cannot be read back"):
        export.run(None, targeted_copy, RANGE)
    found = statuses(targeted_copy)
    torn = {name for name in found if name.endswith("_001.csv")}
    assert {name for name, status in found.items() if status == "REFUSED"} == torn
    assert {path.name for path in released(targeted_copy)} == set(found) - torn != set()
    assert len(list(targeted_copy.path("alerts").glob("*FILE_WITHHELD*"))) == len(torn) > 3


@pytest.mark.parametrize("gate", ["list", "opt-out", "control", "complaint", "sensitive"])
def test_each_source_of_protection_fires_alone(targeted_copy, gate):
    contact = lake_of(targeted_copy).arrow("gold.campaign_contact").to_pylist()[0]
    person = contact["subscription_id"]
    if gate == "list":
        row = a_row("silver.list_member", msisdn_token=1, subscription_id=person, list_code="B", list_colour="BLACK", scope_type="SYSTEM",
                    load_date=NIGHT, superseded_on=_forever())  # fmt: skip
        put(targeted_copy, "silver.list_member", [row])
    elif gate == "opt-out":
        row = a_row("silver.channel_result", contact_id="X", subscription_id=person, campaign_id="C", channel_code="SMS", reach_code="REACHED",
                    opt_out_scope="SYSTEM", load_date=NIGHT, superseded_on=_forever())  # fmt: skip
        put(targeted_copy, "silver.channel_result", [row])
    elif gate == "complaint":
        row = a_row(
            "silver.complaint", complaint_id="1", subscription_id=person, status="OPEN", superseded_on=_forever()
        )
        put(targeted_copy, "silver.complaint", [row])
    elif gate == "sensitive":
        stands = {"customer_id": "C1", "superseded_on": _forever()}
        customer = a_row("silver.customer", **stands, sensitive_channels=[contact["channel_code"]])
        put(targeted_copy, "silver.customer", [customer])
        put(targeted_copy, "silver.subscription", [a_row("silver.subscription", **stands, subscription_id=person)])
    else:
        rows = lake_of(targeted_copy).arrow("gold.control_group").to_pylist()
        more = {"campaign_id": contact["campaign_id"], "subscription_id": person, "assigned_on": NIGHT, "control_kind": "CAMPAIGN",
                "is_model_selected": False, "business_date": NIGHT}  # fmt: skip
        put(targeted_copy, "gold.control_group", [*rows, more])
    with pytest.raises(ExportRefused, match="1 of"):
        export.run(None, targeted_copy, RANGE)
    assert contact["contact_id"] not in {row["contact_id"] for row in exported_rows(targeted_copy)}


def _forever():
    from datetime import date

    return date(9999, 12, 31)


def test_no_file_leaves_given_a_stale_suppression_feed(targeted_copy):
    feeds_are_fresh(targeted_copy, list_member="MISSING")
    with pytest.raises(StaleSuppression):
        export.run(None, targeted_copy, RANGE)
    assert released(targeted_copy) == []


def test_sent_file_is_never_replaced_by_another_content(targeted_copy):
    export.run(None, targeted_copy, RANGE)
    path = released(targeted_copy)[0]
    path.with_name(path.name + ".done").unlink()
    rows = ledger.read(targeted_copy, "ops.export_ledger").to_pylist()
    other = {"sha256": "0" * 64, "status": "RELEASING"}
    changed = [row | other if row["file_name"] == path.name else row for row in rows]
    ledger.replace(targeted_copy, "ops.export_ledger", changed, None)
    with pytest.raises(ExportRefused, match="never sent a second time"):
        export.run(None, targeted_copy, RANGE)
    assert statuses(targeted_copy)[path.name] == "RELEASING", "what may have left stays in the ledger as it left"


def test_protection_that_came_in_a_crash_withholds_the_unreleased_list(targeted_copy):
    export.run(None, targeted_copy, RANGE)
    path = released(targeted_copy)[0]
    done_of(path).unlink()
    rows = ledger.read(targeted_copy, "ops.export_ledger").to_pylist()
    changed = [row | {"status": "RELEASING"} if row["file_name"] == path.name else row for row in rows]
    ledger.replace(targeted_copy, "ops.export_ledger", changed, None)
    contacts = lake_of(targeted_copy).arrow("gold.campaign_contact").to_pylist()
    contact = next(row for row in contacts if row["file_name"] == path.name)
    put(targeted_copy, "gold.suppression", [a_suppression(contact, "LIST_BLACK")])
    with pytest.raises(ExportRefused, match="1 of"):
        export.run(None, targeted_copy, RANGE)
    assert statuses(targeted_copy)[path.name] == "REFUSED"
    assert not path.exists()


def test_unpublished_night_is_not_exported(settings):
    ledger.ensure_tables(settings)
    with pytest.raises(ExportRefused, match="targeting is not published"):
        export.run(None, settings, RANGE)


def test_numbers_appear_nowhere_but_in_vault_and_exports(targeted_copy):
    export.run(None, targeted_copy, RANGE)
    number = next(iter(exported_rows(targeted_copy)))["msisdn"].encode()
    outside = [
        path
        for path in targeted_copy.home.rglob("*")
        if path.is_file() and "vault" not in path.parts and "exports" not in path.parts
    ]
    assert len(outside) > 50
    assert [path for path in outside if number in path.read_bytes()] == []
