"""Approval binds to the content of a campaign, not to its file's layout."""

from __future__ import annotations

import pytest

from conf.campaigns import CAMPAIGNS, read_campaign
from conf.errors import InputRefused
from jobs.targeting.approval import approved_hash, content_hash, record_decision, refusal_of
from tests.unit.targeting.campaigns_for_tests import CRBT

PILOT = CAMPAIGNS / "crbt_save.yaml"


def test_hash_stays_given_comments_and_blank_lines(tmp_path):
    copy = tmp_path / PILOT.name
    copy.write_text("# another comment\n\n" + PILOT.read_text(encoding="utf-8"), encoding="utf-8")
    assert content_hash(read_campaign(copy)) == content_hash(read_campaign(PILOT))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("priority: 1", "priority: 2"),
        ("预存一年送15元", "预存一年送16元"),  # one character of an offer
        ("value: CHURNED", "value: LAPSED"),  # one value of the selection
        ("per_night_yuan: 160", "per_night_yuan: 161"),
        ("after_days: 3", "after_days: 4"),
    ],
)
def test_hash_changes_given_one_changed_word(tmp_path, before, after):
    text = PILOT.read_text(encoding="utf-8")
    assert before in text
    copy = tmp_path / PILOT.name
    copy.write_text(text.replace(before, after, 1), encoding="utf-8")
    assert content_hash(read_campaign(copy)) != content_hash(read_campaign(PILOT))


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


@pytest.mark.parametrize(
    ("step", "decision", "person"),
    [("LAUNCH", "APPROVED", "a"), ("RELEASE", "PERHAPS", "a"), ("RELEASE", "APPROVED", " ")],
)
def test_decision_without_meaning_is_refused(settings, step, decision, person):
    with pytest.raises(InputRefused):
        record_decision(settings, "T_CRBT", "0" * 64, step, decision, person)
