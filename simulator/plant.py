"""Turns the operator's rows into delivered files, one day after the other, and counts them in the answer key."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from conf.feeds import Feed, load_feeds
from conf.settings import Settings
from simulator import clock, dirt, key, schedule
from simulator.extract import Delivery
from simulator.facts import Facts, load_facts
from simulator.files import data_name, write_delivery
from simulator.identity import build_identity
from simulator.operator_day import Operator
from simulator.planted import Planted
from simulator.state import State
from simulator.world import build_world


class Outcome(NamedTuple):
    """What a run wrote."""

    days: int
    files: int
    rows: int

    def plus(self, other: Outcome) -> Outcome:
        """Both together."""
        return Outcome(self.days + other.days, self.files + other.files, self.rows + other.rows)


class Plant:
    """The operator's interface machines: contracts, folders and timetable."""

    def __init__(self, settings: Settings, facts: Facts | None = None):
        self.settings, self.facts, self.home = settings, facts or load_facts(), Path(settings.home)
        self.feeds = load_feeds()
        self.slots = {name: slot for slot, name in enumerate(self.feeds)}
        self.schedule = schedule.Schedule(self.facts.schedule, settings.history_first)

    def start(self, first_day: date | None = None) -> Operator:
        """The operator on the eve of the history, or of an earlier first day."""
        simulator, first = self.settings.simulator, clock.day_number(first_day or self.settings.history_first)
        last = clock.day_number(self.settings.first_night) + self.facts.start_reserve_days
        return self._operator(build_world(self.facts, simulator.subscriptions, simulator.seed, first, last))

    def resume(self, path: Path) -> Operator:
        """The operator as it was saved."""
        return self._operator(State.load(path))

    def _operator(self, state: State) -> Operator:
        simulator = self.settings.simulator
        return Operator(
            state, self.facts, build_identity(state, self.facts, simulator.seed), simulator.seed, simulator.intensity
        )

    def make_day(self, operator: Operator, day: date, lists: pl.DataFrame | None = None) -> Outcome:
        """Play a day and write its files and its part of the answer key."""
        number, first = clock.day_number(day), day == self.settings.history_first
        rng = np.random.default_rng([self.settings.simulator.seed, 9, number])
        counts: list[dict] = []
        planted = Planted()
        for name, rows in operator.play(number, lists, first, planted):
            counts += self._deliver(name, rows, day, rng, planted)
        key.save_counts(self.home, day, counts)
        planted.save(self.home, day)
        return Outcome(1, len(counts), sum(row["rows_in"] for row in counts))

    def _deliver(
        self, name: str, rows: pl.DataFrame | None, day: date, rng: np.random.Generator, planted: Planted
    ) -> list[dict]:
        feed = self.feeds[name]
        if rows is None:
            rows = pl.DataFrame({field.name: [] for field in feed.fields})
        planted.count_rows(feed, rows, schedule.data_date(feed, day))
        rows = dirt.vary_numbers(feed, rows, self.facts, rng, planted)
        rows = dirt.spoil_cells(feed, rows, self.facts, rng, planted)
        is_full = feed.full_snapshot_day is not None and day.day == feed.full_snapshot_day
        created = self.schedule.created(feed, day, self.slots[name])
        delivery = Delivery(name, schedule.data_date(feed, day), rows, created, None, 0, is_full)
        delivery.dirty = dirt.plant(feed, delivery, self.facts, rng)
        if feed.cadence == "daily":
            before = Delivery(name, delivery.data_date - timedelta(days=1), rows, created, None, 0, is_full)
            yesterday = self.home / "landing" / feed.source / data_name(feed, before, self.facts.province_code, 1)
            dirt.repeat_yesterday(feed, delivery, yesterday, self.facts, rng, planted)
        return self._write(feed, self.schedule.versions(feed, delivery, day))

    def _write(self, feed: Feed, versions: list[Delivery]) -> list[dict]:
        """Write each version; of files replaced in place only the last ones count, as nobody ever sees the others."""
        folder = self.home / "landing" / feed.source
        counts: list[dict] = []
        for version in versions:
            if schedule.replaced_in_place(feed):
                counts = []
            for written in write_delivery(folder, feed, version, self.facts.province_code, self.facts.split_rows):
                counts.append(key.file_counts(feed, version, written, self.settings.load_cutoff_hour))
        return counts
