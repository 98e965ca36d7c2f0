"""Approval binds to content: a campaign runs only while the digest of what is on disk went the whole way of approval."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from conf.approval import RELEASE, SUBMIT, ApprovalFlow, load_approval_flow, same_person
from conf.campaigns import Campaign
from conf.errors import InputRefused
from conf.settings import Settings
from jobs.lakehouse import delta_rs

APPROVAL = "ops.approval"
SUBMITTED, APPROVED, REJECTED = "SUBMITTED", "APPROVED", "REJECTED"
DECISIONS = (SUBMITTED, APPROVED, REJECTED)


def content_text(campaign: Campaign) -> str:
    """The campaign's normalised content: comments, key order and layout of the YAML do not matter, words do."""
    return json.dumps(campaign.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def campaign_hash(campaign: Campaign) -> str:
    """SHA-256 of the campaign's normalised content."""
    return sha256(content_text(campaign).encode()).hexdigest()


def record_submission(settings: Settings, campaign: Campaign, maker: str, at: datetime | None = None) -> str:
    """Write who asks for the approval of which content, word for word; returns its hash."""
    digest = campaign_hash(campaign)
    row = _row(campaign.campaign_id, digest, SUBMIT, SUBMITTED, maker, at) | {"content": content_text(campaign)}
    delta_rs.append(settings, APPROVAL, [row])
    return digest


def record_decision(
    settings: Settings,
    campaign_id: str,
    content_hash: str,
    step: str,
    decision: str,
    decided_by: str,
    decided_at: datetime | None = None,
) -> None:
    """Write one person's decision about one content of a campaign to ops.approval; whether it counts is `Way`'s to say."""
    delta_rs.append(settings, APPROVAL, [_row(campaign_id, content_hash, step, decision, decided_by, decided_at)])


def record_whole_way(settings: Settings, campaign: Campaign, maker: str) -> None:
    """Submission, every step and release at once, in the approvers' names: for proofs and tests, which have no people to ask."""
    digest, now, flow = campaign_hash(campaign), datetime.now(UTC), load_approval_flow()
    approvers = flow.different_people()
    people = [(SUBMIT, SUBMITTED, maker)]
    people += [(step, APPROVED, by) for step, by in zip(flow.names, approvers, strict=True)]
    people.append((RELEASE, APPROVED, approvers[-1]))
    rows = [
        _row(campaign.campaign_id, digest, step, decision, by, now + timedelta(microseconds=place))
        for place, (step, decision, by) in enumerate(people)
    ]
    rows[0]["content"] = content_text(campaign)
    delta_rs.append(settings, APPROVAL, rows)


def _row(campaign_id: str, digest: str, step: str, decision: str, by: str, at: datetime | None) -> dict[str, str]:
    steps = (SUBMIT, *load_approval_flow().names, RELEASE)
    if step not in steps or decision not in DECISIONS:
        raise InputRefused(
            f"approval of {campaign_id}: found step '{step}', decision '{decision}'; wanted {steps} and {DECISIONS}"
        )
    if not by.strip():
        raise InputRefused(f"approval of {campaign_id}: found no person, wanted the login of who decided")
    return {
        "campaign_id": campaign_id,
        "content_hash": digest,
        "step": step,
        "decision": decision,
        "decided_by": by,
        "decided_at_text": (at or datetime.now(UTC)).isoformat(),
        "run_id": uuid.uuid4().hex[:12],
    }


@dataclass
class Way:
    """How far one content of a campaign has come: who made it, who approved which step since, and whether it may run."""

    flow: ApprovalFlow
    maker: str | None = None
    approved: dict[str, str] = field(default_factory=dict)  # step: who, in order
    is_released: bool = False

    @property
    def missing(self) -> list[str]:
        """Steps of people that are still to be approved, in order."""
        return [step for step in self.flow.names if step not in self.approved]

    def refusal(self, step: str, by: str) -> str | None:
        """Why this person's approval of this step does not count; None when it does."""
        if self.maker is None:
            return "this content was not submitted, or was rejected since"
        expected = next(iter([*self.missing, RELEASE]))
        if step != expected:
            return f"found step {step}, wanted {expected}: every step in order"
        if step == RELEASE:
            return None
        if same_person(by, self.maker):
            return f"found {by}, who made it, wanted somebody else"
        earlier = next((done for done, who in self.approved.items() if same_person(by, who)), None)
        return f"found {by}, who approved {earlier}, wanted another person for {step}" if earlier else None

    def take(self, row: dict) -> bool:
        """Follow one decision; returns whether it counted."""
        if row["decision"] == REJECTED:
            self.maker, self.approved, self.is_released = None, {}, False
            return True
        if row["step"] == SUBMIT:  # what runs goes on running while it is asked for again
            self.maker, self.approved = row["decided_by"], {}
            return True
        if row["decision"] != APPROVED or self.refusal(row["step"], row["decided_by"]):
            return False
        if row["step"] == RELEASE:
            self.is_released = True
        else:
            self.approved[row["step"]] = row["decided_by"]
        return True


def way_of(settings: Settings, campaign_id: str, content_hash: str) -> Way:
    """How far this content has come."""
    way = Way(load_approval_flow())
    for row in decisions_about(settings, campaign_id):
        if row["content_hash"] == content_hash:
            way.take(row)
    return way


def approved_hash(settings: Settings, campaign_id: str) -> str | None:
    """Digest of the content that may run: the last one that went the whole way, unless somebody rejected it since."""
    return running_content(decisions_about(settings, campaign_id))


def running_content(decisions: list[dict]) -> str | None:
    """The same from the decisions about one campaign, in the order in which they were taken."""
    ways: dict[str, Way] = {}
    runs = None
    for row in decisions:
        content = row["content_hash"]
        way = ways.setdefault(content, Way(load_approval_flow()))
        counted = way.take(row)
        if counted and row["step"] == RELEASE and way.is_released:
            runs = content
        elif content == runs and not way.is_released:
            runs = None
    return runs


def decisions_about(settings: Settings, campaign_id: str) -> list[dict]:
    """Every decision about a campaign, in the order in which they were taken."""
    rows = delta_rs.read(settings, APPROVAL, filters=[("campaign_id", "=", campaign_id)]).to_pylist()
    return sorted(rows, key=lambda row: (datetime.fromisoformat(row["decided_at_text"]), row["run_id"]))


def refusal_of(settings: Settings, campaign: Campaign) -> str | None:
    """Why the campaign may not run tonight, in words; None when its content is the approved one."""
    approved = approved_hash(settings, campaign.campaign_id)
    found = campaign_hash(campaign)
    if approved == found:
        return None
    if approved is None:
        return f"{campaign.campaign_id} is not approved (content {found[:12]}); approve it in the DAG campaign_approval"
    return (
        f"{campaign.campaign_id} was changed after its approval: approved content {approved[:12]}, found {found[:12]}; "
        "approve the new content in the DAG campaign_approval, or put the approved file back"
    )
