"""A history in sums and its last days as records: a large operator in minutes, in bounded memory.

Every day is lived as in the full history (simulator/operator_day.py): people join, leave, adopt, pay. Only the days with records
leave files, the first of them a full delivery of all masters; of those before, history_sums/ holds what silver would have of
use, services, payments, bills, call graph and areas called from. Visits, complaints, orders and old campaigns of these days are
lived and not told.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from conf.dates import DateRange
from conf.settings import Settings
from simulator import clock, hazards, life, money, service, sums
from simulator.canaries import save_canaries
from simulator.changes import Changes
from simulator.drawn import CLOSING_DAY, Day
from simulator.extract import MONEY
from simulator.history import fingerprint, state_folder, write_marker
from simulator.operator_day import BLOCK, Operator
from simulator.plant import Outcome, Plant

FOLDER = "history_sums"
MONTHS_OF_CALLS = 3  # closed months whose call graph the customer view looks at


def write_lean_history(
    settings: Settings, days: int, progress: Callable[[date, str], None] = lambda day, what: None
) -> Outcome:
    """Write `days` days before the first night: those of settings.history as records, all earlier ones as sums.

    Nothing happens when they are there.
    """
    marker, wanted = state_folder(settings) / "history.json", fingerprint(settings) | {"days": days}
    if marker.is_file() and json.loads(marker.read_text())["wanted"] == wanted:
        return Outcome(0, 0, 0)
    first, plant = settings.first_night - timedelta(days=days), Plant(settings)
    operator = plant.start(min(first, settings.history.first))
    told = _SumsOfHistory(operator, settings.path(FOLDER), settings.history)
    for day in DateRange(first, settings.history.first - timedelta(days=1)) if first < settings.history.first else ():
        told.live(day)
        progress(day, "sums")
    total = Outcome(0, 0, 0)
    for day in settings.history:
        total = total.plus(plant.make_day(operator, day))
        progress(day, "records")
    save_canaries(plant.home, operator.state, operator.identity, plant.facts)
    operator.state.save(state_folder(settings) / f"{settings.history.last}.npz")
    write_marker(marker, {"wanted": wanted, "rows": total.rows, "files": total.files})
    return total


class _SumsOfHistory:
    """Lives the days before the records and writes, table by table, what silver would hold of them."""

    def __init__(self, operator: Operator, folder: Path, records: DateRange):
        self.operator, self.folder, self.records = operator, folder, records
        self._days: list[np.ndarray] = []  # keys of the running month's call graph, a day each
        self._areas: np.ndarray | None = None

    def live(self, calendar: date) -> None:
        """Let a day pass and write its sums; at the end of a month its call graph."""
        operator, state, facts = self.operator, self.operator.state, self.operator.facts
        day = clock.day_number(calendar)
        now = Day(state, facts, day, operator.intensity, np.random.default_rng([operator.seed, 5, day]))
        changes = Changes()
        if calendar.day == 1 or not state.intercepts.any():
            state.intercepts = hazards.calibrate(state, facts, day)
        if calendar.day == 1:
            state.called[clock.month_index(day) % len(state.called)] = False
        before = state.charges.sum(axis=0)
        life.advance(now, changes)
        use = sums.DayUse(now)
        tones = service.tone_events(now, changes)
        fees, orders = service.crbt_fees(now, tones), service.misc_orders(now, changes)
        service.complaints(now)
        paid = money.payments(now, money.charge_day(now, before))
        self._write("usage_daily", calendar, use.sums())
        self._write("vas_daily", calendar, sums.vas_rows(now, use, tones, fees, orders))
        self._write("payment", calendar, sums.payment_rows(now, paid, MONEY))
        self._remember_month(calendar, use, sums.tone_keys(state, tones))
        for _, bills in operator.month(now, day):
            if bills is not None:
                self._write("bill_month", calendar, sums.bill_rows(bills, day))
        state.today = np.array(day)

    def _remember_month(self, calendar: date, use: sums.DayUse, tones: np.ndarray) -> None:
        """Keep the day's contacts when its month is closed before the records begin, and is one the view still looks at."""
        tomorrow = calendar + timedelta(days=1)
        month_end = (calendar.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        last = self.records.last
        age = (last.year - calendar.year) * 12 + last.month - calendar.month
        if month_end + timedelta(days=CLOSING_DAY) >= self.records.first or age > MONTHS_OF_CALLS + 1:
            return
        self._days.append(sums.joined([use.edges(), tones]))
        areas = use.areas()
        self._areas = areas if self._areas is None else self._areas + areas
        if tomorrow.day == 1:
            self._close_month(calendar)

    def _close_month(self, calendar: date) -> None:
        state, end = self.operator.state, clock.day_number(calendar)
        for start in range(0, state.size, BLOCK):
            block = range(start, min(start + BLOCK, state.size))
            rows = sums.edge_rows(state, self._days, block, end)
            self._write("contact_edge_month", calendar, rows, f"-{start:09d}")
        if self._areas is not None:
            self._write("call_area_month", calendar, sums.area_rows(state, self._areas, end))
        self._days, self._areas = [], None

    def _write(self, table: str, calendar: date, rows: pl.DataFrame, part: str = "") -> None:
        folder = self.folder / table
        folder.mkdir(parents=True, exist_ok=True)
        rows.sort("subscription_id").write_parquet(folder / f"{calendar}{part}.parquet", compression_level=1)
