"""Export on a frozen night: every protection holds in the files, nothing is sent twice, and a crash anywhere changes nothing."""

from __future__ import annotations

import json
import shutil
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
from jobs.lakehouse import delta_rs, faults
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.run import Run
from jobs.lakehouse.withheld import without_withheld
from jobs.stack.kill_matrix import KillProofFailed, differences, fingerprint, prove_point
from jobs.stage import run_stage
from jobs.targeting import export
from jobs.targeting.close_file import close_file
from jobs.targeting.contact_recall import recall_contact
from jobs.targeting.explain import explain
from jobs.targeting.export_check import read_back
from jobs.targeting.export_files import PRIVATE, done_of, manifest_of, signature_of, write_private
from jobs.targeting.export_rows import contacts_by_file
from jobs.targeting.job import budgets_left
from jobs.targeting.readiness import StaleSuppression
from jobs.targeting.recall import recall
from jobs.targeting.value import Evidence
from tests.builders import export_reader
from tests.builders.targeting_night import (
    NIGHT,
    a_row,
    a_suppression,
    copy_of,
    feeds_are_fresh,
    msisdn_of,
    put,
    token_of,
)

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
    return {row["file_name"]: row["status"] for row in delta_rs.read(settings, "ops.export_ledger").to_pylist()}


def released(settings) -> list[Path]:
    return sorted(path.with_name(path.name.removesuffix(".done")) for path in settings.path("exports").glob("*/*.done"))


def exported_rows(settings) -> list[dict]:
    layouts = {layout.channel_code: layout for layout in load_exports().values()}
    return [
        row | {"channel_code": path.parent.name}
        for path in released(settings)
        for row in read_back(layouts[path.parent.name], path.read_bytes()).to_pylist()
    ]


def test_files_hold_exactly_the_frozen_lists(targeted_copy):
    summary = export.run(None, targeted_copy, RANGE)[str(NIGHT)]
    contacts = lake_of(targeted_copy).arrow("gold.campaign_contact").to_pylist()
    rows = exported_rows(targeted_copy)
    assert summary["rows"] == len(contacts) == len(rows)
    assert sorted(row["contact_id"] for row in rows) == sorted(row["contact_id"] for row in contacts)
    assert {path.parent.name for path in released(targeted_copy)} == set(load_channels())
    ledger_rows = delta_rs.read(targeted_copy, "ops.export_ledger").to_pylist()
    assert sum(row["rows"] for row in ledger_rows) == len(rows)


def test_manifest_and_done_name_the_content(targeted_copy):
    export.run(None, targeted_copy, RANGE)
    for path in released(targeted_copy):
        manifest = json.loads(path.with_name(path.name + ".manifest.json").read_text(encoding="utf-8"))
        digest = sha256(path.read_bytes()).hexdigest()
        assert manifest["sha256"] == digest == path.with_name(path.name + ".done").read_text(encoding="ascii").strip()
        assert manifest["file_name"] == path.name
        assert manifest["expires_on"] == manifest["planned_date"] == "2026-03-11", "valid on its planned day alone"
        is_bulk = manifest["channel_code"] in ("SMS", "MMS", "WAP_PUSH")
        assert sum(slot["rows"] for slot in manifest.get("slots", [])) == (manifest["rows"] if is_bulk else 0)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(signature_of(path).stat().st_mode) == 0o600
    assert len(released(targeted_copy)) >= 9
    assert export_reader.unsigned(targeted_copy.home) == []
    done_of(path).write_text("0" * 64 + "\n")
    assert export_reader.unsigned(targeted_copy.home) == [path.name]
    assert not list(targeted_copy.path("exports", PRIVATE).iterdir()), "nothing is left in the private folder"


def test_second_run_sends_nothing_twice(targeted_copy):
    export.run(None, targeted_copy, RANGE)
    before, ledger_before = contents(targeted_copy), delta_rs.read(targeted_copy, "ops.export_ledger").num_rows
    times = {path: path.stat().st_mtime_ns for path in released(targeted_copy)}
    summary = export.run(None, targeted_copy, RANGE)[str(NIGHT)]
    assert set(summary["files"]) == {"ALREADY_SENT"}
    assert contents(targeted_copy) == before
    assert {path: path.stat().st_mtime_ns for path in released(targeted_copy)} == times
    assert delta_rs.read(targeted_copy, "ops.export_ledger").num_rows == ledger_before


@pytest.mark.parametrize("status", ["EXPORTED", "RELEASING"])
def test_list_and_done_the_channel_took_away_do_not_come_back(targeted_copy, status):
    """RELEASING: killed after `.done` and before the ledger said EXPORTED; the channel took the list meanwhile."""
    export.run(None, targeted_copy, RANGE)
    taken = released(targeted_copy)[0]
    for path in (taken, done_of(taken)):
        path.unlink()
    rows = delta_rs.read(targeted_copy, "ops.export_ledger").to_pylist()
    changed = [row | {"status": status} if row["file_name"] == taken.name else row for row in rows]
    delta_rs.replace(targeted_copy, "ops.export_ledger", changed, None)
    export.run(None, targeted_copy, RANGE)
    assert not taken.exists()
    assert not done_of(taken).exists()
    assert set(statuses(targeted_copy).values()) == {"EXPORTED"}


def as_killed_before_done(settings, path: Path, **row_of_ledger: str) -> None:
    """Bring a list that left back to the state in which a kill right before its `.done` leaves it."""
    done_of(path).unlink()
    notes = settings.path("sent", f"{path.parent.name}.jsonl")
    lines = [line for line in notes.read_text().splitlines() if not (path.name in line and '"SENT"' in line)]
    notes.write_text("".join(line + "\n" for line in lines))
    other = {"status": "RELEASING", **row_of_ledger}
    rows = delta_rs.read(settings, "ops.export_ledger").to_pylist()
    changed = [row | other if row["file_name"] == path.name else row for row in rows]
    delta_rs.replace(settings, "ops.export_ledger", changed, None)


def restore_lake_of_before(settings, targeted) -> None:
    """Bring the lake back as it was before the export; exports, secrets and sent/ stay."""
    shutil.rmtree(settings.path("lake"))
    shutil.copytree(targeted[0].path("lake"), settings.path("lake"))


def told(settings, event: str) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(settings.path("alerts").glob(f"*_{event}_*.json"))]


@pytest.mark.parametrize("taken", ["nothing", "done", "all"])
def test_nothing_is_sent_twice_after_an_older_lake_was_restored(targeted_copy, targeted, undisturbed, taken):
    """Whatever the channels took away meanwhile: nothing, the `.done` alone, or list, manifest, signature and `.done`."""
    export.run(None, targeted_copy, RANGE)
    before = {row["file_name"]: row for row in delta_rs.read(targeted_copy, "ops.export_ledger").to_pylist()}
    for path in released(targeted_copy):
        gone = {
            "nothing": [],
            "done": [done_of(path)],
            "all": [path, done_of(path), manifest_of(path), signature_of(path)],
        }
        for file in gone[taken]:
            file.unlink()
    left = contents(targeted_copy)
    restore_lake_of_before(targeted_copy, targeted)
    assert statuses(targeted_copy) == {}

    summary = export.run(None, targeted_copy, RANGE)[str(NIGHT)]

    assert set(summary["files"]) == {"ALREADY_SENT"}
    assert contents(targeted_copy) == left
    rows = {row["file_name"]: row for row in delta_rs.read(targeted_copy, "ops.export_ledger").to_pylist()}
    kept = ("status", "rows", "sha256")
    assert {name: [row[c] for c in kept] for name, row in rows.items()} == {
        n: [r[c] for c in kept] for n, r in before.items()
    }
    assert all("had left before" in row["left_note"] for row in rows.values())
    assert sorted(alert["file_name"] for alert in told(targeted_copy, "LIST_HAD_LEFT")) == undisturbed["ledger"]
    export.run(None, targeted_copy, RANGE)
    assert contents(targeted_copy) == left
    assert len(told(targeted_copy, "LIST_HAD_LEFT")) == len(undisturbed["ledger"]) >= 9


def test_lists_that_left_are_not_decided_anew_and_recalls_are_kept_after_a_restore(targeted_copy, targeted):
    export.run(None, targeted_copy, RANGE)
    contact, *_ = lake_of(targeted_copy).arrow("gold.campaign_contact", [("channel_code", "=", "OUTBOUND")]).to_pylist()
    recall_contact(targeted_copy, "desk", "asked in the store", contact["contact_id"])
    recall(targeted_copy, NIGHT, "STORE", "desk", "wrong list")
    recalled = {name for name, status in statuses(targeted_copy).items() if status == "RECALLED"}
    restore_lake_of_before(targeted_copy, targeted)
    assert run_stage(None, targeted_copy, "target", RANGE)[str(NIGHT)]["status"] == "FROZEN"

    export.run(None, targeted_copy, RANGE)

    assert {name for name, status in statuses(targeted_copy).items() if status == "RECALLED"} == recalled != set()
    assert withdrawn(targeted_copy) == [(contact["contact_id"], "RECALLED", "asked in the store")]


def test_a_list_that_left_and_is_on_no_frozen_list_any_more_is_told_and_stays_in_the_ledger(targeted_copy, targeted):
    export.run(None, targeted_copy, RANGE)
    restore_lake_of_before(targeted_copy, targeted)
    frozen = lake_of(targeted_copy).arrow("gold.campaign_contact").to_pylist()
    lost = frozen[0]["file_name"]
    put(targeted_copy, "gold.campaign_contact", [row for row in frozen if row["file_name"] != lost])
    export.run(None, targeted_copy, RANGE)
    (row,) = delta_rs.read(targeted_copy, "ops.export_ledger", [("file_name", "=", lost)]).to_pylist()
    assert row["status"] == "EXPORTED"
    assert "compare it with the channel" in row["left_note"]


def test_recalled_list_has_its_marker_and_is_never_sent_again(targeted_copy, undisturbed):
    export.run(None, targeted_copy, RANGE)
    name, campaign = longest_list(targeted_copy, "OUTBOUND")
    options = [
        "--date",
        str(NIGHT),
        "--channel",
        "OUTBOUND",
        "--campaign",
        campaign,
        "--by",
        "desk",
        "--reason",
        "late opt-out",
    ]
    result = CliRunner().invoke(app, ["recall", *options])
    assert result.exit_code == 0, result.output
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
    name, campaign = longest_list(targeted_copy, "OUTBOUND")
    first, second = [row for row in contacts if row["file_name"] == name][:2]
    by_id = ["--contact", first["contact_id"]]
    by_number = ["--msisdn", "+86 " + msisdn_of(int(second["subscription_id"][1:])), "--campaign", campaign]
    for which in (by_id, by_number):
        result = CliRunner().invoke(app, ["recall", *which, "--by", "desk", "--reason", "asked in the store"])
        assert result.exit_code == 0, result.output
    marker = recall_file(targeted_copy, first)
    assert (marker["all"], marker["sha256"]) == (False, before[f"OUTBOUND/{first['file_name']}"])
    assert {row["contact_id"] for row in marker["contacts"]} == {first["contact_id"], second["contact_id"]}
    assert {(row["recalled_by"], row["reason"]) for row in marker["contacts"]} == {("desk", "asked in the store")}
    rows = delta_rs.read(targeted_copy, "ops.contact_withdrawal").to_pylist()
    assert {(row["contact_id"], row["kind"]) for row in rows} == {
        (c["contact_id"], "RECALLED") for c in (first, second)
    }
    assert len(list(targeted_copy.path("alerts").glob("*CONTACT_RECALLED*"))) == 2
    assert set(export.run(None, targeted_copy, RANGE)[str(NIGHT)]["files"]) == {"ALREADY_SENT"}
    after = contents(targeted_copy)
    assert {name: after[name] for name in before} == before, "the list itself stays as it left"
    recall(targeted_copy, NIGHT, "OUTBOUND", "desk", "wrong list", campaign)
    assert recall_file(targeted_copy, first)["all"] is True
    with pytest.raises(InputRefused, match="recalled already"):
        recall_contact(targeted_copy, "desk", "asked in the store", first["contact_id"])


def test_contact_recalled_before_its_list_left_is_not_in_the_file(targeted_copy):
    contacts = lake_of(targeted_copy).arrow("gold.campaign_contact").to_pylist()
    spent = budgets_left(lake_of(targeted_copy), load_campaigns(), NIGHT + timedelta(days=1), Evidence())
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
    left = budgets_left(lake_of(targeted_copy), load_campaigns(), NIGHT + timedelta(days=1), Evidence())
    campaign_id, price = (
        contact["campaign_id"],
        Evidence().use(load_channels()["OUTBOUND"]) * load_channels()["OUTBOUND"].cost_yuan,
    )
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
    assert delta_rs.read(targeted_copy, "ops.contact_withdrawal").num_rows == 0


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
    in_place = list(targeted_copy.path("exports").glob("*/*.manifest.json"))
    if point.endswith("_done"):
        assert 2 <= len(released(targeted_copy)) <= 3
        assert len(in_place) == len(undisturbed["ledger"]), "every list is checked before the first is released"
    else:
        assert (len(in_place), released(targeted_copy), statuses(targeted_copy)) == (2, [], {})
    export.run(None, targeted_copy, RANGE)
    assert contents(targeted_copy) == undisturbed["files"]
    assert set(statuses(targeted_copy).values()) == {"EXPORTED"}
    names = [row["file_name"] for row in delta_rs.read(targeted_copy, "ops.export_ledger").to_pylist()]
    assert sorted(names) == undisturbed["ledger"], "each file once in the ledger"


def test_a_night_of_many_files_is_two_commits_of_the_ledger(targeted_copy, monkeypatch):
    """And not one that a channel could take is unknown to it."""
    states = []

    def look(name: str) -> None:
        if name in ("export.before_done", "export.after_done"):
            states.append(sorted(statuses(targeted_copy).values()))

    monkeypatch.setattr(faults, "point", look)
    before = delta_rs.head_version(targeted_copy, "ops.export_ledger")
    files = export.run(None, targeted_copy, RANGE)[str(NIGHT)]["files"]
    assert files["SENT"] > 9, "floor: more files than commits"
    assert delta_rs.head_version(targeted_copy, "ops.export_ledger") - before == 2
    assert states == [["RELEASING"] * files["SENT"]] * (2 * files["SENT"])
    export.run(None, targeted_copy, RANGE)
    assert delta_rs.head_version(targeted_copy, "ops.export_ledger") - before == 2, "nothing to say, no commit"


def test_a_list_recalled_while_the_night_is_released_stays_recalled(targeted_copy, monkeypatch):
    """One channel's before its release: it never gets its `.done`; another's after: the last commit leaves it as it is."""
    hits = Counter()

    def recall_meanwhile(name: str) -> None:
        hits[name] += 1
        if name == "export.after_done" and hits[name] == 1:
            first = released(targeted_copy)[0].parent.name
            for channel_code in (first, "STORE"):
                recall(targeted_copy, NIGHT, channel_code, "desk", "wrong list")

    monkeypatch.setattr(faults, "point", recall_meanwhile)
    files = export.run(None, targeted_copy, RANGE)[str(NIGHT)]["files"]
    rows = delta_rs.read(targeted_copy, "ops.export_ledger").to_pylist()
    recalled = {row["file_name"] for row in rows if row["status"] == "RECALLED"}
    left = {path.name for path in released(targeted_copy)}
    assert len(recalled & left) == 1, "floor: one was recalled after its release"
    assert files == {"SENT": len(left), "RECALLED": len(recalled - left)}
    assert {row["file_name"] for row in rows if row["status"] == "EXPORTED"} == left - recalled
    before = contents(targeted_copy)
    export.run(None, targeted_copy, RANGE)
    assert contents(targeted_copy) == before


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
        "ledger": sorted(row["file_name"] for row in delta_rs.read(settings, "ops.export_ledger").to_pylist()),
    }


def longest_list(settings, channel: str) -> tuple[str, str]:
    """File name and campaign of a channel's list with most contacts."""
    rows = lake_of(settings).arrow("gold.campaign_contact").to_pylist()
    lists = Counter((row["file_name"], row["campaign_id"]) for row in rows if row["channel_code"] == channel)
    return max(sorted(lists), key=lists.__getitem__)


def a_contact_of_a_long_list(settings) -> tuple[dict, list[dict]]:
    """A contact in the middle of the longest list, and all contacts of that list."""
    files = contacts_by_file(lake_of(settings), NIGHT)
    contacts = max(files.values(), key=len).to_pylist()
    assert len(contacts) > 10, "floor: the list has neighbours who must leave"
    return contacts[len(contacts) // 2], contacts


def withdrawn(settings) -> list[tuple[str, str, str]]:
    rows = delta_rs.read(settings, "ops.contact_withdrawal").to_pylist()
    return [(row["contact_id"], row["kind"], row["reason"]) for row in rows]


def test_one_late_opt_out_drops_its_row_and_nothing_else(targeted_copy, undisturbed):
    """Sabotage: protection arrives after the lists were frozen, as if selection had not looked at it at all."""
    contact, contacts = a_contact_of_a_long_list(targeted_copy)
    put(targeted_copy, "gold.suppression", [a_suppression(contact, "LIST_BLACK")])
    summary = export.run(None, targeted_copy, RANGE)[str(NIGHT)]
    assert (summary["dropped"], summary["withheld"], set(summary["files"])) == (1, [], {"SENT"})
    everybody = {row["contact_id"] for row in lake_of(targeted_copy).arrow("gold.campaign_contact").to_pylist()}
    assert {row["contact_id"] for row in exported_rows(targeted_copy)} == everybody - {contact["contact_id"]}

    name = f"{contact['channel_code']}/{contact['file_name']}"
    changed = {path for path, digest in contents(targeted_copy).items() if undisturbed["files"][path] != digest}
    assert changed == {name, f"{name}.manifest.json", f"{name}.sig", f"{name}.done"}
    target = targeted_copy.path("exports", name)
    before = (undisturbed["settings"].path("exports", name)).read_bytes().splitlines(keepends=True)
    after = target.read_bytes().splitlines(keepends=True)
    assert [line for line in before if contact["contact_id"].encode() not in line] == after
    manifest = json.loads(target.with_name(target.name + ".manifest.json").read_text(encoding="utf-8"))
    assert (manifest["rows"], manifest["bytes"]) == (len(contacts) - 1, sum(map(len, after)))
    assert manifest["sha256"] == sha256(target.read_bytes()).hexdigest() == done_of(target).read_text("ascii").strip()
    rows = {row["file_name"]: row for row in delta_rs.read(targeted_copy, "ops.export_ledger").to_pylist()}
    assert (rows[target.name]["status"], rows[target.name]["rows"]) == ("EXPORTED", len(contacts) - 1)

    assert withdrawn(targeted_copy) == [(contact["contact_id"], "DROPPED", "suppressed (SYSTEM)")]
    (alert,) = targeted_copy.path("alerts").glob("*CONTACTS_DROPPED*")
    assert f"1 of {len(contacts)}; suppressed (SYSTEM) 1" in alert.read_text(encoding="utf-8")
    told = explain(targeted_copy, contact["campaign_id"], msisdn_of(int(contact["subscription_id"][1:])), NIGHT)["text"]
    assert told.endswith("; dropped afterwards by last gate: suppressed (SYSTEM)")


def test_dropped_contact_uses_no_budget_and_stays_dropped(targeted_copy):
    contact, _ = a_contact_of_a_long_list(targeted_copy)
    campaigns = load_campaigns()
    put(targeted_copy, "gold.suppression", [a_suppression(contact, "LIST_BLACK")])
    export.run(None, targeted_copy, RANGE)
    sent = contents(targeted_copy)
    put(targeted_copy, "gold.suppression", [a_suppression({"subscription_id": "NOBODY"}, "LIST_BLACK")])
    assert set(export.run(None, targeted_copy, RANGE)[str(NIGHT)]["files"]) == {"ALREADY_SENT"}
    assert contents(targeted_copy) == sent
    assert len(withdrawn(targeted_copy)) == 1

    kept = without_withheld(targeted_copy, lake_of(targeted_copy).arrow("gold.campaign_contact"))
    everybody = lake_of(targeted_copy).arrow("gold.campaign_contact")
    assert set(everybody["contact_id"].to_pylist()) - set(kept["contact_id"].to_pylist()) == {contact["contact_id"]}
    next_night = DateRange(NIGHT, NIGHT).last + timedelta(days=1)
    left = budgets_left(lake_of(targeted_copy), campaigns, next_night, Evidence())
    delta_rs.delete(targeted_copy, "ops.contact_withdrawal", "true")
    with_it = budgets_left(lake_of(targeted_copy), campaigns, next_night, Evidence())
    cost = load_channels()[contact["channel_code"]].cost_yuan
    owner = contact["campaign_id"]
    assert left[owner] == pytest.approx(min(with_it[owner] + cost, campaigns[owner].budget.per_night_yuan))


@pytest.mark.parametrize(
    "point", ["export.before_rename", "export.after_rename", "export.before_done", "export.after_done"]
)
def test_drop_gives_the_same_bytes_given_a_crash_anywhere(targeted_copy, tmp_path, monkeypatch, point):
    contact, _ = a_contact_of_a_long_list(targeted_copy)
    put(targeted_copy, "gold.suppression", [a_suppression(contact, "LIST_BLACK")])
    undisturbed_home = copy_of(targeted_copy, tmp_path / "undisturbed")
    export.run(None, undisturbed_home, RANGE)
    place = sorted(contacts_by_file(lake_of(targeted_copy), NIGHT)).index(contact["file_name"]) + 1
    hits = Counter()

    def die_at_that_file(name: str) -> None:
        hits[name] += 1
        if name == point and hits[name] == place:
            raise Killed

    monkeypatch.setattr(faults, "point", die_at_that_file)
    with pytest.raises(Killed):
        export.run(None, targeted_copy, RANGE)
    export.run(None, targeted_copy, RANGE)
    assert contents(targeted_copy) == contents(undisturbed_home)
    assert withdrawn(targeted_copy) == withdrawn(undisturbed_home)
    assert set(statuses(targeted_copy).values()) == {"EXPORTED"}


def test_list_on_which_nobody_may_be_contacted_has_its_end_at_once(targeted_copy):
    files = contacts_by_file(lake_of(targeted_copy), NIGHT)
    shortest = min(files.values(), key=len).to_pylist()
    put(targeted_copy, "gold.suppression", [a_suppression(contact, "LIST_BLACK") for contact in shortest])
    assert export.run(None, targeted_copy, RANGE)[str(NIGHT)]["files"] == {"SENT": len(files) - 1, "CLOSED": 1}
    assert statuses(targeted_copy)[shortest[0]["file_name"]] == "CLOSED"
    assert len(withdrawn(targeted_copy)) == len(shortest)
    assert not targeted_copy.path("exports", shortest[0]["channel_code"], shortest[0]["file_name"]).exists()


def test_contact_without_a_number_is_dropped(targeted_copy):
    contact, _ = a_contact_of_a_long_list(targeted_copy)
    token = token_of(int(contact["subscription_id"][1:]))
    delta_rs.delete(targeted_copy, "vault.identity", f"token = {token}")
    assert export.run(None, targeted_copy, RANGE)[str(NIGHT)]["dropped"] == 1
    assert withdrawn(targeted_copy) == [(contact["contact_id"], "DROPPED", "no number in view and vault")]


def test_torn_file_is_refused_with_an_alert_and_the_others_leave(targeted_copy, monkeypatch):
    def tear(root, name, content):
        return write_private(root, name, content[:-30] if name.endswith("_001.csv") else content)

    monkeypatch.setattr(export, "write_private", tear)
    summary = export.run(None, targeted_copy, RANGE)[str(NIGHT)]
    assert "cannot be read back" in summary["withheld"][0]
    found = statuses(targeted_copy)
    torn = {name for name in found if name.endswith("_001.csv")}
    assert summary["files"] == {"SENT": len(found) - len(torn), "WITHHELD": len(torn)}
    assert {name for name, status in found.items() if status == "REFUSED"} == torn
    assert {path.name for path in released(targeted_copy)} == set(found) - torn != set()
    assert len(list(targeted_copy.path("alerts").glob("*FILE_WITHHELD*"))) == len(torn) > 3


def test_one_customers_data_that_no_file_can_hold_drops_one_contact(targeted_copy):
    contacts = lake_of(targeted_copy).arrow("gold.campaign_contact").to_pylist()
    contact = next(row for row in contacts if row["channel_code"] == "STORE")
    view = lake_of(targeted_copy).arrow("gold.customer_360").to_pylist()
    person = contact["subscription_id"]
    put(
        targeted_copy,
        "gold.customer_360",
        [row | {"city_code": "59,1"} if row["subscription_id"] == person else row for row in view],
    )
    summary = export.run(None, targeted_copy, RANGE)[str(NIGHT)]
    assert (summary["dropped"], summary["withheld"]) == (1, [])
    assert withdrawn(targeted_copy) == [(contact["contact_id"], "DROPPED", "city_code does not fit the channel's file")]


def test_vault_without_numbers_withholds_and_drops_nobody(targeted_copy):
    """A fault of ours and no wish of customers: once it is mended every contact is made."""
    vault = delta_rs.read(targeted_copy, "vault.identity")
    delta_rs.delete(targeted_copy, "vault.identity", "true")
    with pytest.raises(ExportRefused, match="cannot be checked"):
        export.run(None, targeted_copy, RANGE)
    assert withdrawn(targeted_copy) == []
    delta_rs.append(targeted_copy, "vault.identity", vault)
    summary = export.run(None, targeted_copy, RANGE)[str(NIGHT)]
    assert (set(summary["files"]), summary["dropped"]) == ({"SENT"}, 0)


def tear_everything(root, name, content):
    return write_private(root, name, content[:-30])


def test_night_of_which_no_list_leaves_is_an_error_until_its_files_are_closed(targeted_copy, monkeypatch):
    monkeypatch.setattr(export, "write_private", tear_everything)
    with pytest.raises(ExportRefused, match="no list left"):
        export.run(None, targeted_copy, RANGE)
    monkeypatch.undo()
    monkeypatch.setenv("CLOSEDLOOP_HOME", str(targeted_copy.home))
    names = sorted(statuses(targeted_copy))
    assert len(names) > 9, "floor: all files of the night"
    for name in names:
        close_file(targeted_copy, name, "desk", "sent by hand")
    assert export.run(None, targeted_copy, RANGE)[str(NIGHT)]["files"] == {"CLOSED": len(names)}
    assert released(targeted_copy) == []


def test_withheld_file_has_an_end_by_command(targeted_copy, monkeypatch):
    """Who and why stand in the ledger; it is never tried again, nobody on it counts as contacted, the night goes on."""
    name, _ = longest_list(targeted_copy, "SMS")

    def tear(root, file_name, content):
        return write_private(root, file_name, content[:-30] if file_name == name else content)

    monkeypatch.setattr(export, "write_private", tear)
    export.run(None, targeted_copy, RANGE)
    monkeypatch.undo()
    monkeypatch.setenv("CLOSEDLOOP_HOME", str(targeted_copy.home))
    for wrong, words in (
        (["--by", " ", "--reason", "x"], "who closes it"),
        (["--by", "desk", "--reason", "x"], "no such file"),
    ):
        refused = CliRunner().invoke(app, ["close-file", "NO_FILE.txt", *wrong])
        assert isinstance(refused.exception, InputRefused)
        assert words in str(refused.exception)
    result = CliRunner().invoke(app, ["close-file", name, "--by", "desk", "--reason", "gateway is down"])
    assert result.exit_code == 0, result.output
    (row,) = (row for row in delta_rs.read(targeted_copy, "ops.export_ledger").to_pylist() if row["file_name"] == name)
    assert (row["status"], row["closed_by"], row["closed_because"]) == ("CLOSED", "desk", "gateway is down")
    assert "cannot be read back" in row["refused_because"]
    assert list(targeted_copy.path("alerts").glob("*FILE_CLOSED*"))

    files = export.run(None, targeted_copy, RANGE)[str(NIGHT)]["files"]
    assert files == {"ALREADY_SENT": len(statuses(targeted_copy)) - 1, "CLOSED": 1}
    assert not targeted_copy.path("exports", "SMS", name).exists()
    everybody = lake_of(targeted_copy).arrow("gold.campaign_contact")
    kept = without_withheld(targeted_copy, everybody)
    assert 0 < everybody.num_rows - kept.num_rows == row["rows"]
    assert name not in kept["file_name"].to_pylist()
    with pytest.raises(InputRefused, match="found:  CLOSED"):
        close_file(targeted_copy, name, "desk", "again")


@pytest.mark.parametrize("gate", ["list", "opt-out", "control", "complaint", "sensitive"])
def test_each_source_of_protection_fires_alone(targeted_copy, gate):
    contact = lake_of(targeted_copy).arrow("gold.campaign_contact").to_pylist()[0]
    person = contact["subscription_id"]
    if gate == "list":
        row = a_row(
            "silver.list_member",
            msisdn_token=1,
            subscription_id=person,
            list_code="B",
            list_colour="BLACK",
            scope_type="SYSTEM",
            valid_from=NIGHT,
            valid_to=_forever(),
            load_date=NIGHT,
            superseded_on=_forever(),
        )
        put(targeted_copy, "silver.list_member", [row])
    elif gate == "opt-out":
        row = a_row(
            "silver.channel_result",
            contact_id="X",
            subscription_id=person,
            campaign_id="C",
            channel_code="SMS",
            reach_code="REACHED",
            opt_out_scope="SYSTEM",
            load_date=NIGHT,
            superseded_on=_forever(),
        )
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
        more = {
            "campaign_id": contact["campaign_id"],
            "subscription_id": person,
            "assigned_on": NIGHT,
            "control_kind": "CAMPAIGN",
            "is_model_selected": False,
            "business_date": NIGHT,
        }
        put(targeted_copy, "gold.control_group", [*rows, more])
    assert export.run(None, targeted_copy, RANGE)[str(NIGHT)]["dropped"] == 1
    everybody = {row["contact_id"] for row in lake_of(targeted_copy).arrow("gold.campaign_contact").to_pylist()}
    assert {row["contact_id"] for row in exported_rows(targeted_copy)} == everybody - {contact["contact_id"]}


def _forever():
    from datetime import date

    return date(9999, 12, 31)


def test_no_file_leaves_given_a_stale_suppression_feed(targeted_copy):
    feeds_are_fresh(targeted_copy, list_member="MISSING")
    with pytest.raises(StaleSuppression):
        export.run(None, targeted_copy, RANGE)
    assert released(targeted_copy) == []


def test_no_file_leaves_given_protected_people_nobody_can_read(targeted_copy):
    """At the export, after lists were made: more than the share of unreadable rows that the feed allows."""
    rows = delta_rs.read(targeted_copy, "ops.feed_status").to_pylist()
    unreadable = {"channel_result": 6, "complaint": 5}  # 5 of 100 may leave
    changed = [
        {**row, "rows_good": 100 - unreadable.get(row["feed"], 0), "rows_unreadable": unreadable.get(row["feed"], 0)}
        for row in rows
    ]
    delta_rs.replace(targeted_copy, "ops.feed_status", changed, None)
    with pytest.raises(
        StaleSuppression, match="channel_result: found 6 unreadable rows beside 94 good ones"
    ) as refused:
        export.run(None, targeted_copy, RANGE)
    assert "complaint" not in str(refused.value)
    assert released(targeted_copy) == []


def test_sent_file_is_never_replaced_by_another_content(targeted_copy):
    export.run(None, targeted_copy, RANGE)
    path = released(targeted_copy)[0]
    as_killed_before_done(targeted_copy, path, sha256="0" * 64)
    summary = export.run(None, targeted_copy, RANGE)[str(NIGHT)]
    assert "never sent a second time" in summary["withheld"][0]
    assert statuses(targeted_copy)[path.name] == "RELEASING", "what may have left stays in the ledger as it left"


@pytest.mark.parametrize("crash_again", [False, True])
def test_protection_that_came_in_a_crash_drops_its_row_of_the_unreleased_list(targeted_copy, monkeypatch, crash_again):
    export.run(None, targeted_copy, RANGE)
    path = max(released(targeted_copy), key=lambda path: path.stat().st_size)
    as_killed_before_done(targeted_copy, path)
    contacts = lake_of(targeted_copy).arrow("gold.campaign_contact").to_pylist()
    contact = next(row for row in contacts if row["file_name"] == path.name)
    put(targeted_copy, "gold.suppression", [a_suppression(contact, "LIST_BLACK")])
    if crash_again:  # right after the old list was taken back: it must not count as taken by its channel

        def die(*_) -> None:
            raise Killed

        monkeypatch.setattr(export, "withdraw", die)
        with pytest.raises(Killed):
            export.run(None, targeted_copy, RANGE)
        monkeypatch.undo()
        monkeypatch.setenv("CLOSEDLOOP_HOME", str(targeted_copy.home))
        assert statuses(targeted_copy)[path.name] == "REFUSED"
    assert export.run(None, targeted_copy, RANGE)[str(NIGHT)]["files"]["SENT"] == 1
    assert statuses(targeted_copy)[path.name] == "EXPORTED"
    assert done_of(path).exists()
    assert contact["contact_id"] not in {row["contact_id"] for row in exported_rows(targeted_copy)}
    assert withdrawn(targeted_copy) == [(contact["contact_id"], "DROPPED", "suppressed (SYSTEM)")]


def test_unpublished_night_is_not_exported(settings):
    delta_rs.ensure_tables(settings)
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
