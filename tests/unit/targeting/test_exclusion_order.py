"""The order of the exclusions is one file: what moves a line there moves what is reported, and no bit ever changes."""

from __future__ import annotations

import re

import pytest
import yaml

from conf.errors import ConfigError
from conf.exclusions import EXCLUSIONS_FILE, load_exclusions
from conf.reading import ROOT, read_yaml
from conf.tables import table_of
from jobs.rules.exclusion_reasons import Reason, first_reason, mask_of, up_to

# Nights that were decided hold these bits (campaign_decision.all_reasons): none of them ever changes.
BITS = {
    "NOT_LIVE": 0,
    "TEST_NUMBER": 1,
    "INVALID_MSISDN": 2,
    "LIST_BLACK": 3,
    "DND_SYSTEM": 4,
    "COMPLAINT_A": 5,
    "COMPLAINT_B": 6,
    "LIST_RED": 7,
    "LIST_GREY": 8,
    "DND_CHANNEL": 9,
    "DND_PRODUCT": 10,
    "SENSITIVE_CHANNEL": 11,
    "COMPLAINT_C": 12,
    "COMPLAINT_D": 13,
    "ALREADY_OWNS": 14,
    "RESP_ACCEPTED": 15,
    "RESP_REFUSED": 16,
    "RECENT_CAMPAIGN": 17,
    "CAMPAIGN_EXCLUSION": 18,
    "WAVE_NOT_DUE": 19,
    "WAVES_FINISHED": 20,
    "DEVICE_INCAPABLE": 21,
    "NO_ACCOUNT_MANAGER": 22,
    "CONTROL_GROUP": 23,
    "CAP_CUSTOMER": 24,
    "CAP_PRODUCT": 25,
    "CAP_CAMPAIGN": 26,
    "CAP_CAMPAIGN_CHANNEL": 27,
    "NOT_CHOSEN_CONFLICT": 28,
    "NOT_CHOSEN_VALUE": 29,
    "NOT_CHOSEN_BUDGET": 30,
    "NOT_CHOSEN_CAPACITY": 31,
    "BLACKOUT_DATE": 32,
}


@pytest.fixture
def an_operator(tmp_path, monkeypatch):
    """Writes the operator's own list of exclusions, made from the delivered one."""

    def write(change) -> None:
        entries = read_yaml(EXCLUSIONS_FILE)["exclusions"]
        (tmp_path / "exclusions.yaml").write_text(yaml.safe_dump({"exclusions": change(entries)}))
        monkeypatch.setenv("CLOSEDLOOP_CONF", str(tmp_path))

    return write


def test_bits_are_those_of_the_nights_decided_so_far():
    assert {name: each.bit for name, each in load_exclusions().items()}.items() >= BITS.items()


def test_every_reason_has_a_rule_that_gives_it():
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "jobs" / "targeting").glob("*.py"))
    given = set(re.findall(r"\bReason\.([A-Z][A-Z0-9_]+)\b", sources))
    by_protection = {name for name, each in load_exclusions().items() if each.protects}

    assert given | by_protection == set(load_exclusions())
    assert len(given - by_protection) >= 20


def test_order_of_two_exclusions_is_an_edit_of_one_file(an_operator):
    both = mask_of([Reason.ALREADY_OWNS, Reason.RESP_REFUSED])
    assert first_reason(both) is Reason.ALREADY_OWNS
    order = list(load_exclusions())

    def swap(entries):
        one, other = (order.index(name) for name in ("ALREADY_OWNS", "RESP_REFUSED"))
        entries[one], entries[other] = entries[other], entries[one]
        entries[one]["title"] = "said no"
        return entries

    an_operator(swap)

    assert first_reason(both) is Reason.RESP_REFUSED
    assert table_of("gold.campaign_decision").column("first_reason").codes["RESP_REFUSED"] == "said no"
    assert Reason.RESP_REFUSED.mask == 1 << BITS["RESP_REFUSED"]
    assert [reason.name for reason in up_to(Reason.RESP_REFUSED)][-1] == "RESP_REFUSED"
    assert Reason.ALREADY_OWNS not in up_to(Reason.RESP_REFUSED)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda entries: [{**each, "bit": 40} if each["bit"] == 7 else each for each in entries],
            "LIST_RED.bit.*wanted: 7",
        ),
        (lambda entries: [{**each, "bit": 3} if each["bit"] == 7 else each for each in entries], r"given twice: \[3\]"),
        (lambda entries: [*entries, entries[0]], "given twice: .*NOT_LIVE"),
        (lambda entries: entries[1:], "NOT_LIVE.*left out"),
        (lambda entries: [*entries, {"reason": "BAD_MOOD", "bit": 50, "title": "a mood"}], "BAD_MOOD.*no rule gives"),
        (lambda entries: [{**entries[0], "step": 1}, *entries[1:]], "unknown key 'step'"),
    ],
)
def test_changed_doubled_and_missing_exclusions_are_refused(an_operator, change, words):
    an_operator(change)

    with pytest.raises(ConfigError, match=f"(?s){words}"):
        load_exclusions()
