"""A small operator with a short history, written once for the tests of the simulator."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from conf.settings import load_settings
from simulator.facts import load_facts
from simulator.history import write_history


def small_settings(home, seed=11):
    """300 subscriptions, 40 days before a first night of 2025-09-19."""
    settings = load_settings("demo", home)
    simulator = settings.simulator.model_copy(update={"subscriptions": 300, "seed": seed})
    initial = settings.initial_load.model_copy(update={"snapshot_dates": (date(2025, 8, 15),)})
    update = {
        "simulator": simulator,
        "initial_load": initial,
        "first_night": date(2025, 9, 19),
        "history_first": date(2025, 8, 10),
    }
    return settings.model_copy(update=update)


def lively_facts():
    """The operator's facts with more broken rows, changed numbers and owners, and files of more than 350 rows split."""
    facts = load_facts()
    rates = {**facts.other_rates, "number_change": 0.001, "owner_change": 0.002}
    shares = {"row_share": 0.002, "unreadable_text_share": 0.03, "utf8_line_share": 0.03, "unknown_code_share": 0.05}
    dirt = {**facts.dirt, **shares, "again_share": 0.003}
    return replace(facts, split_rows=350, other_rates=rates, dirt=dirt)


@pytest.fixture(scope="session")
def small_operator(tmp_path_factory):
    """Settings of a finished small history: a late file, resends, split files."""
    settings = small_settings(tmp_path_factory.mktemp("operator"))
    write_history(settings, facts=lively_facts())
    return settings
