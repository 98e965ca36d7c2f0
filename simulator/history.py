"""Write the extracts of the history or of one day: files, answer key, state, and a marker of what is done."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from conf.errors import InputRefused
from conf.files import write_whole
from conf.settings import Settings
from simulator import key, truth
from simulator.canaries import save_canaries
from simulator.facts import Facts
from simulator.fill_rates import save_fill_rates
from simulator.lists import read_lists
from simulator.operator_day import Operator
from simulator.plant import Outcome, Plant


def write_history(
    settings: Settings,
    progress: Callable[[date, Outcome], None] = lambda day, outcome: None,
    facts: Facts | None = None,
) -> Outcome:
    """Write all extracts of the history; a finished history is left as it is. `facts` are those of simulator/operator.yaml."""
    plant = Plant(settings, facts)
    marker, wanted = state_folder(settings) / "history.json", fingerprint(settings)
    if _is_done(marker, wanted):
        return Outcome(0, 0, 0)
    operator, total = plant.start(), Outcome(0, 0, 0)
    for day in settings.history:
        total = total.plus(plant.make_day(operator, day))
        if day in settings.initial_load.snapshot_dates:
            _keep_truth(plant, operator, day)
        progress(day, total)
    events = truth.event_frame(operator.events)
    key.save(events, plant.home / "answer_key" / "truth" / "events.parquet")
    truth.fill_labels(plant.home, events, settings.history.last)
    _finish(plant, operator, settings.history.last)
    write_marker(marker, {"wanted": wanted, "rows": total.rows, "files": total.files})
    return total


class DayResult(NamedTuple):
    """What `write_day` did: files and rows written, contacts answered, or nothing because it was there."""

    outcome: Outcome
    contacts: int
    was_done: bool


def write_day(settings: Settings, day: date) -> DayResult:
    """Write the extracts of a day after the history, with the answers to the lists exported for it.

    A day is made from the state of the day before. Made again with the same lists it is left as it is; with other lists it
    is refused, as its files may have been loaded already.
    """
    before = day - timedelta(days=1)
    source, marker = state_folder(settings) / f"{before}.npz", state_folder(settings) / f"{day}.json"
    if day <= settings.history.last:
        raise InputRefused(f"simulator day {day}: belongs to the history, which `simulator history` writes")
    if not source.is_file():
        raise InputRefused(
            f"simulator day {day}: found no state of {before} in {source.parent}; make that day (or the history) first"
        )
    contacts, digests = read_lists(Path(settings.home), day)
    wanted: dict[str, Any] = {**fingerprint(settings), "lists": digests}
    if marker.is_file():
        if _is_done(marker, wanted):
            return DayResult(Outcome(0, 0, 0), len(contacts) if contacts is not None else 0, True)
        raise InputRefused(
            f"simulator day {day}: found other lists or settings than those it was made with; its files may be loaded already\n"
            f"  to do:  delete {marker} and its landing files to make it anew"
        )
    plant = Plant(settings)
    operator = plant.resume(source)
    outcome = plant.make_day(operator, day, contacts)
    _keep_truth(plant, operator, day)
    _finish(plant, operator, day)
    write_marker(marker, {"wanted": wanted, "rows": outcome.rows, "files": outcome.files})
    return DayResult(outcome, len(contacts) if contacts is not None else 0, False)


def _keep_truth(plant: Plant, operator: Operator, day: date) -> None:
    truth.save_snapshot(plant.home, operator.state, plant.facts, day, operator.intensity)
    save_fill_rates(plant.home, operator.state, plant.facts, day)


def _finish(plant: Plant, operator: Operator, day: date) -> None:
    """Keep the state, the true effect of campaigns so far and the personal data that must not leak."""
    save_uplifts(plant, operator, day)
    save_canaries(plant.home, operator.state, operator.identity, plant.facts)
    operator.state.save(state_folder(plant.settings) / f"{day}.npz")


def save_uplifts(plant: Plant, operator: Operator, day: date) -> None:
    """True effect per campaign, channel and product: expected adoptions the contacts brought about by themselves.

    Kept for people; no test holds the measured lift against it yet.
    """
    folder = plant.home / "answer_key" / "campaign_days"
    if operator.uplifts:
        key.save(pl.DataFrame(operator.uplifts), folder / f"{day}.parquet")
    if not any(folder.glob("*.parquet")):
        return
    everything = pl.read_parquet(str(folder / "*.parquet"))
    totals = everything.group_by("campaign_id", "channel_code", "product_id").agg(
        pl.col("contacts", "arrived", "expected_extra").sum()
    )
    rate = (pl.col("expected_extra") / pl.col("contacts")).alias("true_uplift")
    key.save(
        totals.with_columns(rate).sort("campaign_id", "channel_code"), plant.home / "answer_key" / "campaigns.parquet"
    )


def state_folder(settings: Settings) -> Path:
    """Where the operator's memory lies."""
    return Path(settings.home) / "simulator_state"


def write_marker(path: Path, content: dict) -> None:
    """Say in one step that something is finished."""
    write_whole(path, json.dumps(content, sort_keys=True))


def _is_done(marker: Path, wanted: dict) -> bool:
    return marker.is_file() and json.loads(marker.read_text())["wanted"] == wanted


def fingerprint(settings: Settings) -> dict[str, Any]:
    """What a history is made from: another one is another history."""
    simulator = settings.simulator
    return {
        "subscriptions": simulator.subscriptions,
        "seed": simulator.seed,
        "intensity": simulator.intensity,
        "first": str(settings.history.first),
        "last": str(settings.history.last),
    }
