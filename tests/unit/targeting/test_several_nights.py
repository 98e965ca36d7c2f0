"""What must hold over several nights of one campaign: caps with late results, one valid list a day, control groups that stay."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import date, timedelta

import pytest

from conf.dates import DateRange
from conf.policy import load_policy
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.run import Run
from jobs.rules.control_share import TABLE, held_back_share, share_in_force
from jobs.rules.exclusion_reasons import Reason
from jobs.rules.list_rows import last_valid_day
from jobs.targeting import control_shares
from jobs.targeting.channel_rules import channels_of
from jobs.targeting.control_group import GLOBAL
from jobs.targeting.decide import find_targets
from tests.builders.targeting_night import NIGHT, a_contact, a_night, a_row, a_subscriber, a_suppression, put
from tests.conftest import settings_for_tests
from tests.unit.targeting.campaigns_for_tests import a_campaign
from tests.unit.targeting.reference_model import hashed_below

POLICY = load_policy()
NIGHTS = [NIGHT + timedelta(days=n) for n in range(6)]
PEOPLE, SEED = 60, 20260310
BUSY = {
    campaign.campaign_id: campaign
    for campaign in (
        a_campaign("N_CRBT", "CRBT", ["STORE", "OUTBOUND"], goal="RETAIN"),
        a_campaign("N_BOX", "CRBT_MUSIC_BOX", ["STORE", "HOTLINE"], goal="RETAIN"),
        a_campaign("N_NEWS", "NEWSPAPER", ["SMS", "WEB"], goal="RETAIN"),
        a_campaign("N_GPRS", "GPRS_PACK_5", ["STORE", "WEB"], goal="RETAIN"),
    )
}


def lake_of(spark, settings, night: date) -> Lake:
    return Lake(spark, settings, Run("tests", DateRange(night, night), settings))


class Channels:
    """Plays the channels: what is listed comes to pass or not, and is told on time, late or never."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.rows: list[dict] = []

    def work(self, subscription: dict, campaign, channel, wave_no: int, night: date) -> None:
        made = self.rng.random() < 0.6
        is_told = made or self.rng.random() < 0.5
        late = POLICY.contacts.late_result_nights[channel.channel_class]
        told_on = night + timedelta(days=1 + self.rng.randint(0, late)) if is_told else None
        row = a_contact(
            subscription,
            campaign.campaign_id,
            night + timedelta(days=1),
            product_id=campaign.product_id,
            channel_code=channel.channel_code,
            wave_no=wave_no,
        )
        self.rows.append(row | {"made": made, "told_on": told_on, "is_passive": channel.is_passive})

    def history(self, night: date) -> list[dict]:
        """What the contact history knows on a night (jobs/responses/contact_answers.sql, in plain Python)."""
        return [self._known(row, night) for row in self.rows]

    def _known(self, row: dict, night: date) -> dict:
        late = POLICY.contacts.late_result_nights[row["contact_class"]]
        is_told = row["told_on"] is not None and row["told_on"] <= night
        state = (
            ("MADE" if row["made"] else "MISSED")
            if is_told
            else ("OPEN" if night < row["planned_date"] + timedelta(days=late) else "MISSED")
        )
        counts = state != "MISSED" or not (is_told or row["is_passive"])
        columns = {name: value for name, value in row.items() if name not in ("made", "told_on", "is_passive")}
        answer = {"MADE": "NO_RESPONSE", "MISSED": "NOT_REACHED"}.get(state)
        return columns | {
            "snapshot_date": night,
            "contact_state": state,
            "counts_to_cap": counts,
            "is_contacted": state == "MADE",
            "response_code": answer,
        }


@pytest.fixture(scope="module")
def worked(spark, tmp_path_factory):
    """Six nights of four campaigns, results up to the last late night; one in ten made contacts ends in an opt-out."""
    settings, rng = settings_for_tests(tmp_path_factory.mktemp("nights")), random.Random(SEED)
    people = {f"S{n:05d}": a_subscriber(n) for n in range(PEOPLE)}
    a_night(settings, [row | {"snapshot_date": night} for row in people.values() for night in NIGHTS], [], [])
    channels, opted_out, verdicts = Channels(rng), {}, []
    for night in NIGHTS:
        history = channels.history(night)
        put(settings, "gold.contact_history", history)
        protection = [a_suppression(people[who], "DND_SYSTEM", snapshot_date=night) for who in opted_out]
        put(
            settings,
            "gold.suppression",
            [*protection, a_suppression({"subscription_id": "NOBODY"}, "LIST_BLACK", snapshot_date=night)],
        )
        targets = find_targets(lake_of(spark, settings, night), BUSY, night).to_pylist()
        verdicts += [row | {"counted": _counted(history, row)} for row in targets]
        free = [row for row in targets if not row["all_reasons"] and row["open_channels"]]
        rng.shuffle(free)
        for who, row in {row["subscription_id"]: row for row in free}.items():
            channel = rng.choice(channels_of(row["open_channels"]))
            channels.work(people[who], BUSY[row["campaign_id"]], channel, row["wave_no"], night)
            if (
                channels.rows[-1]["made"]
                and channels.rows[-1]["told_on"] == night + timedelta(days=1)
                and rng.random() < 0.1
            ):
                opted_out[who] = night + timedelta(days=1)
    return channels.rows, opted_out, verdicts


def _counted(history: list[dict], target: dict) -> list[str]:
    """States of the campaign's contacts with the target that count to the caps."""
    key = (target["subscription_id"], target["campaign_id"])
    return sorted(
        row["contact_state"]
        for row in history
        if (row["subscription_id"], row["campaign_id"]) == key and row["counts_to_cap"]
    )


def test_caps_hold_over_what_really_happened_whenever_it_was_told(worked):
    rows, _, _ = worked
    made = [row for row in rows if row["made"]]
    late = [row for row in made if row["told_on"] > row["planned_date"]]
    assert len(made) > 120
    assert sum(row["is_passive"] for row in late) > 20, "floor: recommendations were told as shown a night later"
    keys = {
        "cap_customer_month": (),
        "cap_product_month": ("product_id",),
        "cap_campaign_month": ("campaign_id",),
        "cap_campaign_channel_month": ("campaign_id", "channel_code"),
    }
    for cap, columns in keys.items():
        counts = Counter((row["subscription_id"], *(row[name] for name in columns)) for row in made)
        assert max(counts.values()) <= getattr(POLICY.caps, cap), cap
    assert max(Counter((row["subscription_id"], row["campaign_id"]) for row in made).values()) == 2, (
        "floor: a cap was reached"
    )


def test_nobody_is_on_two_valid_lists_and_nobody_is_worked_after_the_night_of_an_opt_out(worked):
    rows, opted_out, _ = worked
    valid = defaultdict(list)
    for row in rows:
        days = (last_valid_day(row["planned_date"]) - row["planned_date"]).days + 1
        for day in (row["planned_date"] + timedelta(days=n) for n in range(days)):
            valid[row["subscription_id"], day].append(row["contact_id"])
    assert len(valid) > 150
    assert max(len(contacts) for contacts in valid.values()) == 1
    assert len(opted_out) >= 3, "floor: some opted out"
    assert not [key for key in valid if key[0] in opted_out and key[1] > opted_out[key[0]]]


def test_only_what_happened_moves_a_wave(worked):
    rows, _, _ = worked
    again = 0
    for row in rows:
        before = [
            r
            for r in rows
            if r["subscription_id"] == row["subscription_id"]
            and r["campaign_id"] == row["campaign_id"]
            and r["planned_date"] < row["planned_date"]
        ]
        assert (
            row["wave_no"]
            <= 1 + sum(r["made"] for r in before) + sum(not r["made"] for r in before if not r["is_passive"]) // 2
        )
        again += bool(before) and row["wave_no"] == 1
    assert again > 20, "floor: many were tried again in their first wave"


def test_open_recommendation_keeps_its_place_in_the_caps(worked):
    _, _, verdicts = worked
    paused = [row for row in verdicts if row["counted"] == ["MADE", "OPEN"]]
    assert len(paused) > 5, "floor: one contact took place and the next may have been seen"
    assert all(row["all_reasons"] & Reason.CAP_CAMPAIGN.mask for row in paused)


# Control groups: the minimum binds, the list changes its size from night to night.
MINIMUM, EVERYBODY, HALF = 40, 200, 100
WITH_MINIMUM = POLICY.model_copy(update={"control": POLICY.control.model_copy(update={"minimum": MINIMUM})})
SALT, GLOBAL_SHARE = POLICY.control.salt, POLICY.control.global_share
GLOBALLY = {f"S{n:05d}" for n in range(EVERYBODY + 100) if hashed_below(SALT, GLOBAL, f"S{n:05d}", GLOBAL_SHARE)}
NEXT, THIRD = NIGHT + timedelta(days=1), NIGHT + timedelta(days=2)
DRAWN = a_campaign("T_DRAWN", "CRBT", ["SMS"], control_share=0.05)


@pytest.fixture(scope="module")
def control_home(tmp_path_factory):
    settings = settings_for_tests(tmp_path_factory.mktemp("control"))
    sizes = {NIGHT: EVERYBODY, NEXT: HALF, THIRD: EVERYBODY}
    a_night(settings, [a_subscriber(n, snapshot_date=day) for day, size in sizes.items() for n in range(size)], [], [])
    return settings


def decide(spark, settings, night: date, campaign=DRAWN):
    """Targets of a night, the share it fixes (kept in the table as the job keeps it) and who is held back for the campaign."""
    lake = lake_of(spark, settings, night)
    fixed = control_shares.fixed_shares(lake, night)
    targets = find_targets(lake, {campaign.campaign_id: campaign}, night, WITH_MINIMUM)
    new = control_shares.rows_to_fix(fixed, targets, {campaign.campaign_id: campaign}, WITH_MINIMUM, night).to_pylist()
    put(settings, TABLE, [*fixed, *new])
    held = {row["subscription_id"] for row in targets.to_pylist() if row["is_campaign_control"]} - GLOBALLY
    return targets.to_pylist(), new, held


def decisions(targets: list[dict], night: date) -> list[dict]:
    return [
        a_row(
            "gold.campaign_decision",
            subscription_id=row["subscription_id"],
            campaign_id=row["campaign_id"],
            business_date=night,
            all_reasons=row["all_reasons"],
            verdict="CONTROL" if row["is_campaign_control"] else "EXCLUDED",
        )
        for row in targets
    ]


def test_share_is_fixed_on_the_first_night_whatever_the_size_of_the_list_later(spark, control_home):
    settings = control_home
    first, fixed, held = decide(spark, settings, NIGHT)
    assert [(row["control_share"], row["asked_share"], row["targeted_cnt"]) for row in fixed] == [
        (0.2, 0.05, EVERYBODY)
    ]
    assert 20 < len(held) < 60
    second, fixed, still_held = decide(spark, settings, NEXT)
    assert fixed == []
    assert len(second) == HALF
    assert still_held == {row["subscription_id"] for row in second} & held, (
        "nobody treated is held back, nobody held back is treated"
    )
    changed = DRAWN.model_copy(update={"title": "another text"})
    assert decide(spark, settings, THIRD, changed)[1:] == ([], held)

    put(settings, "gold.campaign_decision", decisions(first, NIGHT) + decisions(second, NEXT))
    raised = DRAWN.model_copy(update={"control_share": 0.4})
    third, fixed, held_now = decide(spark, settings, THIRD, raised)
    assert [row["control_share"] for row in fixed] == [0.4]
    assert len(third) == EVERYBODY
    assert held_now == held, "whom a night found due and did not hold back is not drawn by a share raised later"
    newcomers = [a_subscriber(n, snapshot_date=THIRD) for n in range(EVERYBODY + 100)]
    put(settings, "gold.customer_360", newcomers)
    put(settings, TABLE, control_shares.fixed_shares(lake_of(spark, settings, THIRD), THIRD))
    _, _, with_newcomers = decide(spark, settings, THIRD, raised)
    assert 25 < len(with_newcomers - held) < 55, "the new share is for those selected later"

    shares = control_shares.fixed_shares(lake_of(spark, settings, THIRD), THIRD + timedelta(days=1))
    judged = [share_in_force(shares, "T_DRAWN", night) for night in (NIGHT - timedelta(days=1), NIGHT, NEXT, THIRD)]
    assert [row and round(held_back_share(row), 4) for row in judged] == [None, 0.216, 0.216, 0.412]
