"""Which published snapshots train and which one judges; whose ties their labels follow."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from conf.models import load_models
from jobs.scoring.labels import _first_month
from jobs.scoring.matrix import _spread
from jobs.view.snapshot import Snapshot

JUDGES = date(2026, 2, 7)


def chosen(*days_before, count=4):
    config = load_models()
    config = config.model_copy(update={"cut_offs": config.cut_offs.model_copy(update={"count": count})})
    found = _spread([JUDGES - timedelta(days=days) for days in sorted(days_before)], config)
    return [(JUDGES - day).days for day in found]


def test_every_snapshot_a_gap_apart_trains_up_to_the_count():
    assert chosen(0, 1, 29, 31, 45, 61, 91, 121) == [0, 31, 61, 91]
    assert chosen(0, 30, 60, 90, count=2) == [0, 30]


def test_two_snapshots_are_enough_and_one_is_not():
    assert chosen(0, 30) == [0, 30]
    assert chosen(0, 29) == [0]


def test_no_label_window_reaches_into_the_judging_snapshot_given_a_shorter_gap():
    config = load_models()
    close = config.model_copy(update={"cut_offs": config.cut_offs.model_copy(update={"gap_days": 7})})

    found = _spread([JUDGES - timedelta(days=days) for days in (0, 7, 28, 32, 36, 40)], close)

    assert [(JUDGES - day).days for day in found] == [0, 32, 40]


@pytest.mark.parametrize("day", [date(2026, 1, 1), date(2026, 1, 2), date(2026, 2, 28), date(2026, 3, 1)])
def test_labels_and_view_ask_the_same_months_for_ties(day):
    assert _first_month(day, 3) == Snapshot(None, day).closed_months(3)[-1]
