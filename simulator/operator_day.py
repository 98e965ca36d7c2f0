"""All extracts of one business date, and the state after it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from simulator import campaigns, clock, hazards, life, masters, money, service, usage
from simulator.changes import Changes
from simulator.drawn import Day
from simulator.facts import Facts
from simulator.planted import Planted
from simulator.state import State
from simulator.world import FORMER, GHOST, NORMAL

BLOCK = 200_000  # subscriptions whose usage is made at once: bounds memory at a million
BILL_DAY = 7  # business date on whose night the bill of last month is delivered


class Operator:
    """The synthetic operator: state, facts and fixed identities; `play` lets one day pass."""

    def __init__(self, state: State, facts: Facts, identity: pl.DataFrame, seed: int, intensity: float):
        self.state, self.facts, self.identity, self.seed, self.intensity = state, facts, identity, seed, intensity
        self.events: list[dict[str, np.ndarray]] = []
        self.uplifts: list[dict] = []

    def play(
        self, day: int, lists: pl.DataFrame | None = None, first: bool = False, planted: Planted | None = None
    ) -> Iterator[tuple[str, pl.DataFrame | None]]:
        """Yield (feed, rows) of a day, ordered so that large frames can be written and forgotten one by one."""
        state, facts = self.state, self.facts
        rng = np.random.default_rng([self.seed, 5, day])
        now, changes = Day(state, facts, day, self.intensity, rng), Changes()
        now.is_first, now.planted = first, planted or Planted()
        if first or clock.as_date(day).day == 1:
            state.intercepts = hazards.calibrate(state, facts, day)
            state.called[clock.month_index(day) % len(state.called)] = False
        before = state.charges.sum(axis=0)
        life.advance(now, changes)
        yield "cs_contact", self._service(now, changes, lists)
        yield from self._usage(now)
        yield from self._vas(now, changes)
        yield from self._masters(now, changes, first)
        yield "payment", money.payments(now, money.charge_day(now, before))
        yield "balance", money.balances(now)
        yield from self.month(now, day)
        yield "product_order", changes.rows("product_order")
        state.today = np.array(day)
        self.events += changes.events
        self.uplifts += now.uplifts

    def _service(self, now: Day, changes: Changes, lists: pl.DataFrame | None) -> pl.DataFrame:
        visits, visitors = service.contacts(now)
        campaigns.play_history(now, changes)
        if lists is not None:
            campaigns.answer_lists(now, changes, lists, visitors)
        extra = changes.rows("cs_contact")
        return visits if extra is None else pl.concat([visits, extra], how="vertical_relaxed")

    def _usage(self, now: Day) -> Iterator[tuple[str, pl.DataFrame | None]]:
        live = np.flatnonzero(self.state.live & (self.state.kind == NORMAL))
        for feed, make in (
            ("cdr_voice", usage.voice),
            ("cdr_sms", usage.sms),
            ("cdr_gprs", usage.gprs),
            ("mms_event", usage.mms),
        ):
            blocks = [make(now, live[start : start + BLOCK]) for start in range(0, len(live), BLOCK)]
            rows = pl.concat(blocks)
            if feed == "mms_event":
                rows = rows.with_columns(mm_seq=pl.int_range(pl.len()) + now.day * 10**8)
            yield feed, rows

    def _vas(self, now: Day, changes: Changes) -> Iterator[tuple[str, pl.DataFrame | None]]:
        tones = service.tone_events(now, changes)
        yield "crbt_tone_event", tones
        yield "crbt_fee", service.crbt_fees(now, tones)
        yield "misc_order", service.misc_orders(now, changes)
        yield "complaint", service.complaints(now)
        yield "list_member", service.list_members(now, self.facts)
        yield "channel_result", changes.rows("channel_result")
        yield "campaign_execution", changes.rows("campaign_execution")

    def _masters(self, now: Day, changes: Changes, first: bool) -> Iterator[tuple[str, pl.DataFrame | None]]:
        state, facts, day = self.state, self.facts, now.day
        full = first or clock.as_date(day).day == 1
        self._count_people(now, first)
        born = (state.act <= day) & (state.kind != FORMER) | first & (state.kind == FORMER)
        everyone = np.flatnonzero(born)
        chosen = lambda feed, all_of=everyone: all_of if full else changes.marked(feed)  # noqa: E731
        customers = np.unique(state.customer[everyone]) if full else changes.marked("customer")
        yield "customer", masters.customers(state, self.identity, customers)
        yield "subscription", masters.subscriptions(state, facts, chosen("subscription"), day)
        yield "subscription_status", masters.statuses(state, chosen("subscription_status"))
        normal = everyone[state.kind[everyone] == NORMAL]
        yield "subscription_imei", masters.handsets(state, chosen("subscription_imei", normal), day)
        with_contract = normal[state.contract_seq[normal] > 0]
        yield "agreement", masters.agreements(state, chosen("agreement", with_contract))
        product, who = self._product_pairs(changes, normal, full)
        yield "product_subscription", masters.product_rows(state, facts, product, who)
        ever = normal[state.prod_on[facts.product("CRBT"), normal] > 0]
        yield "crbt_subscription", masters.crbt_rows(state, facts, chosen("crbt_subscription", ever))
        yield "corporate_customer", masters.corporates(state) if full else masters.corporates(state).head(0)
        yield "account_manager", masters.managers(state, facts)
        yield "product_offering", masters.catalogue(facts) if full else masters.catalogue(facts).head(0)
        if full:
            yield "tac_device", masters.tac_devices()

    def _count_people(self, now: Day, first: bool) -> None:
        """Lines delivered for the first time that are second live ids (D1) or test and staff lines (D8)."""
        state = self.state
        joined = state.live & (state.act == now.day) & (state.kind == NORMAL)
        new = (state.act <= now.day) | (state.kind == FORMER) if first else joined
        now.planted.add("D8", "subscription", (new & (state.user_type != 1)).sum(), "user_type")
        if first:
            now.planted.add("D1", "subscription", (state.kind == GHOST).sum())

    def _product_pairs(self, changes: Changes, normal: np.ndarray, full: bool) -> tuple[np.ndarray, np.ndarray]:
        if full:
            product, place = np.nonzero(self.state.prod_on[:, normal] > 0)
            return product, normal[place]
        if not changes.products:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        pairs = np.unique(np.concatenate([number * self.state.size + who for number, who in changes.products]))
        return pairs // self.state.size, pairs % self.state.size

    def month(self, now: Day, day: int) -> Iterator[tuple[str, pl.DataFrame | None]]:
        """The bills of last month on their day; on the last day of a month its charges become the next bill."""
        today, tomorrow = clock.as_date(day), clock.as_date(day + 1)
        if today.day == BILL_DAY and self.state.bill.any():
            yield "bill_summary", money.bills(self.state, day - BILL_DAY)
        if tomorrow.day == 1:
            money.close_month(self.state, now.rng, self.facts)
