"""Approval binds to content: a campaign runs only while the digest of what is on disk is the one a person approved."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from hashlib import sha256

from conf.campaigns import Campaign
from conf.errors import InputRefused
from conf.settings import Settings
from jobs.lakehouse import ledger

APPROVAL = "ops.approval"
REVIEW, TASKS, RELEASE = "REVIEW", "TASKS", "RELEASE"
STEPS = (REVIEW, TASKS, RELEASE)
APPROVED, REJECTED = "APPROVED", "REJECTED"
DECISIONS = (APPROVED, REJECTED)


def content_hash(campaign: Campaign) -> str:
    """SHA-256 of the campaign's normalised content: comments, key order and layout of the YAML do not matter, words do."""
    content = json.dumps(campaign.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(content.encode()).hexdigest()


def record_decision(
    settings: Settings, campaign_id: str, content_hash: str, step: str, decision: str, decided_by: str,
    decided_at_text: str | None = None,
) -> None:  # fmt: skip
    """Write one person's decision about one content of a campaign to ops.approval."""
    if step not in STEPS or decision not in DECISIONS:
        raise InputRefused(
            f"approval of {campaign_id}: found step '{step}', decision '{decision}'; wanted {STEPS} and {DECISIONS}"
        )
    if not decided_by.strip():
        raise InputRefused(f"approval of {campaign_id}: found no person, wanted the login of who decided")
    row = {
        "campaign_id": campaign_id, "content_hash": content_hash, "step": step, "decision": decision, "decided_by": decided_by,
        "decided_at_text": decided_at_text or datetime.now(UTC).isoformat(), "run_id": uuid.uuid4().hex[:12],
    }  # fmt: skip
    ledger.append(settings, APPROVAL, [row])


def approved_hash(settings: Settings, campaign_id: str) -> str | None:
    """Digest of the content that may run: the last one released, unless somebody rejected it since, at whatever step."""
    decisions = decisions_about(settings, campaign_id)
    released = [row for row in decisions if row["step"] == RELEASE and row["decision"] == APPROVED]
    if not released:
        return None
    content = released[-1]["content_hash"]
    about_it = [row for row in decisions if row["content_hash"] == content]
    since = about_it[about_it.index(released[-1]) + 1 :]
    return None if any(row["decision"] == REJECTED for row in since) else content


def decisions_about(settings: Settings, campaign_id: str) -> list[dict]:
    """Every decision about a campaign, in the order in which they were taken."""
    rows = ledger.read(settings, APPROVAL, filters=[("campaign_id", "=", campaign_id)]).to_pylist()
    return sorted(rows, key=lambda row: (datetime.fromisoformat(row["decided_at_text"]), row["run_id"]))


def approver_of(settings: Settings, campaign_id: str, content_hash: str) -> str:
    """Who approved the tasks of this content; InputRefused unless its campaign and its tasks are both approved by a person."""
    last = {}
    for row in decisions_about(settings, campaign_id):
        if row["content_hash"] == content_hash:
            last[row["step"]] = row
    missing = [step for step in (REVIEW, TASKS) if step not in last or last[step]["decision"] != APPROVED]
    if missing:
        raise InputRefused(
            f"release of {campaign_id}: found no approval of {', '.join(missing)} by a person, wanted both"
        )
    return last[TASKS]["decided_by"]


def refusal_of(settings: Settings, campaign: Campaign) -> str | None:
    """Why the campaign may not run tonight, in words; None when its content is the approved one."""
    approved = approved_hash(settings, campaign.campaign_id)
    found = content_hash(campaign)
    if approved == found:
        return None
    if approved is None:
        return f"{campaign.campaign_id} is not approved (content {found[:12]}); approve it in the DAG campaign_approval"
    return (
        f"{campaign.campaign_id} was changed after its approval: approved content {approved[:12]}, found {found[:12]}; "
        "approve the new content in the DAG campaign_approval, or put the approved file back"
    )
