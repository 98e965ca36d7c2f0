"""Approval binds to the content of a campaign, not to its file's layout."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import permutations, product

import pytest
from pydantic import ValidationError

from conf.approval import ApprovalFlow, load_approval_flow
from conf.campaigns import CAMPAIGNS, Campaign, load_campaigns, read_campaign
from conf.errors import InputRefused
from jobs.targeting import approval_flow
from jobs.targeting.approval import (
    approved_hash,
    campaign_hash,
    decisions_about,
    record_decision,
    record_submission,
    refusal_of,
    running_content,
    way_of,
)
from tests.unit.targeting.campaigns_for_tests import CRBT

PILOT = CAMPAIGNS / "crbt_save.yaml"


def hash_of(folder, text: str) -> str:
    """Content of a pilot's file with this text, away from conf/ so that nothing is laid over it."""
    copy = folder / PILOT.name
    copy.write_text(text, encoding="utf-8")
    return campaign_hash(read_campaign(copy))


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


DAY = datetime(2026, 3, 1, 1, tzinfo=UTC)


def at(hour: int) -> datetime:
    return DAY + timedelta(hours=hour)


def decide(settings, step: str, decision: str, by: str, hour: int, content: str | None = None) -> None:
    record_decision(settings, "T_CRBT", content or campaign_hash(CRBT), step, decision, by, at(hour))


def whole_way(settings, hour: int = 0) -> None:
    record_submission(settings, CRBT, "zhao.lei", at(hour))
    decide(settings, "REVIEW", "APPROVED", "wang.fang", hour + 1)
    decide(settings, "TASKS", "APPROVED", "li.wei", hour + 2)
    decide(settings, "RELEASE", "APPROVED", "li.wei", hour + 3)


def test_campaign_runs_only_as_approved(settings):
    assert "not approved" in str(refusal_of(settings, CRBT))
    whole_way(settings)
    assert refusal_of(settings, CRBT) is None
    changed = CRBT.model_copy(update={"priority": 9})
    assert "changed after its approval" in str(refusal_of(settings, changed))
    decide(settings, "REVIEW", "REJECTED", "anybody", 5)
    assert "not approved" in str(refusal_of(settings, CRBT)), "the last decision counts"


def test_release_alone_releases_nothing(settings):
    """What went through before: a RELEASE nobody had been asked about."""
    record_submission(settings, CRBT, "zhao.lei", at(0))
    decide(settings, "RELEASE", "APPROVED", "li.wei", 1)
    assert approved_hash(settings, "T_CRBT") is None


STEPS = [("SUBMIT", "zhao.lei"), ("REVIEW", "wang.fang"), ("TASKS", "li.wei"), ("RELEASE", "li.wei")]


def play(steps: list[tuple[str, str]]) -> str | None:
    """Content that runs after these steps, each by the person named."""
    decisions = {"SUBMIT": "SUBMITTED"}
    return running_content(
        [
            {"content_hash": "c", "step": step, "decision": decisions.get(step, "APPROVED"), "decided_by": by}
            for step, by in steps
        ]
    )


@pytest.mark.parametrize(
    "order", [p for n in (2, 3, 4) for p in permutations(STEPS, n)], ids=lambda o: "-".join(s for s, _ in o)
)
def test_campaign_runs_only_when_every_step_came_in_order(order):
    assert (play(list(order)) == "c") is (list(order) == STEPS)


PEOPLE = ["zhao.lei", "wang.fang", " Wang.Fang", "li.wei"]


@pytest.mark.parametrize("people", list(product(PEOPLE, repeat=3)), ids="/".join)
def test_no_two_steps_are_one_persons(people):
    maker, reviewer, approver = people
    steps = [("SUBMIT", maker), ("REVIEW", reviewer), ("TASKS", approver), ("RELEASE", approver)]
    are_three = len({person.strip().casefold() for person in people}) == 3
    assert (play(steps) is not None) is are_three


def test_steps_of_another_content_do_not_count(settings):
    record_submission(settings, CRBT, "zhao.lei", at(0))
    decide(settings, "REVIEW", "APPROVED", "wang.fang", 1, content="0" * 64)
    decide(settings, "TASKS", "APPROVED", "li.wei", 2)
    decide(settings, "RELEASE", "APPROVED", "li.wei", 3)
    assert approved_hash(settings, "T_CRBT") is None


def test_submitting_again_stops_nothing_and_starts_the_way_anew(settings):
    whole_way(settings)
    record_submission(settings, CRBT, "li.wei", at(5))
    assert approved_hash(settings, "T_CRBT") == campaign_hash(CRBT)
    way = way_of(settings, "T_CRBT", campaign_hash(CRBT))
    assert (way.maker, way.missing) == ("li.wei", ["REVIEW", "TASKS"])


def test_approved_content_is_kept_word_for_word(settings):
    whole_way(settings)
    (text,) = (row["content"] for row in decisions_about(settings, "T_CRBT") if row["step"] == "SUBMIT")
    assert sha256(text.encode()).hexdigest() == campaign_hash(CRBT)
    assert Campaign.model_validate_json(text) == CRBT, "the auditor reads what was approved from the table alone"


def answer(option: str, hour: int, name: str = "li.wei") -> dict:
    """What Airflow's approval operator hands over when a person has answered."""
    return {
        "chosen_options": [option],
        "params_input": {},
        "responded_at": at(hour),
        "responded_by_user": {"id": "7", "name": name},
    }


@pytest.fixture
def pilot(settings, monkeypatch) -> str:
    """Content hash of a pilot campaign that zhao.lei submitted, in a home of the test's own."""
    monkeypatch.setenv("CLOSEDLOOP_HOME", str(settings.home))
    return record_submission(settings, load_campaigns()["CRBT_SAVE"], "zhao.lei", at(0))


def test_each_step_and_the_release_name_the_person(settings, pilot):
    with pytest.raises(InputRefused, match="no approval of REVIEW, TASKS"):
        approval_flow.release("CRBT_SAVE", pilot)
    approval_flow.record_answer("CRBT_SAVE", pilot, "REVIEW", answer("Approve", 9, "wang.fang"))
    approval_flow.record_answer("CRBT_SAVE", pilot, "TASKS", answer("Approve", 10))
    assert approved_hash(settings, "CRBT_SAVE") is None, "released by step 6 alone"
    approval_flow.release("CRBT_SAVE", pilot)
    assert approved_hash(settings, "CRBT_SAVE") == pilot
    rows = [(row["step"], row["decision"], row["decided_by"]) for row in decisions_about(settings, "CRBT_SAVE")]
    assert rows == [
        ("SUBMIT", "SUBMITTED", "zhao.lei"),
        ("REVIEW", "APPROVED", "wang.fang"),
        ("TASKS", "APPROVED", "li.wei"),
        ("RELEASE", "APPROVED", "li.wei"),
    ]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([("REVIEW", "zhao.lei")], "who made it"),
        ([("REVIEW", "wang.fang"), ("TASKS", "wang.fang")], "who approved REVIEW"),
        ([("REVIEW", "wang.fang"), ("TASKS", "Zhao.Lei ")], "who made it"),
        ([("TASKS", "li.wei")], "wanted REVIEW"),
    ],
)
def test_answer_that_cannot_count_is_refused_and_not_recorded(settings, pilot, answers, words):
    *before, (step, by) = answers
    for hour, (earlier, person) in enumerate(before, start=1):
        approval_flow.record_answer("CRBT_SAVE", pilot, earlier, answer("Approve", hour, person))
    rows = len(decisions_about(settings, "CRBT_SAVE"))
    with pytest.raises(InputRefused, match=words):
        approval_flow.record_answer("CRBT_SAVE", pilot, step, answer("Approve", 9, by))
    assert len(decisions_about(settings, "CRBT_SAVE")) == rows


def test_answer_asked_for_again_after_a_crash_is_recorded_once(settings, pilot):
    for _ in range(2):
        approval_flow.record_answer("CRBT_SAVE", pilot, "REVIEW", answer("Approve", 9, "wang.fang"))
    assert [row["step"] for row in decisions_about(settings, "CRBT_SAVE")] == ["SUBMIT", "REVIEW"]


def test_step_is_put_before_its_approvers_but_not_before_the_maker_or_an_earlier_one(settings, monkeypatch):
    flow = load_approval_flow()
    both = tuple(step.model_copy(update={"approvers": ("manager", "channel_lead", "deputy")}) for step in flow.steps)
    monkeypatch.setattr(approval_flow, "load_approval_flow", lambda: flow.model_copy(update={"steps": both}))
    campaign = load_campaigns()["CRBT_SAVE"]
    submitted = record_submission(settings, campaign, "Manager", at(0))
    assert approval_flow.who_may_answer("CRBT_SAVE", submitted, "REVIEW") == ["channel_lead", "deputy"]
    approval_flow.record_answer("CRBT_SAVE", submitted, "REVIEW", answer("Approve", 1, "deputy"))
    assert approval_flow.who_may_answer("CRBT_SAVE", submitted, "TASKS") == ["channel_lead"]
    again = record_submission(settings, campaign, "channel_lead", at(2))
    monkeypatch.undo()
    monkeypatch.setenv("CLOSEDLOOP_HOME", str(settings.home))
    with pytest.raises(InputRefused, match="nobody may approve TASKS"):
        approval_flow.who_may_answer("CRBT_SAVE", again, "TASKS")


@pytest.mark.parametrize(("content", "runs"), [("same", False), ("other", True)])
def test_rejection_of_what_runs_stops_it(settings, pilot, content, runs):
    approval_flow.record_answer("CRBT_SAVE", pilot, "REVIEW", answer("Approve", 1, "wang.fang"))
    approval_flow.record_answer("CRBT_SAVE", pilot, "TASKS", answer("Approve", 2))
    record_decision(settings, "CRBT_SAVE", pilot, "RELEASE", "APPROVED", "li.wei", at(3))
    rejected = pilot if content == "same" else "0" * 64
    approval_flow.record_answer("CRBT_SAVE", rejected, "REVIEW", answer("Reject", 9))
    assert (approved_hash(settings, "CRBT_SAVE") == pilot) is runs


def test_answer_of_nobody_is_refused(pilot):
    with pytest.raises(InputRefused, match="no person"):
        approval_flow.record_answer("CRBT_SAVE", pilot, "REVIEW", answer("Approve", 9) | {"responded_by_user": None})


def test_campaign_nobody_submitted_is_not_put_before_people(settings):
    with pytest.raises(InputRefused, match="no person"):
        approval_flow.submit("CRBT_SAVE", None)


@pytest.mark.parametrize(
    ("step", "decision", "person"),
    [("LAUNCH", "APPROVED", "a"), ("RELEASE", "PERHAPS", "a"), ("RELEASE", "APPROVED", " ")],
)
def test_decision_without_meaning_is_refused(settings, step, decision, person):
    with pytest.raises(InputRefused):
        record_decision(settings, "T_CRBT", "0" * 64, step, decision, person)


def a_flow(*approvers: tuple[str, ...]) -> dict:
    steps = [{"step": f"S{n}", "task_id": f"t{n}", "asks": "it", "approvers": who} for n, who in enumerate(approvers)]
    return {"response_days": 1, "waiting_at_once": 20, "makers": ("m",), "steps": steps}


def test_way_that_one_person_alone_would_go_is_refused():
    assert ApprovalFlow.model_validate(a_flow(("a", "b"), ("a",))).different_people() == ("b", "a")
    for too_few in ((("a",), ("A ",)), (("a", "b"), ("a", "b"), ("b", "a"))):
        with pytest.raises(ValidationError, match="by another person"):
            ApprovalFlow.model_validate(a_flow(*too_few))
    assert load_approval_flow().waiting_at_once >= 20
