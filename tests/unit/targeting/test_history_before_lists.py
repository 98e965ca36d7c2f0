"""Lists wait for a history that knows the newest lists of before, as far as anybody was to be contacted from them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobs.lakehouse import delta_rs
from jobs.lakehouse.tables import Tables
from jobs.targeting.readiness import InputsMissing, require_inputs
from jobs.targeting.withdrawals import DROPPED, withdraw
from tests.builders.targeting_night import NIGHT, a_contact, a_night, a_row, a_subscriber, put

BEFORE, LONG_BEFORE = NIGHT - timedelta(days=1), NIGHT - timedelta(days=2)


def a_listed(person: dict, night) -> dict:
    return a_row(
        "gold.campaign_contact",
        contact_id=f"K-{night}",
        subscription_id=person["subscription_id"],
        campaign_id="CRBT_SAVE",
        channel_code="SMS",
        business_date=night,
        planned_date=night + timedelta(days=1),
        file_name=f"SMS_{night}.txt",
    )


def test_history_must_know_the_newest_night_of_which_a_contact_is_to_be_made(settings):
    person = a_subscriber(1)
    listed = [a_listed(person, night) for night in (LONG_BEFORE, BEFORE)]
    a_night(
        settings, [person], [], [a_contact(person, "CRBT_SAVE", NIGHT - timedelta(days=9))], campaign_contact=listed
    )
    with pytest.raises(InputsMissing, match=f"does not hold the lists of {BEFORE}"):
        require_inputs(Tables(settings), NIGHT)

    withheld = a_row("ops.export_ledger", file_name=f"SMS_{BEFORE}.txt", business_date=BEFORE, status="REFUSED")
    delta_rs.append(settings, "ops.export_ledger", [withheld])
    with pytest.raises(InputsMissing, match=f"does not hold the lists of {LONG_BEFORE}"):
        require_inputs(Tables(settings), NIGHT)

    put(settings, "gold.contact_history", [a_contact(person, "CRBT_SAVE", BEFORE)])
    require_inputs(Tables(settings), NIGHT)


def test_lists_of_which_nobody_is_to_be_contacted_need_no_history(settings):
    person = a_subscriber(1)
    listed = [a_listed(person, BEFORE)]
    a_night(settings, [person], [], [a_contact(person, "CRBT_SAVE", LONG_BEFORE)], campaign_contact=listed)
    withdraw(settings, [(listed[0], "asked for it")], DROPPED, "last gate", "tests")
    require_inputs(Tables(settings), NIGHT)
