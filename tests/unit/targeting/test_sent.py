"""Notes of what left: the last line of a list counts, a line a kill cut off harms no other."""

from __future__ import annotations

from datetime import date

from jobs.targeting import sent
from jobs.targeting.export_files import done_of

NIGHT = date(2026, 3, 10)


def a_row(name: str = "SMS_1.txt", night: date = NIGHT) -> dict:
    return {
        "business_date": night,
        "campaign_id": "C",
        "channel_code": "SMS",
        "file_name": name,
        "rows": 3,
        "sha256": "ab",
    }


def states(settings) -> dict[str, str]:
    return {name: line["state"] for name, line in sent.notes_of_night(settings, NIGHT).items()}


def test_the_last_line_of_a_list_counts_and_other_nights_are_left_out(settings):
    sent.note(settings, a_row(), sent.RELEASING)
    sent.note(settings, a_row("SMS_2.txt"), sent.RELEASING)
    sent.note(settings, a_row("SMS_3.txt", date(2026, 3, 9)), sent.SENT)
    sent.note(settings, a_row(), sent.SENT)
    assert states(settings) == {"SMS_1.txt": sent.SENT, "SMS_2.txt": sent.RELEASING}
    file = settings.path("sent", "SMS.jsonl")
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_line_cut_off_by_a_kill_harms_no_other(settings):
    sent.note(settings, a_row(), sent.SENT)
    file = settings.path("sent", "SMS.jsonl")
    whole = file.read_bytes()
    file.write_bytes(whole + whole[: len(whole) // 2])
    sent.note(settings, a_row("SMS_2.txt"), sent.SENT)
    assert states(settings) == {"SMS_1.txt": sent.SENT, "SMS_2.txt": sent.SENT}


def test_a_list_counts_as_left_in_doubt_but_not_when_it_lies_there_unreleased(settings, tmp_path):
    target = tmp_path / "SMS_1.txt"
    releasing = {**a_row(), "state": sent.RELEASING}
    assert sent.how_it_left(target, releasing, is_releasing=False) == "it was being released and is gone"
    assert sent.how_it_left(target, {**releasing, "state": sent.TAKEN_BACK}, is_releasing=False) is None
    target.write_text("list")
    assert sent.how_it_left(target, releasing, is_releasing=True) is None
    assert sent.how_it_left(target, {**releasing, "state": sent.SENT}, is_releasing=False) == "noted in sent/ as sent"
    done_of(target).write_text("ab\n")
    assert sent.how_it_left(target, None, is_releasing=False) == "its .done stands"


def test_an_unreleased_list_that_is_removed_is_noted_as_taken_back(settings, tmp_path):
    target = settings.path("exports", "SMS", "SMS_1.txt")
    target.parent.mkdir(parents=True)
    target.write_text("list")
    sent.note(settings, a_row(), sent.RELEASING)
    sent.remove_unreleased(settings, target, a_row())
    assert not target.exists()
    assert states(settings) == {"SMS_1.txt": sent.TAKEN_BACK}
    target.write_text("list")
    done_of(target).write_text("ab\n")
    sent.remove_unreleased(settings, target, a_row())
    assert target.exists(), "what was released stays"
