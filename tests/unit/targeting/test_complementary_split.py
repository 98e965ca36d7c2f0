"""One city's targets split over complementary channels (4.13 J12): made by the allocation from traits and capacities."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml

from conf.channels import load_channels
from conf.policy import load_policy
from conf.reading import read_yaml
from conf.settings import AllocationSettings
from jobs.rules.exclusion_reasons import Reason
from jobs.targeting.allocate import NOT_CHOSEN, allocate
from jobs.targeting.channel_rules import bits_of
from jobs.targeting.value import Evidence
from tests.unit.targeting.campaigns_for_tests import a_campaign

DECK = read_yaml(Path(__file__).parents[2] / "data" / "deck_figures" / "channel.yaml")["complementary"]
SCALE = 1000  # one of a thousand customers
LISTED = {code: count // SCALE for code, count in DECK["targeted"].items()}
# How the deck describes who is meant for which channel, as the preference (0 to 1) the history of such customers shows.
TRAITS = {
    "SMS": {"SMS": 0.7, "OUTBOUND": 0.1, "STORE": 0.0},  # rarely visit stores, serve themselves seldom
    "OUTBOUND": {
        "SMS": 0.1,
        "OUTBOUND": 0.8,
        "STORE": 0.1,
    },  # silent, got the product in a bundle: somebody must explain it
    "STORE": {"SMS": 0.1, "OUTBOUND": 0.1, "STORE": 0.9},  # low balance, used to stores
}
CITY = a_campaign("T_CITY", "CRBT", list(LISTED))
QUICK = AllocationSettings(gap_target=0.01, time_limit_seconds=60)


@pytest.fixture
def city(tmp_path, monkeypatch):
    """Let the channels of the city be able to do what the deck lists on them; a store sees but a share of those listed."""

    def can_do(**rows: int) -> None:
        channels = []
        for code, count in (LISTED | rows).items():
            use = Evidence().use(load_channels()[code])
            channels.append({"channel_code": code, "capacity_per_day": round(count * use + 0.5) if use < 1 else count})
        (tmp_path / "channels.yaml").write_text(yaml.safe_dump({"channels": channels}), encoding="utf-8")
        monkeypatch.setenv("CLOSEDLOOP_CONF", str(tmp_path))

    return can_do


def people() -> tuple[pa.Table, np.ndarray]:
    """The city's targets in mixed order, each contactable on every channel, and the channel each one's trait speaks for."""
    rng = np.random.default_rng(12)
    meant = rng.permutation(np.repeat(list(LISTED), list(LISTED.values())))
    count = len(meant)
    columns = {
        "subscription_id": [f"S{n:06d}" for n in range(count)],
        "campaign_id": ["T_CITY"] * count,
        "product_id": ["CRBT"] * count,
        "wave_no": pa.array([1] * count, pa.int32()),
        "score": rng.uniform(0.08, 0.16, count),
        "is_model_selected": [True] * count,
        "all_reasons": np.zeros(count, dtype=np.int64),
        "open_channels": [bits_of(LISTED)] * count,
        "month_contact_cnt": np.zeros(count, dtype=np.int32),
    }
    for code in load_channels():
        usual = np.asarray([TRAITS[trait].get(code, 0.5) for trait in meant])
        columns[f"preference_{code}"] = np.clip(usual + rng.normal(0.0, 0.1, count), 0.0, 1.0)
    return pa.table(columns), meant


def split(table: pa.Table):
    allocation = allocate(table, {"T_CITY": CITY}, load_policy(), date(2026, 3, 11), {"T_CITY": 1e9}, QUICK, Evidence())
    codes = [channel.channel_code for channel in allocation.channels]
    return allocation, np.asarray([codes[k] if k != NOT_CHOSEN else "" for k in allocation.chosen_channel])


def test_every_target_gets_one_channel_and_the_lists_add_up_given_j12(city):
    city()
    table, meant = people()
    allocation, chosen = split(table)

    assert DECK["sum"] == SCALE * table.num_rows == 1_370_000
    assert Counter(chosen.tolist()) == LISTED
    assert SCALE * sum(LISTED.values()) == DECK["sum"]
    assert allocation.plan.gap <= QUICK.gap_target
    for code in LISTED:
        assert (chosen[meant == code] == code).mean() > 0.9, f"who is meant for {code} by trait"


def test_capacity_makes_the_split_and_not_the_traits_alone(city):
    city(OUTBOUND=270, SMS=500)
    table, _ = people()
    allocation, chosen = split(table)

    assert Counter(chosen[chosen != ""].tolist()) == LISTED | {"OUTBOUND": 270, "SMS": 500}
    reasons = Counter(allocation.reasons[chosen == ""].tolist())
    assert reasons == {Reason.NOT_CHOSEN_CAPACITY.mask: table.num_rows - 270 - 500 - LISTED["STORE"]}
