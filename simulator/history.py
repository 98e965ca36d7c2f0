"""Write the extracts of a range of days: state, files, answer key and a marker of what is done."""

from __future__ import annotations

import json
import os
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from conf.feeds import load_feeds
from conf.settings import Settings
from simulator import clock, dirt, key, schedule
from simulator.extract import Delivery
from simulator.facts import Facts, load_facts
from simulator.files import write_delivery
from simulator.identity import build_identity
from simulator.operator_day import Operator
from simulator.state import State
from simulator.world import build_world


class Outcome(NamedTuple):
    """What a run wrote."""

    days: int
    files: int
    rows: int


class Plant:
    """The operator with its folders; makes one day after the other."""

    def __init__(self, settings: Settings, facts: Facts | None = None):
        self.settings, self.facts, self.home = settings, facts or load_facts(), Path(settings.home)
        self.feeds = load_feeds()
        self.slots = {name: slot for slot, name in enumerate(self.feeds)}

    def start(self) -> Operator:
        """The operator on the eve of the history."""
        simulator, first = self.settings.simulator, clock.day_number(self.settings.history_first)
        last = clock.day_number(self.settings.first_night) + self.facts.start_reserve_days
        state = build_world(self.facts, simulator.subscriptions, simulator.seed, first, last)
        return self._operator(state)

    def resume(self, path: Path) -> Operator:
        """The operator as it was saved."""
        return self._operator(State.load(path))

    def _operator(self, state: State) -> Operator:
        seed = self.settings.simulator.seed
        return Operator(state, self.facts, build_identity(state, self.facts, seed), seed, self.settings.simulator.intensity)

    def make_day(self, operator: Operator, day: date, lists: pl.DataFrame | None = None) -> Outcome:
        """Play a day and write its files and its part of the answer key."""
        number, first = clock.day_number(day), day == self.settings.history_first
        rng = np.random.default_rng([self.settings.simulator.seed, 9, number])
        counts: list[dict] = []
        seen = set()
        for name, rows in operator.play(number, lists, first):
            seen.add(name)
            counts += self._deliver(operator, name, rows, day, first, rng)
        for name in ("channel_result", "campaign_execution", "product_order"):
            if name not in seen:
                counts += self._deliver(operator, name, None, day, first, rng)
        key.save_counts(self.home, day, counts)
        return Outcome(1, len(counts), sum(row["rows_in"] for row in counts))

    def _deliver(self, operator: Operator, name: str, rows: pl.DataFrame | None, day: date, first: bool, rng) -> list[dict]:
        feed = self.feeds[name]
        if rows is None:
            rows = pl.DataFrame({field.name: [] for field in feed.fields})
        data_date = schedule.data_date(feed, day)
        is_full = feed.full_snapshot_day is not None and day.day == feed.full_snapshot_day
        delivery = Delivery(name, data_date, rows, schedule.created(feed, day, self.slots[name]), None, 0, is_full)
        delivery.dirty = dirt.plant(feed, delivery, self.facts, rng, clock.day_number(day))
        counts = []
        for version in schedule.versions(delivery, day):
            folder = self.home / "landing" / feed.source
            for written in write_delivery(folder, feed, version, self.facts.province_code, self.facts.split_rows):
                counts.append(key.file_counts(feed, version, written, self.settings.load_cutoff_hour))
        return counts


def write_history(settings: Settings, progress=lambda day, outcome: None) -> Outcome:
    """Write all extracts of the history; a finished history is left as it is."""
    plant = Plant(settings)
    state_folder = plant.home / "simulator_state"
    marker = state_folder / "history.json"
    wanted = _fingerprint(settings)
    if marker.is_file() and json.loads(marker.read_text())["wanted"] == wanted:
        return Outcome(0, 0, 0)
    operator = plant.start()
    total = Outcome(0, 0, 0)
    for day in settings.history:
        done = plant.make_day(operator, day)
        total = Outcome(*(one + other for one, other in zip(total, done, strict=True)))
        progress(day, total)
    save_state(operator, state_folder / f"{settings.history.last}.npz")
    write_marker(marker, {"wanted": wanted, "rows": total.rows, "files": total.files})
    return total


def save_state(operator: Operator, path: Path) -> None:
    """Save the operator's memory."""
    operator.state.save(path)


def write_marker(path: Path, content: dict) -> None:
    """Say in one step that something is finished."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, sort_keys=True))
    os.replace(temporary, path)


def _fingerprint(settings: Settings) -> dict:
    simulator = settings.simulator
    return {
        "subscriptions": simulator.subscriptions, "seed": simulator.seed, "intensity": simulator.intensity,
        "first": str(settings.history.first), "last": str(settings.history.last),
    }  # fmt: skip


def day_before(day: date) -> date:
    """Yesterday."""
    return day - timedelta(days=1)
