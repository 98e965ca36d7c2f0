"""What changes on a day: changed masters by feed, orders of products, realised events of the planted truth."""

from __future__ import annotations

import numpy as np
import polars as pl

from simulator import clock
from simulator.drawn import Day
from simulator.usage import fill, pick

ORDER_CHANNELS = ["STORE", "WEB", "HOTLINE", "SMS"]
LEFT, CRBT_LOST, CRBT_WON, NEWSPAPER_WON = range(4)  # kinds of events in the answer key


class Changes:
    """What changed on a day, by master feed, and the orders and events that say so."""

    def __init__(self) -> None:
        self.who: dict[str, list[np.ndarray]] = {}
        self.products: list[tuple[np.ndarray, np.ndarray]] = []
        self.frames: dict[str, list[pl.DataFrame]] = {}
        self.events: list[dict[str, np.ndarray]] = []
        self.copies: list[tuple[np.ndarray, np.ndarray]] = []

    def mark(self, feed: str, who: np.ndarray) -> None:
        """Note subscriptions whose row of a master feed changed."""
        self.who.setdefault(feed, []).append(np.asarray(who, dtype=np.int64))

    def marked(self, feed: str) -> np.ndarray:
        """Subscriptions changed for a feed, each once, ascending."""
        parts = self.who.get(feed, [])
        return np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.int64)

    def add(self, feed: str, rows: pl.DataFrame) -> None:
        """Rows of an event feed."""
        if len(rows):
            self.frames.setdefault(feed, []).append(rows)

    def rows(self, feed: str) -> pl.DataFrame | None:
        """All rows of an event feed, or None."""
        parts = self.frames.get(feed)
        return pl.concat(parts, how="vertical_relaxed") if parts else None

    def event(
        self, kind: int, day: int, who: np.ndarray, cause: np.ndarray | None = None, campaign: bool = False
    ) -> None:
        """Note realised events of the planted truth."""
        count = len(who)
        self.events.append(
            {
                "day": np.full(count, day),
                "who": who.astype(np.int64),
                "kind": np.full(count, kind),
                "cause": np.full(count, -1) if cause is None else cause,
                "campaign": np.full(count, int(campaign)),
            }
        )


def order(
    now: Day,
    changes: Changes,
    who: np.ndarray,
    prod_id: str,
    action: str,
    campaign_id: str | None = None,
    channel: str | None = None,
    staff: pl.Series | None = None,
) -> np.ndarray:
    """Write product orders; returns their numbers."""
    state, count = now.state, len(who)
    number = int(state.order_seq) + 1 + np.arange(count, dtype=np.int64)
    state.order_seq = np.array(int(state.order_seq) + count)
    channels = fill(channel, count) if channel else pick(ORDER_CHANNELS, now.rng.integers(0, 4, count))
    changes.add(
        "product_order",
        pl.DataFrame(
            {
                "order_id": number + 10**11,
                "user_id": state.user_id(who),
                "product_no": state.msisdn[who],
                "op_code": fill({"ADD": "A01", "DELETE": "D01"}.get(action, "C01"), count),
                "action": fill(action, count),
                "prod_id": fill(prod_id, count),
                "op_time": clock.datetime14(now.day, clock.busy_seconds(now.rng, count)),
                "channel_id": channels,
                "staff_id": staff if staff is not None else fill(None, count),
                "eff_date": clock.yyyymmdd(np.full(count, now.day)),
                "end_date": clock.yyyymmdd(np.full(count, now.day if action == "DELETE" else 0)),
                "status": fill("OK", count),
                "campaign_id": fill(campaign_id, count),
            }
        ),
    )
    return number + 10**11


def adopt(
    now: Day, changes: Changes, who: np.ndarray, prod_id: str, campaign_id: str | None = None, **details
) -> np.ndarray:
    """Subscriptions take a product from today on; returns the order numbers."""
    state, number = now.state, now.facts.product(prod_id)
    state.prod_on[number, who], state.prod_off[number, who] = now.day, 0
    changes.products.append((np.full(len(who), number), np.asarray(who)))
    if prod_id == "CRBT":
        state.tone_last[who], state.club[who] = now.day, 0
        state.crbt_channel[who] = now.rng.integers(0, 5, len(who))
        changes.mark("crbt_subscription", who)
    return order(now, changes, who, prod_id, "ADD", campaign_id, **details)


def give_back(now: Day, changes: Changes, who: np.ndarray, prod_id: str) -> None:
    """Subscriptions end a product today."""
    number = now.facts.product(prod_id)
    now.state.prod_off[number, who] = now.day
    changes.products.append((np.full(len(who), number), np.asarray(who)))
    order(now, changes, who, prod_id, "DELETE")
