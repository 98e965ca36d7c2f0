"""Approval binds to the content of a campaign, not to its file's layout."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from conf.campaigns import CAMPAIGNS, load_campaigns, read_campaign
from conf.errors import InputRefused
from jobs.targeting import approval_flow
from jobs.targeting.approval import approved_hash, content_hash, decisions_about, record_decision, refusal_of
from tests.unit.targeting.campaigns_for_tests import CRBT

PILOT = CAMPAIGNS / "crbt_save.yaml"


def hash_of(folder, text: str) -> str:
    """Content of a pilot's file with this text, away from conf/ so that nothing is laid over it."""
    copy = folder / PILOT.name
    copy.write_text(text, encoding="utf-8")
    return content_hash(read_campaign(copy))


def test_hash_stays_given_comments_and_blank_lines(tmp_path):
    text = PILOT.read_text(encoding="utf-8")
    assert hash_of(tmp_path, "# another comment\n\n" + text) == hash_of(tmp_path, text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("priority: 1", "priority: 2"),
        ("预存一年送15元", "预存一年送16元"),  # one character of an offer
        ("value: CHURNED", "value: LAPSED"),  # one value of the selection
        ("per_night_yuan: 40000", "per_night_yuan: 40001"),
        ("after_days: 3", "after_days: 4"),
    ],
)
def test_hash_changes_given_one_changed_word(tmp_path, before, after):
    text = PILOT.read_text(encoding="utf-8")
    assert before in text
    assert hash_of(tmp_path, text.replace(before, after, 1)) != hash_of(tmp_path, text)


def test_campaign_runs_only_as_approved(settings):
    assert "not approved" in refusal_of(settings, CRBT)
    record_decision(settings, "T_CRBT", content_hash(CRBT), "REVIEW", "APPROVED", "reviewer")
    assert approved_hash(settings, "T_CRBT") is None, "a review alone releases nothing"
    record_decision(
        settings, "T_CRBT", content_hash(CRBT), "RELEASE", "APPROVED", "manager", "2026-03-01T10:00:00+08:00"
    )
    assert refusal_of(settings, CRBT) is None
    changed = CRBT.model_copy(update={"priority": 9})
    assert "changed after its approval" in refusal_of(settings, changed)
    record_decision(
        settings, "T_CRBT", content_hash(CRBT), "RELEASE", "REJECTED", "manager", "2026-03-02T10:00:00+08:00"
    )
    assert "not approved" in refusal_of(settings, CRBT), "the last decision counts"


def answer(option: str, hour: int, name: str = "li.wei") -> dict:
    """What Airflow's approval operator hands over when a person has answered."""
    return {
        "chosen_options": [option], "params_input": {}, "responded_at": datetime(2026, 3, 1, hour, tzinfo=UTC),
        "responded_by_user": {"id": "7", "name": name},
    }  # fmt: skip


@pytest.fixture
def pilot(settings, monkeypatch) -> str:
    """Content hash of a pilot campaign, in a home of the test's own."""
    monkeypatch.setenv("CLOSEDLOOP_HOME", str(settings.home))
    return content_hash(load_campaigns()["CRBT_SAVE"])


def test_both_steps_and_the_release_name_the_person(settings, pilot):
    with pytest.raises(InputRefused, match="no approval of REVIEW, TASKS"):
        approval_flow.release("CRBT_SAVE", pilot)
    approval_flow.record_answer("CRBT_SAVE", pilot, "REVIEW", answer("Approve", 9, "wang.fang"))
    approval_flow.record_answer("CRBT_SAVE", pilot, "TASKS", answer("Approve", 10))
    assert approved_hash(settings, "CRBT_SAVE") is None, "released by step 6 alone"
    approval_flow.release("CRBT_SAVE", pilot)
    assert approved_hash(settings, "CRBT_SAVE") == pilot
    rows = [(row["step"], row["decision"], row["decided_by"]) for row in decisions_about(settings, "CRBT_SAVE")]
    assert rows == [
        ("REVIEW", "APPROVED", "wang.fang"), ("TASKS", "APPROVED", "li.wei"), ("RELEASE", "APPROVED", "li.wei"),
    ]  # fmt: skip


@pytest.mark.parametrize(("content", "runs"), [("same", False), ("other", True)])
def test_rejection_of_what_runs_stops_it(settings, pilot, content, runs):
    record_decision(settings, "CRBT_SAVE", pilot, "RELEASE", "APPROVED", "li.wei", "2026-03-01T10:00:00+08:00")
    rejected = pilot if content == "same" else "0" * 64
    approval_flow.record_answer("CRBT_SAVE", rejected, "REVIEW", answer("Reject", 9))  # 17:00 in the operator's zone
    assert (approved_hash(settings, "CRBT_SAVE") == pilot) is runs


def test_answer_of_nobody_is_refused(pilot):
    with pytest.raises(InputRefused, match="no person"):
        approval_flow.record_answer("CRBT_SAVE", pilot, "REVIEW", answer("Approve", 9) | {"responded_by_user": None})


@pytest.mark.parametrize(
    ("step", "decision", "person"),
    [("LAUNCH", "APPROVED", "a"), ("RELEASE", "PERHAPS", "a"), ("RELEASE", "APPROVED", " ")],
)
def test_decision_without_meaning_is_refused(settings, step, decision, person):
    with pytest.raises(InputRefused):
        record_decision(settings, "T_CRBT", "0" * 64, step, decision, person)
